"""A fast look through a data set: a few values, and whether its structure is whole.

Everything else is skipped by its length. Nothing is recursive, and no length is believed that
the file does not have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from repertory.storage.dicom.layout import (
    ENCAPSULATED,
    LONG,
    NESTED,
    SHORT,
    UNDEFINED,
    Damaged,
    Layout,
    Order,
    Unfamiliar,
    data_set,
)
from repertory.storage.dicom.skipping import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    is_padding,
    skip_fragments,
    skip_sequence,
)
from repertory.storage.dicom.sources import Window
from repertory.storage.dicom.tags_json import Json

PIXEL_DATA: Final = 0x7FE00010
_MARKS: Final = (ITEM, ITEM_END, SEQUENCE_END)

LONGEST: Final = 1 << 16
"""No text that is looked for is longer; who writes one lies, or means another thing by it."""


@dataclass(slots=True)
class Scanned:
    """What was found: raw values with their VR ("" if implicit) by tag, and the pixel data.

    ``elsewhere`` are those that are sequences without a length, or too long to be taken along:
    their VR, where in the data set they begin, how long they are, and whether they have no length.
    ``sequences`` are those that are read already, in the full form.
    """

    values: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    elsewhere: dict[int, tuple[str, int, int, bool]] = field(default_factory=dict)
    sequences: dict[int, Json] = field(default_factory=dict)
    pixel_data_offset: int | None = None
    pixel_data_vr: str = ""


def wanted_keys(tags: Iterable[int], order: Order) -> dict[int, int]:
    """What to give to ``scan``: tags by what they are in a byte order.

    The pixel data is one of them always, and so are the marks of items, which have no place
    outside of sequences.
    """
    return {order.key(tag): tag for tag in (*tags, PIXEL_DATA, ITEM, ITEM_END, SEQUENCE_END)}


def scan(  # noqa: C901, PLR0912, PLR0915 - in one piece: a call per element costs as much again
    window: Window, layout: Layout, wanted: Mapping[int, int]
) -> Scanned:
    """Look through a data set.

    Args:
        window: the file.
        layout: how it is written.
        wanted: the tags (``0xggggeeee``) to collect, from ``wanted_keys``.

    Raises:
        Damaged: the file's structure is not whole.
        Unfamiliar: it is written in a way that is not known here.
    """
    found = Scanned()
    values = found.values
    order = layout.order
    explicit = layout.explicit
    unpack = order.tag_vr_length.unpack_from if explicit else order.tag_length.unpack_from
    unpack_length = order.length.unpack_from
    window, position = data_set(window, layout)
    data, start, size = window.data, window.start, window.size
    end = len(data)
    position -= start
    vr = b""
    while True:
        if position + 12 > end:
            if start + end < size:
                data, start = window.move(start + position), start + position
                position, end, size = 0, len(data), window.size
            if position + 8 > end:
                break
        if explicit:
            key, vr, length = unpack(data, position)
            if vr in SHORT:
                value = position + 8
            elif vr in LONG and position + 12 <= end:
                length = unpack_length(data, position + 8)[0]
                value = position + 12
            elif key == 0 and is_padding(window, start + position):
                return found
            else:
                # What follows after the pixel data is no data set of another kind: it is garbage.
                raise Unfamiliar if found.pixel_data_offset is None else Damaged
        else:
            key, length = unpack(data, position)
            value = position + 8
            if key == 0:
                if is_padding(window, start + position):
                    return found
                raise Damaged
        if length == UNDEFINED:
            tag = wanted.get(key)
            if tag in _MARKS:
                raise Damaged
            if tag == PIXEL_DATA:
                _pixels(found, start + position, vr)
            if tag == PIXEL_DATA or vr in ENCAPSULATED:
                position = skip_fragments(window, start + value, order)
            elif not vr or vr in NESTED:
                begin = start + value
                position = skip_sequence(window, begin, order, explicit=vr == b"SQ")
                if tag is not None:
                    found.elsewhere[tag] = (vr.decode(), begin, position - begin, True)
            else:
                raise Unfamiliar
            data, start, size = window.data, window.start, window.size
            position, end = position - start, len(data)
            continue
        if start + value + length > size:
            raise Damaged
        if key in wanted:
            tag = wanted[key]
            if tag == PIXEL_DATA:
                _pixels(found, start + position, vr)
            elif tag in _MARKS:
                raise Damaged
            elif length < LONGEST:
                if value + length > end:
                    data, start = window.move(start + value, length), start + value
                    value, end, size = 0, len(data), window.size
                values[tag] = (vr.decode(), data[value : value + length])
            else:
                found.elsewhere[tag] = (vr.decode(), start + value, length, False)
        position = value + length
    if start + position != size:
        raise Damaged
    return found


def _pixels(found: Scanned, offset: int, vr: bytes) -> None:
    found.pixel_data_offset = offset
    found.pixel_data_vr = vr.decode() or "OW"
