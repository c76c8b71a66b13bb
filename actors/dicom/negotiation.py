"""Which presentation contexts are accepted (PS3.8 7.1.1.13)."""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from repertory.actors.dicom.options import StorageRules
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

PLAIN = (
    frozenset({VERIFICATION, PATIENT_ROOT_FIND, STUDY_ROOT_FIND, PATIENT_STUDY_ONLY_FIND})
    | MOVES
    | GETS
)
"""SOP classes whose messages hold no instances: the two usual transfer syntaxes suffice."""


class Negotiator:
    """Says what the archive takes of what is proposed."""

    def __init__(self, rules: StorageRules, *, stores: bool) -> None:
        self._rules = rules
        self._stores = stores

    def supported(
        self, proposed: Iterable[PresentationContext], receivers: Collection[str] = ()
    ) -> list[PresentationContext]:
        """What is supported of the proposed contexts, the proposer's first choice first.

        ``receivers`` are SOP classes of which the proposer wants to be sent instances by C-GET.
        """
        found: dict[str, dict[str, None]] = {}
        for context in proposed:
            abstract = str(context.abstract_syntax)
            wanted = [str(it) for it in context.transfer_syntax]
            if abstract in PLAIN:
                taken = [it for it in wanted if it in (EXPLICIT, IMPLICIT)]
            elif self.stores(abstract) or abstract in receivers:
                taken = [it for it in wanted if self._takes(it)]
            else:
                continue
            found.setdefault(abstract, {}).update(dict.fromkeys(taken))
        contexts = []
        for abstract, syntaxes in found.items():
            # A SOP class without a syntax is one all the same: another reason to refuse it.
            context = build_context(abstract, list(syntaxes) or [_NEVER_PROPOSED])
            if abstract not in PLAIN:
                # Who retrieves by C-GET is sent instances where otherwise it sends them.
                context.scu_role = self.stores(abstract)
                context.scp_role = True
            contexts.append(context)
        return contexts

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

    def _takes(self, syntax: str) -> bool:
        return any(fnmatchcase(syntax, it) for it in self._rules.transfer_syntaxes) and (
            syntax in transfer_syntaxes() or self._rules.unknown_accepted
        )


_NEVER_PROPOSED = "2.25.1"

# Well-known classes that are no instances, whatever else is accepted.
_OTHER_SERVICES = frozenset({"1.2.840.10008.1.20.1", "1.2.840.10008.5.1.4.31"})
