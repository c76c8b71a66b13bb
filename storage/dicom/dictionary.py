"""Elements that the standard does not have, or calls otherwise: ``Dictionary`` and its like.

They are the process's, like the dictionary of the standard: two archives in one process know each
other's, and of two names for an element the last that was taught counts.
"""

from collections.abc import Iterable

from repertory.dictionaries import FileElement, Span
from repertory.maintags import NAMES
from repertory.storage.dicom.names import ENTRIES, forget_entries, tag_name, tag_of
from repertory.storage.dicom.taught import TAUGHT, Entry
from repertory.vocabulary import NewElement

_FIRST_BLOCK = 0x1000
_BLOCK = 0xFF


def teach_elements(elements: Iterable[NewElement]) -> None:
    """Know the elements of ``Dictionary`` from now on.

    Raises:
        ValueError: a name is that of another element; says so, as the end of a sentence.
    """
    for it in elements:
        text = _written(it.tag)
        _check_name(it.name, text)
        entry = Entry(text, it.name, it.vr, is_taught=True)
        if it.creator:
            TAUGHT.private[it.tag >> 16, it.tag & _BLOCK, it.creator] = entry
        TAUGHT.elements[it.tag] = entry
        TAUGHT.names[it.name] = text
        TAUGHT.asked.pop(it.tag, None)
        forget_entries()


def teach_files(elements: Iterable[FileElement]) -> None:
    """Know the elements of ``ExternalDictionaries`` from now on; what is known already stays.

    Elements of the standard are shown by the names of the files, as in Orthanc; both names stand
    for them. Private elements have names of many hands: one that is another's is shown, but does
    not stand for it.

    Raises:
        ValueError: the name of a public element is another's; says so, as the end of a sentence.
    """
    for it in elements:
        if it.creator:
            _teach_private(it)
        else:
            _teach_public(it)
    forget_entries()


def know_private_elements(*, known: bool) -> None:
    """Know private elements by the dictionary of pydicom, or only by what is taught."""
    if TAUGHT.knows_private != known:
        TAUGHT.knows_private = known
        forget_entries()


def unusual_names(tags: Iterable[str]) -> dict[str, str]:
    """The names of tags (``gggg,eeee``) that are not those of the main DICOM tags."""
    known = {} if TAUGHT.elements else NAMES
    named = {tag: tag_name(tag) for tag in tags if tag not in known}
    return {tag: name for tag, name in named.items() if name != NAMES.get(tag)}


def unlearn() -> None:
    """Forget all that was taught: for tests."""
    TAUGHT.clear()
    forget_entries()


def _teach_public(it: FileElement) -> None:
    tag = it.groups.first << 16 | it.elements.first
    text = _written(tag)
    known = ENTRIES[tag]
    entry = Entry(text, it.name, it.vr, it.by_pixels, is_taught=True)
    if it.name != known.name:
        _check_name(it.name, text, private=False)
        TAUGHT.names[it.name] = text
    if entry[:4] == known[:4]:
        return
    if it.groups.is_one and it.elements.is_one:
        TAUGHT.elements[tag] = entry
        ENTRIES.pop(tag, None)
    else:
        TAUGHT.ranges.append((it.groups, it.elements, entry))
        ENTRIES.clear()


def _teach_private(it: FileElement) -> None:
    group, element = it.groups.first, it.elements.first & _BLOCK
    number = it.elements.first if it.elements.first > _BLOCK else _FIRST_BLOCK | element
    tag = group << 16 | number
    entry = Entry(_written(tag), it.name, it.vr, it.by_pixels, is_taught=True)
    if it.groups.is_one and it.elements.is_one:
        TAUGHT.private[group, element, it.creator] = entry
    else:
        elements = Span(element, it.elements.last & _BLOCK, it.elements.parity)
        row = (it.groups, elements, it.creator, entry)
        if row not in TAUGHT.private_ranges:  # from an archive that was here before
            TAUGHT.private_ranges.append(row)
    if tag_of(it.name) is None:
        TAUGHT.private_names[it.name] = entry.tag
        TAUGHT.asked.setdefault(tag, entry)


def _check_name(name: str, text: str, *, private: bool = True) -> None:
    """Refuse a name of another element; ``private`` says whether private ones count as such."""
    known = tag_of(name)
    if known in (None, text) or (not private and name in TAUGHT.private_names):
        return
    raise ValueError(f"must not give {text} the name {name}, which is another's")


def _written(tag: int) -> str:
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}"
