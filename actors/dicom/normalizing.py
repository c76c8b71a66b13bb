"""Queries as those understand them who know the standard's keys alone, or less."""

from collections.abc import Mapping
from typing import Any, Final

from repertory.actors.dicom.finding import QUERY_RETRIEVE_LEVEL
from repertory.model import Level
from repertory.storage.dicom.names import asked_entry, parse_tag
from repertory.storage.dicom.wire import SPECIFIC_CHARACTER_SET
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags

_COMPUTED: Final = {
    Level.PATIENT: ("0020,1200", "0020,1202", "0020,1204"),
    Level.STUDY: ("0008,0061", "0008,0062", "0020,1206", "0020,1208"),
    Level.SERIES: ("0020,1209",),
    Level.INSTANCE: (),
}
"""Keys of PS3.4 C.3.4 that are no main DICOM tags: numbers of what is below, and what it is."""

_DATES: Final = frozenset({"DA", "DT", "TM"})
_ANYTHING: Final = "*"
NO_WILDCARD_IN_DATES: Final = "GenericNoWildcardInDates"
NO_UNIVERSAL_WILDCARD: Final = "GenericNoUniversalWildcard"


def normalized(
    level: Level, identifier: Mapping[str, Any], main_tags: MainDicomTags = MAIN_DICOM_TAGS
) -> dict[str, Any]:
    """The keys that the level of a query, and those above it, have; the others are left out.

    Many who answer queries refuse one with keys that they do not expect.
    """
    kept = {SPECIFIC_CHARACTER_SET, QUERY_RETRIEVE_LEVEL}
    for at in Level:
        if at <= level:
            kept |= main_tags.by_level.get(at, frozenset())
    kept.update(_COMPUTED[level])
    return {tag: value for tag, value in identifier.items() if tag in kept}


def suited(identifier: Mapping[str, Any], manufacturer: str) -> dict[str, Any]:
    """The keys as a modality takes them: some stumble over ``*`` where it stands for anything."""

    def suit(tag: str, value: Any) -> Any:
        if value != _ANYTHING:
            return value
        if manufacturer == NO_UNIVERSAL_WILDCARD:
            return ""
        is_date = asked_entry(parse_tag(tag) or 0).vr in _DATES
        return "" if manufacturer == NO_WILDCARD_IN_DATES and is_date else value

    return {tag: suit(tag, value) for tag, value in identifier.items()}


def with_main_tags(level: Level, identifier: Mapping[str, Any]) -> dict[str, Any]:
    """The same, and all main DICOM tags of the level asked for."""
    return {**dict.fromkeys(sorted(MAIN_DICOM_TAGS.by_level[level]), ""), **identifier}
