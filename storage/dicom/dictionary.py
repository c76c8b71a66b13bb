"""Elements that the standard does not have: the option ``Dictionary``.

They are the process's, like the dictionary of the standard: two archives in one process know each
other's, and of two names for an element the last that was taught counts.
"""

from collections.abc import Iterable

from repertory.storage.dicom.names import Entry, tag_of, teach
from repertory.vocabulary import NewElement


def teach_elements(elements: Iterable[NewElement]) -> None:
    """Know these elements from now on.

    Raises:
        ValueError: a name is that of another element; says so, as the end of a sentence.
    """
    for it in elements:
        text = f"{it.tag >> 16:04x},{it.tag & 0xFFFF:04x}"
        if tag_of(it.name) not in (None, text):
            raise ValueError(f"must not give {text} the name {it.name}, which is another's")
        teach(it.tag, Entry(text, it.name, it.vr, is_taught=True), it.creator)
