"""Elements that are read again and again: the instances of a series differ in few of theirs.

An element is known by all its bytes, its tag, VR and length included. Only those are remembered
whose text depends on nothing else: public ones, short, with numbers or plain ASCII. They are
neither looked up in the dictionary nor decoded a second time.
"""

from typing import Final

from repertory.storage.dicom.values import TEXT

LONGEST: Final = 64
"""Bytes of a value; longer ones are rare, and seldom the same."""

_MOST: Final = 2048
"""Elements that are remembered; then all are forgotten, and the frequent ones are soon back."""

_CHANGE_WHAT_FOLLOWS: Final = frozenset({0x00080005, 0x00280103, 0x7FE00010})
"""SpecificCharacterSet, PixelRepresentation and PixelData are more than their text."""


class Familiar(dict[bytes, tuple[str, str, str]]):
    """The tag (``gggg,eeee``), the name and the text of an element, by its bytes."""

    def learn(
        self, number: int, element: bytes, vr: str, entry: tuple[str, str], text: str
    ) -> None:
        """Remember an element, if it is one of those.

        Args:
            number: its tag, as ``0xggggeeee``.
            element: all its bytes; the first eight are no value.
            vr: its value representation.
            entry: its tag and its name.
            text: its value.
        """
        if number & 0x10000 or number in _CHANGE_WHAT_FOLLOWS:
            return
        # The beginning is the text, and what is left out is padding: by any character set.
        if vr in TEXT and not (
            text.isascii() and text.isprintable() and element[8:].startswith(text.encode())
        ):
            return
        if len(self) >= _MOST:
            self.clear()
        self[element] = (*entry, text)


FAMILIAR: Final = Familiar()
"""Those of data sets in little endian that name their VRs in two bytes each."""
