"""The words for DICOM elements that the standard does not have (option ``Dictionary``).

The contract is Orthanc's: ``"gggg,eeee" : ["VR", "Name", 1, 1, "Private Creator"]``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TAG = re.compile(r"([0-9a-fA-F]{4})[,-]?([0-9a-fA-F]{1,4})")
VRS = frozenset(
    (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF"),
        *("OL", "OV", "OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN"),
        *("UR", "US", "UT", "UV"),
    )
)
"""The value representations (PS3.5 section 6.2)."""
_FIRST_BLOCK = 0x1000
_LAST_OF_BLOCK = 0xFF
_SHORTEST, _LONGEST = 2, 5


@dataclass(frozen=True, slots=True)
class NewElement:
    """An element: its tag as ``0xggggeeee``, its VR and name.

    ``creator`` is who reserves the block of a private one (PS3.5 7.8.1), "" where nobody says; its
    tag is then that of the first block.
    """

    tag: int
    vr: str
    name: str
    creator: str = ""


def read_elements(
    entries: Mapping[str, Any], *, default_creator: str = ""
) -> tuple[NewElement, ...]:
    """The elements of the option.

    Raises:
        ValueError: an entry is none; says why, as the end of a sentence ("must …").
    """
    return tuple(_read(tag, entry, default_creator.strip()) for tag, entry in entries.items())


def _read(text: str, entry: Any, default_creator: str) -> NewElement:
    match = _TAG.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"must not have {text[:20]}, which is no tag such as 0014,1020")
    if not isinstance(entry, list | tuple) or not _SHORTEST <= len(entry) <= _LONGEST:
        raise ValueError(f'must have ["VR", "Name", 1, 1, "Creator"] or its beginning for {text}')
    vr, name, *more = entry
    if vr not in VRS:
        raise ValueError(f"must have a value representation for {text}, such as LO")
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"must have a name for {text}")
    _check_counts(text, more[:2])
    creator = more[2] if len(more) > 2 else ""
    if not isinstance(creator, str):
        raise ValueError(f"must have a text as the private creator of {text}")  # noqa: TRY004
    group, element = int(match[1], 16), int(match[2], 16)
    if group & 1:
        creator = creator.strip() or default_creator
        element = _within_block(text, element, creator)
    elif creator:
        raise ValueError(f"must not have a private creator for {text}, which is not private")
    return NewElement(group << 16 | element, vr, name.strip(), creator)


def _check_counts(text: str, counts: list[Any]) -> None:
    if not all(type(it) is int and it >= 0 for it in counts):
        raise ValueError(f"must have numbers of values for {text}, 0 where there is no limit")
    if len(counts) > 1 and 0 < counts[1] < counts[0]:
        raise ValueError(f"must not have a least number of values above the greatest for {text}")


def _within_block(text: str, element: int, creator: str) -> int:
    if element > _LAST_OF_BLOCK:
        return element
    if not creator:
        raise ValueError(f"must have a private creator for {text}, or all digits of the tag")
    return _FIRST_BLOCK | element
