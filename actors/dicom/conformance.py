"""What the archive does by the DICOM protocol, in words (PS3.2)."""

from collections.abc import Iterable, Mapping
from typing import Final

from repertory.actors.dicom.negotiation import (
    COMMITMENT,
    GETS,
    MOVES,
    PATIENT_ROOT_FIND,
    PATIENT_STUDY_ONLY_FIND,
    STUDY_ROOT_FIND,
    VERIFICATION,
    WORKLIST_FIND,
)
from repertory.storage.dicom.wire import uid_names

_FINDS: Final = (PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_STUDY_ONLY_FIND)
_SERVED: Final[Mapping[str, tuple[str, ...]]] = {
    "C-ECHO": (VERIFICATION,),
    "C-FIND": (*_FINDS, WORKLIST_FIND),
    "C-MOVE": tuple(sorted(MOVES)),
    "C-GET": tuple(sorted(GETS)),
    "N-ACTION (storage commitment)": (COMMITMENT,),
}
_CALLED: Final[Mapping[str, tuple[str, ...]]] = {
    "C-ECHO": (VERIFICATION,),
    "C-FIND": (*_FINDS[:2], WORKLIST_FIND),
    "C-MOVE": tuple(sorted(MOVES))[:2],
    "C-GET": tuple(sorted(GETS))[:2],
    "N-ACTION (storage commitment)": (COMMITMENT,),
}


def statement(sop_classes: Iterable[str], transfer_syntaxes: Iterable[str]) -> str:
    """The conformance statement of an archive that takes these instances in these syntaxes."""
    stored = tuple(sop_classes)
    parts = [_title("DICOM conformance statement of Repertory", "=")]
    parts += [_service("SCP", name, classes) for name, classes in _SERVED.items()]
    parts.append(_service("SCP", "C-STORE", stored))
    parts += [_service("SCU", name, classes) for name, classes in _CALLED.items()]
    parts.append(
        f"{_title('SCU of C-STORE', '-')}\n"
        "Whatever the archive holds is sent, of whatever SOP class, in its own transfer syntax.\n"
    )
    parts.append(f"{_title('Transfer syntaxes', '-')}\n{_table(transfer_syntaxes)}")
    return "\n\n".join(parts)


def _service(role: str, name: str, classes: Iterable[str]) -> str:
    return f"{_title(f'{role} of {name}', '-')}\n{_table(classes)}"


def _title(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def _table(uids: Iterable[str]) -> str:
    names = uid_names()
    rows = [(names.get(uid, "(without a name)"), uid) for uid in uids]
    width = max((len(name) for name, _ in rows), default=0)
    return "".join(f"  {name:{width}} | {uid}\n" for name, uid in rows) or "  (none)\n"
