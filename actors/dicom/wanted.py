"""Which instances a C-GET of ours is ready for: an association has no room for all there are."""

from functools import lru_cache
from typing import Final

from repertory.actors.dicom.negotiation import Negotiator
from repertory.actors.dicom.options import StorageRules
from repertory.actors.dicom.upper.associating import MOST_CONTEXTS
from repertory.storage.dicom.wire import EXPLICIT, IMPLICIT, storage_classes, uid_names

_SYNTAXES: Final = (
    EXPLICIT,
    IMPLICIT,
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
)

_ROOT: Final = "1.2.840.10008.5.1.4."
_RARE: Final = (
    "1.2.840.10008.5.1.1.",  # prints
    *(f"{_ROOT}{it}." for it in ("34", "38", "39", "43", "44", "45")),  # plans, templates
    *(f"{_ROOT}1.1.{it}." for it in ("68", "82", "200", "201", "501", "601")),
    *(f"{_ROOT}1.1.9.{it}" for it in ("1.4", "6.2", "7", "8")),  # waveforms since 2020
    *(f"{_ROOT}1.1.11.{it}" for it in ("6", "7", "8", "9", "10", "11", "12")),
    *(f"{_ROOT}1.1.104.{it}" for it in (3, 4, 5)),  # surfaces
    *(f"{_ROOT}1.1.481.{it}" for it in range(10, 26)),  # radiotherapy of the second generation
    *(f"{_ROOT}1.1.{it}" for it in ("13.1.5", "77.1.9", "79.1", "131")),
)
"""What few have. Of more SOP classes than there is room for, these are not asked for."""

_RETIRED: Final = frozenset(f"{_ROOT}1.1.{it}" for it in (8, 9, 10, 11, 129))


Wanted = list[tuple[str, tuple[str, ...]]]
"""SOP classes, each with its transfer syntaxes."""


def wanted(rules: StorageRules, *, accepted_only: bool = True) -> Wanted:
    """The SOP classes to be received, each with its transfer syntaxes; as many as fit.

    ``AcceptedSopClasses`` without wildcards come first, for somebody named them; then what is in
    use. One place is left for the request itself. The transfer syntaxes are those of the rules
    (``accepted_only``), or all that are in use.
    """
    negotiator = Negotiator(rules, stores=True)
    named = [it for it in rules.accepted_classes if not set(it) & set("*?[")]
    classes = [it for it in dict.fromkeys((*named, *_by_use())) if negotiator.stores(it)]
    syntaxes = tuple(it for it in _SYNTAXES if not accepted_only or negotiator.takes(it))
    return [(it, syntaxes) for it in classes][: MOST_CONTEXTS - 1] if syntaxes else []


@lru_cache(maxsize=1)
def _by_use() -> tuple[str, ...]:
    names = uid_names()

    def is_rare(uid: str) -> bool:
        return uid in _RETIRED or "Trial" in names.get(uid, "") or uid.startswith(_RARE)

    return tuple(sorted(storage_classes(), key=lambda uid: (is_rare(uid), uid)))
