"""How to get past what has no length: sequences and encapsulated pixel data (PS3.5 7.5, A.4)."""

from typing import Final

from repertory.storage.dicom.layout import (
    ENCAPSULATED,
    LONG,
    NESTED,
    SHORT,
    UNDEFINED,
    Damaged,
    Order,
    Unfamiliar,
)
from repertory.storage.dicom.sources import WINDOW, Window

ITEM: Final = 0xFFFEE000
ITEM_END: Final = 0xFFFEE00D
SEQUENCE_END: Final = 0xFFFEE0DD

_LONGEST_PADDING = 1 << 20


def at_hand(window: Window, position: int, length: int = WINDOW) -> int:
    """Where a position of the file is in the window, which is moved if 12 bytes are not there."""
    offset = position - window.start
    if offset + 12 > len(window.data) and window.start + len(window.data) < window.size:
        window.move(position, length)
        return 0
    return offset


def is_padding(window: Window, position: int) -> bool:
    """Whether there is nothing but zeros from here to the end: media pad files to whole blocks."""
    rest = window.move(position, _LONGEST_PADDING)
    return window.start + len(rest) >= window.size and not any(rest)


def skip_fragments(window: Window, position: int, order: Order) -> int:
    """The position after encapsulated pixel data, whose first item is at ``position``.

    Raises:
        Damaged: they do not end within the file.
    """
    unpack = order.tag_length.unpack_from
    item, end = order.key(ITEM), order.key(SEQUENCE_END)
    while True:
        # A fragment is large, and nothing but its length is looked at.
        offset = at_hand(window, position, 12)
        if offset + 8 > len(window.data):
            raise Damaged
        key, length = unpack(window.data, offset)
        position += 8
        if key == end:
            return position
        if key != item or length == UNDEFINED:
            raise Damaged
        position += length
        if position > window.size:
            raise Damaged


def skip_sequence(  # noqa: C901, PLR0912 - a state machine
    window: Window, position: int, order: Order, *, explicit: bool
) -> int:
    """The position after a sequence of undefined length, whose first item is at ``position``.

    ``explicit`` is about its items: those of an element of unknown VR are implicit (PS3.5 6.2.2).

    Raises:
        Damaged: it does not end within the file.
        Unfamiliar: it holds something that is not known here.
    """
    unpack_item = order.tag_length.unpack_from
    unpack = order.tag_vr_length.unpack_from
    unpack_length = order.length.unpack_from
    item, item_end = order.key(ITEM), order.key(ITEM_END)
    sequence_end = order.key(SEQUENCE_END)
    # The sequences that are open, by whether their items are explicit.
    outer: list[bool] = []
    in_item = False
    while True:
        offset = at_hand(window, position)
        data = window.data
        if offset + 8 > len(data):
            raise Damaged
        key, length = unpack_item(data, offset)
        if not in_item:
            position += 8
            if key == sequence_end:
                if not outer:
                    return position
                explicit = outer.pop()
                in_item = True
                continue
            if key != item:
                raise Unfamiliar
            if length == UNDEFINED:
                in_item = True
            else:
                position += length
        elif key == item_end:
            position += 8
            in_item = False
        else:
            vr = b""
            position += 8
            if explicit:
                key, vr, length = unpack(data, offset)
                if vr in LONG and offset + 12 <= len(data):
                    length = unpack_length(data, offset + 8)[0]
                    position += 4
                elif vr not in SHORT:
                    raise Unfamiliar
            if length != UNDEFINED:
                position += length
            elif not vr or vr in NESTED or vr in ENCAPSULATED:
                # Fragments look like items whose length is known.
                outer.append(explicit)
                explicit = vr == b"SQ"
                in_item = False
            else:
                raise Unfamiliar
        if position > window.size:
            raise Damaged
