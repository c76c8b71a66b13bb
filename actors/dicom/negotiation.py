"""Which presentation contexts are accepted (PS3.8 7.1.1.13)."""

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase

from repertory.actors.dicom.options import StorageRules
from repertory.actors.dicom.upper.associating import Answered, Proposed, Result, Roles
from repertory.actors.dicom.upper.association import Context
from repertory.storage.dicom.wire import (
    EXPLICIT,
    IMPLICIT,
    storage_classes,
    transfer_syntaxes,
)

VERIFICATION = "1.2.840.10008.1.1"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PATIENT_STUDY_ONLY_FIND = "1.2.840.10008.5.1.4.1.2.3.1"  # retired; PS3.4-2004 C.6.3

MOVES = frozenset(f"1.2.840.10008.5.1.4.1.2.{root}.2" for root in (1, 2, 3))
GETS = frozenset(f"1.2.840.10008.5.1.4.1.2.{root}.3" for root in (1, 2, 3))

WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
COMMITMENT = "1.2.840.10008.1.20.1"

PLAIN = (
    frozenset(
        {
            VERIFICATION,
            PATIENT_ROOT_FIND,
            STUDY_ROOT_FIND,
            PATIENT_STUDY_ONLY_FIND,
            WORKLIST_FIND,
            COMMITMENT,
        }
    )
    | MOVES
    | GETS
)
"""SOP classes whose messages hold no instances: the two usual transfer syntaxes suffice."""


class Negotiator:
    """Says what the archive takes of what is proposed."""

    def __init__(self, rules: StorageRules, *, stores: bool, denied: Collection[str] = ()) -> None:
        """Take the rules.

        Args:
            rules: which instances are taken.
            stores: whether any are.
            denied: SOP classes of services that the archive does not give.
        """
        self._rules = rules
        self._stores = stores
        self._denied = frozenset(denied)

    def answer(
        self, proposed: Iterable[Proposed], roles: Mapping[str, Roles]
    ) -> tuple[tuple[Answered, ...], dict[int, Context], dict[str, Roles]]:
        """What becomes of the proposed contexts: the answers, what is agreed on, and the roles.

        Of the syntaxes of a context, the first that is taken is. ``roles`` are those that the
        proposer wants to play: whoever retrieves by C-GET is sent instances, where otherwise it
        sends them (PS3.7 D.3.3.4). It is sent them in the syntax that most are stored in.
        """
        answers = []
        contexts = {}
        agreed: dict[str, Roles] = {}
        for it in proposed:
            uid = it.abstract_syntax
            # Who asks us for commitment is its user, who reports theirs is its provider.
            sends = uid == COMMITMENT or (uid not in PLAIN and self.stores(uid))
            wanted = roles.get(uid) if uid not in PLAIN or uid == COMMITMENT else None
            is_known = uid in PLAIN or sends or (wanted is not None and wanted.scp)
            if uid in self._denied or not is_known:
                result, syntax = Result.ABSTRACT_SYNTAX_UNKNOWN, ""
            else:
                taken = [name for name in it.transfer_syntaxes if self._takes(uid, name)]
                is_sent = wanted is not None and wanted.scp and uid != COMMITMENT
                syntax = EXPLICIT if is_sent and EXPLICIT in taken else (*taken, "")[0]
                result = Result.ACCEPTED if syntax else Result.TRANSFER_SYNTAXES_UNKNOWN
            if result is Result.ACCEPTED and wanted is not None:
                role = agreed[uid] = Roles(scu=wanted.scu and sends, scp=wanted.scp)
                if not role.scu and not role.scp:
                    result = Result.REFUSED_BY_USER
            answers.append(Answered(it.number, result, syntax or it.transfer_syntaxes[0]))
            if result is Result.ACCEPTED:
                part = agreed.get(uid, _USUAL)
                contexts[it.number] = Context(
                    it.number, uid, syntax, as_scp=part.scu, as_scu=part.scp
                )
        return tuple(answers), contexts, agreed

    def stores(self, sop_class: str) -> bool:
        """Whether instances of a SOP class are taken."""
        rules = self._rules
        if not self._stores or any(fnmatchcase(sop_class, it) for it in rules.rejected_classes):
            return False
        if rules.accepted_classes:
            return any(fnmatchcase(sop_class, it) for it in rules.accepted_classes)
        return sop_class in storage_classes() or (
            rules.unknown_accepted and sop_class not in _OTHER_SERVICES
        )

    def takes(self, syntax: str) -> bool:
        """Whether instances are taken in a transfer syntax."""
        rules = self._rules
        return (
            any(fnmatchcase(syntax, it) for it in rules.transfer_syntaxes)
            and syntax not in rules.rejected_syntaxes
            and (syntax in transfer_syntaxes() or rules.unknown_accepted)
        )

    def _takes(self, sop_class: str, syntax: str) -> bool:
        return syntax in (EXPLICIT, IMPLICIT) if sop_class in PLAIN else self.takes(syntax)


_USUAL = Roles(scu=True, scp=False)

# Well-known classes that are no instances, whatever else is accepted.
_OTHER_SERVICES = frozenset({"1.2.840.10008.1.20.1", "1.2.840.10008.5.1.4.31"})
