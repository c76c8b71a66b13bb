"""What the configuration adds to the dictionary of the standard.

``Dictionary`` and ``ExternalDictionaries`` teach it, ``LoadPrivateDictionary`` takes from it. It is
the process's, as ``names`` is, which looks here first.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from repertory.dictionaries import Span

_BLOCK: Final = 0xFF


class Entry(NamedTuple):
    """An element of the dictionary: its tag as text, its name, its value representation.

    ``by_pixels`` says that it is US or SS as PixelRepresentation has it (PS3.5 note 7 in A.1),
    ``is_taught`` that the configuration has it.
    """

    tag: str
    name: str
    vr: str
    by_pixels: bool = False
    is_taught: bool = False


@dataclass(slots=True)
class Taught:
    """Elements by their tags (``0xggggeeee``), and tags (``gggg,eeee``) by names.

    Private elements are known by the blocks that their creators reserved, wherever those are.
    ``asked`` are those that a name stands for, by the tag of the first block.
    """

    elements: dict[int, Entry] = field(default_factory=dict)
    ranges: list[tuple[Span, Span, Entry]] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    private: dict[tuple[int, int, str], Entry] = field(default_factory=dict)
    private_ranges: list[tuple[Span, Span, str, Entry]] = field(default_factory=list)
    private_names: dict[str, str] = field(default_factory=dict)
    asked: dict[int, Entry] = field(default_factory=dict)
    knows_private: bool = True

    def private_element(self, tag: int, creator: str) -> Entry | None:
        """A private element, if it was taught."""
        group, element = tag >> 16, tag & _BLOCK
        found = self.private.get((group, element, creator))
        if found is not None:
            return found
        for groups, elements, owner, entry in reversed(self.private_ranges):
            if owner == creator and groups.holds(group) and elements.holds(element):
                return entry
        return None

    def clear(self) -> None:
        """Know what the standard knows."""
        for kept in (self.elements, self.names, self.private, self.private_names, self.asked):
            kept.clear()
        self.ranges.clear()
        self.private_ranges.clear()
        self.knows_private = True


TAUGHT: Final = Taught()
"""That of this process."""
