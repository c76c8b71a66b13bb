"""The DICOM dictionary (PS3.6), with names as Orthanc writes them.

Orthanc names elements as DCMTK does: by their keyword, with "RETIRED_" before that of a retired
one. Private elements that are known have a name too; where DCMTK's private dictionary and
pydicom's call one differently, ours is pydicom's, in CamelCase. What the configuration adds to
these is in ``taught``.
"""

import re
from collections.abc import Collection
from functools import lru_cache

from repertory.maintags import NAMES
from repertory.storage.dicom.familiar import FAMILIAR
from repertory.storage.dicom.standard import (
    is_listed,
    private_entry_of,
    standard_entry,
    standard_keywords,
    tag_of_keyword,
)
from repertory.storage.dicom.taught import TAUGHT, Entry

_UNKNOWN = "Unknown Tag & Data"

# Of dictionary entries that allow several, the VR that says how to show the value.
_AMBIGUOUS = {"US or SS": "US", "OB or OW": "OW", "US or OW": "OW", "US or SS or OW": "OW"}

_TAG = re.compile(r"([0-9a-fA-F]{4})[,-]?([0-9a-fA-F]{4})")


class _PublicEntries(dict[int, Entry]):
    """Entries by tag (``0xggggeeee``), made when they are first asked for."""

    def __missing__(self, tag: int) -> Entry:
        entry = _look_up(tag)
        # Repeating groups and private tags are endless: what a file invents is not kept.
        if len(self) < 20_000:
            self[tag] = entry
        return entry


def _look_up(tag: int) -> Entry:
    if tag in TAUGHT.elements:
        return TAUGHT.elements[tag]
    group, element = tag >> 16, tag & 0xFFFF
    text = f"{group:04x},{element:04x}"
    private = bool(group & 1)
    if TAUGHT.ranges and not is_listed(tag):
        for groups, elements, entry in reversed(TAUGHT.ranges):
            if groups.holds(group) and elements.holds(element):
                return entry._replace(tag=text)
    try:
        vr, _, _, retired, keyword = standard_entry(tag)
    except KeyError:
        vr, retired, keyword = "UN", "", ""
    if keyword:
        # Orthanc names the main DICOM tags itself, retired or not.
        name = NAMES.get(text) or (f"RETIRED_{keyword}" if retired else keyword)
        vr = "UN" if vr == "NONE" else vr  # the delimiters of sequences have none
        return Entry(text, name, _AMBIGUOUS.get(vr, vr), by_pixels=vr == "US or SS")
    if element == 0:
        return Entry(text, "PrivateGroupLength" if private else "GenericGroupLength", "UL")
    if private and 0x10 <= element <= 0xFF:
        return Entry(text, "PrivateCreator", "LO")
    return Entry(text, _UNKNOWN, "UN" if vr == "NONE" else vr)


ENTRIES = _PublicEntries()
"""The entry of a public element, a private creator or a group length, by its tag."""


def forget_entries() -> None:
    """Look up all of them anew: something was taught."""
    ENTRIES.clear()
    FAMILIAR.clear()
    private_entry.cache_clear()


@lru_cache(maxsize=20_000)
def private_entry(tag: int, creator: str) -> Entry:
    """The entry of a private element in the block that ``creator`` reserved."""
    text = f"{tag >> 16:04x},{tag & 0xFFFF:04x}"
    taught = TAUGHT.private_element(tag, creator.strip())
    if taught is not None:
        return taught._replace(tag=text)
    if not TAUGHT.knows_private:
        return Entry(text, _UNKNOWN, "UN")
    try:
        vr, description = private_entry_of(tag, creator)
    except KeyError:
        return Entry(text, _UNKNOWN, "UN")
    words = re.findall(r"[A-Za-z0-9]+", description)
    name = "".join(word[0].upper() + word[1:] for word in words)
    if name in ("", "Unknown"):
        name = _UNKNOWN
    return Entry(text, name, _AMBIGUOUS.get(vr, vr))


def asked_entry(tag: int) -> Entry:
    """The entry of an element of which nobody says who reserved its block: of a query, say."""
    return TAUGHT.asked.get(tag) or ENTRIES[tag]


def is_public_name(name: str) -> bool:
    """Whether a public element has this name."""
    tag = TAUGHT.names.get(name)
    if tag is not None:
        return tag[3] in "02468ace"
    return tag_of_keyword(name) is not None


def parse_tag(text: str) -> int | None:
    """The tag that is written ``gggg,eeee``, ``gggg-eeee`` or ``ggggeeee``, as ``0xggggeeee``."""
    match = _TAG.fullmatch(text)
    return int(match[1] + match[2], 16) if match else None


def tag_of(keyword: str) -> str | None:
    """The tag (``gggg,eeee``) that a keyword or a written tag stands for; ``None`` if none."""
    tag = parse_tag(keyword)
    # Some entries of the dictionary have no keyword: "" is not theirs.
    if keyword in TAUGHT.names:
        return TAUGHT.names[keyword]
    if tag is None and keyword:
        tag = tag_of_keyword(keyword.removeprefix("RETIRED_"))
    if tag is None:
        return TAUGHT.private_names.get(keyword)
    return ENTRIES[tag].tag


def tag_name(tag: str) -> str:
    """The name of a tag (``gggg,eeee``), as in Orthanc's objects."""
    number = parse_tag(tag)
    return _UNKNOWN if number is None else asked_entry(number).name


def may_be_sequence(tag: str) -> bool:
    """Whether a tag (``gggg,eeee``) is that of a sequence, or of nobody knows what."""
    number = parse_tag(tag)
    return number is not None and asked_entry(number).vr in ("SQ", "UN")


def keywords() -> Collection[str]:
    """The keywords of the dictionary."""
    names: Collection[str] = standard_keywords()
    if not TAUGHT.names and not TAUGHT.private_names:
        return names
    return [*names, *TAUGHT.names, *TAUGHT.private_names]
