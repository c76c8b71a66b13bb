"""C-FIND: identifiers to searches of the index, and what is found to identifiers (PS3.4 C.4.1)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from repertory.actors.dicom import statuses
from repertory.actors.dicom.negotiation import (
    PATIENT_ROOT_FIND,
    PATIENT_STUDY_ONLY_FIND,
    STUDY_ROOT_FIND,
)
from repertory.actors.dicom.options import FindLimits
from repertory.actors.messages.finding import FindResources, ReadFoundTags
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.criteria import Criteria
from repertory.errors import BadParameter
from repertory.model import Level, ResourceId, TagForm
from repertory.storage.dicom.identifiers import IdentifierWriter
from repertory.storage.dicom.names import asked_entry, parse_tag
from repertory.storage.dicom.wire import (
    SPECIFIC_CHARACTER_SET,
    read_identifier,
)
from repertory.storage.encoding import TextEncoding
from repertory.storage.resolving import COMPUTED, MODALITIES_IN_STUDY

QUERY_RETRIEVE_LEVEL: Final = "0008,0052"
RETRIEVE_AE_TITLE: Final = "0008,0054"
TIMEZONE: Final = "0008,0201"

LEVELS: Final = {
    "PATIENT": Level.PATIENT,
    "STUDY": Level.STUDY,
    "SERIES": Level.SERIES,
    "IMAGE": Level.INSTANCE,
    "INSTANCE": Level.INSTANCE,  # as Orthanc and others take it
}
WORDS: Final = {
    Level.PATIENT: "PATIENT",
    Level.STUDY: "STUDY",
    Level.SERIES: "SERIES",
    Level.INSTANCE: "IMAGE",
}
_LEVELS_OF_MODEL: Final = {
    PATIENT_ROOT_FIND: frozenset(Level),
    STUDY_ROOT_FIND: frozenset((Level.STUDY, Level.SERIES, Level.INSTANCE)),
    PATIENT_STUDY_ONLY_FIND: frozenset((Level.PATIENT, Level.STUDY)),
}
# Unique keys: below its own level, one names what is above; at an upper level it means nothing.
_UNIQUE: Final = {
    "0020,000d": Level.STUDY,
    "0020,000e": Level.SERIES,
    "0008,0018": Level.INSTANCE,
}
_NO_KEYS: Final = frozenset(
    (SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL, RETRIEVE_AE_TITLE, TIMEZONE)
)
_UNNAMED: Final = "Unknown Tag & Data"

FIRST_PAGE: Final = 64
PAGE: Final = 512
"""Resources whose tags are read at a time; few at first, so that the answer begins soon."""

Answers = Iterator[tuple[int, bytes]]
Identifier = Mapping[str, Any]


class Finding:
    """Answers queries of the Query/Retrieve service by the index."""

    def __init__(
        self,
        board: Switchboard,
        *,
        aet: str,
        limits: FindLimits,
        encoding: TextEncoding | None = None,
    ) -> None:
        self._board = board
        self._encoding = encoding or TextEncoding()
        self._aet = aet
        self._limits = limits

    def find(
        self,
        data: bytes,
        *,
        sop_class: str,
        transfer_syntax: str,
        adjust: Callable[[Identifier], Identifier] = lambda asked: asked,
    ) -> tuple[Answers, int]:
        """What a query finds, each with its status, and the status that comes last.

        Args:
            data: the identifier.
            sop_class: the information model.
            transfer_syntax: how the identifier is written.
            adjust: makes of it what is searched by; what is told stays what was asked for.

        Raises:
            NotDicom: the identifier cannot be read.
            BadParameter: it does not match the SOP class.
            ScriptFailed: it cannot be adjusted.
        """
        identifier = read_identifier(data, transfer_syntax, default_encoding=self._encoding.name)
        level = level_of(identifier, sop_class)
        keys = [it for it in identifier if it not in _NO_KEYS and _is_known(it)]
        constraints, left_out = _constraints(level, adjust(identifier))
        limit = self._limits.instances if level is Level.INSTANCE else self._limits.results
        criteria = Criteria(level=level, tags=tuple(constraints), limit=limit + 1 if limit else 0)
        found = self._board.ask(FindResources(criteria=criteria))
        pending = statuses.PENDING_WITH_UNSUPPORTED_KEYS if left_out else statuses.PENDING
        charset = str(identifier.get(SPECIFIC_CHARACTER_SET) or "ISO_IR 100")

        writer = IdentifierWriter(
            keys,
            {QUERY_RETRIEVE_LEVEL: WORDS[level], RETRIEVE_AE_TITLE: self._aet},
            transfer_syntax,
            prefers=charset,
        )

        def answers() -> Answers:
            for page in self._pages(level, found[:limit] if limit else found, tuple(keys)):
                for tags in page:
                    yield pending, writer.write(tags)

        # As Orthanc has it: what the limit cut off is told as if somebody had cancelled.
        cut_off = bool(limit) and len(found) > limit
        return answers(), statuses.CANCELLED if cut_off else statuses.SUCCESS

    def _pages(
        self, level: Level, found: tuple[ResourceId, ...], keys: tuple[str, ...]
    ) -> Iterator[tuple[Mapping[str, Any], ...]]:
        """The tags of what was found; one page is read while another one is sent.

        What was deleted meanwhile is left out.
        """

        def read(start: int, size: int) -> Reply[tuple[Mapping[str, Any], ...]]:
            some = Criteria(level=level, among=found[start : start + size])
            question = ReadFoundTags(criteria=some, requested=keys, form=TagForm.SHORT)
            return self._board.ask_soon(question)

        start, size = 0, FIRST_PAGE
        coming = read(start, size) if found else None
        while coming is not None:
            page, coming = coming, None
            start, size = start + size, PAGE
            if start < len(found):
                coming = read(start, size)
            yield page.get(timeout=self._board.patience)


def level_of(identifier: Mapping[str, Any], sop_class: str) -> Level:
    """The level that an identifier is about.

    Raises:
        BadParameter: it names none that the information model has.
    """
    word = str(identifier.get(QUERY_RETRIEVE_LEVEL) or "").strip().upper()
    level = LEVELS.get(word)
    if level is None or level not in _LEVELS_OF_MODEL.get(sop_class, frozenset(Level)):
        raise BadParameter("QueryRetrieveLevel is none of the information model.")
    return level


def _constraints(level: Level, identifier: Mapping[str, Any]) -> tuple[list[tuple[str, str]], bool]:
    """What is searched by, and whether something was left out that cannot be."""
    constraints, left_out = [], False
    for tag, value in identifier.items():
        if tag in _NO_KEYS or _is_universal(value):
            continue
        if _is_known(tag) and isinstance(value, str) and _is_searched(level, tag):
            constraints.append((tag, value))
        else:
            left_out = True
    return constraints, left_out


def _is_universal(value: Any) -> bool:
    """Whether everything matches (PS3.4 C.2.2.2.3); a lone "*" too matches what is empty."""
    if isinstance(value, list):
        return all(_is_universal(it) for item in value for it in item.values())
    return value is None or str(value).strip() in ("", "*")


def _is_known(tag: str) -> bool:
    number = parse_tag(tag) or 0
    return _is_public(number) and asked_entry(number).name != _UNNAMED


def _is_public(number: int) -> bool:
    """Whether a tag is in the standard, or in what the configuration adds to it."""
    return number & 0xFFFF != 0 and (not number & 0x10000 or asked_entry(number).is_taught)


def _is_searched(level: Level, tag: str) -> bool:
    if tag == MODALITIES_IN_STUDY:
        return level >= Level.STUDY
    return tag not in COMPUTED and _UNIQUE.get(tag, Level.PATIENT) <= level
