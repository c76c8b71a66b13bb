"""A whole data set as Orthanc's JSON."""

from typing import Final, NamedTuple

from repertory.storage.dicom.character_sets import CharacterSet, character_set
from repertory.storage.dicom.familiar import FAMILIAR, LONGEST
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
from repertory.storage.dicom.names import ENTRIES, private_entry
from repertory.storage.dicom.scanner import PIXEL_DATA
from repertory.storage.dicom.skipping import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    skip_fragments,
    skip_sequence,
)
from repertory.storage.dicom.sources import Memory
from repertory.storage.dicom.tags_json import Json, Writer
from repertory.storage.dicom.taught import Entry
from repertory.storage.dicom.values import TEXT, as_text

SPECIFIC_CHARACTER_SET: Final = 0x00080005
PIXEL_REPRESENTATION: Final = 0x00280103

# JSON encoders have their limits, and no modality comes near: what is deeper is shown as null.
DEEPEST: Final = 32

_NESTED: Final = [vr.decode() for vr in NESTED]
_FRAGMENTED: Final = [vr.decode() for vr in ENCAPSULATED]
_VRS: Final = {vr: (vr.decode(), 8) for vr in SHORT} | {vr: (vr.decode(), 12) for vr in LONG}


class Context(NamedTuple):
    """What an item of a sequence has from the data set that it is in."""

    charset: CharacterSet
    explicit: bool
    signed: bool = False
    depth: int = 0


class Creators:
    """Who reserved which blocks of private elements of a data set (PS3.5 7.8.1)."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def reserve(self, tag: int, name: str | None) -> None:
        """Take note of a private element, if it reserves a block."""
        if name and tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF:
            self._names[tag] = name

    def entry(self, tag: int) -> tuple[Entry, str]:
        """The entry of an element, and the creator of its block ("" if unknown, or public)."""
        if not tag & 0x10000:
            return ENTRIES[tag], ""
        element = tag & 0xFFFF
        creator = self._names.get(tag & 0xFFFF0000 | element >> 8, "") if element > 0xFF else ""
        return (private_entry(tag, creator), creator) if creator else (ENTRIES[tag], "")


class Reader:
    """Reads data sets that are in memory, down to the pixel data."""

    def __init__(self, data: bytes, order: Order, writer: Writer, default_encoding: str) -> None:
        self._data = data
        self._order = order
        self._writer = writer
        self._default_encoding = default_encoding
        self._item, self._item_end = order.key(ITEM), order.key(ITEM_END)
        self._sequence_end = order.key(SEQUENCE_END)

    def read(self, start: int, end: int, *, explicit: bool) -> Json:
        """The elements from ``start`` to ``end``, or to the pixel data.

        Raises:
            Damaged: an element does not end before ``end``.
            Unfamiliar: they are written in a way that is not known here.
        """
        charset = character_set(b"", self._default_encoding)
        return self._elements(start, end, Context(charset, explicit))[0]

    def read_items(self, *, context: Context, is_open: bool = False) -> list[Json] | None:
        """The items of a sequence whose value the data are; ``None`` for what cannot be shown.

        ``is_open`` says that it has no length; its end is then one of the data.

        Raises:
            Unfamiliar: they are written in a way that is not known here.
        """
        end = len(self._data)
        return self._sequence(0, UNDEFINED if is_open else end, end, context)[0]

    def _elements(  # noqa: C901, PLR0912, PLR0915 - in one piece: a call per element costs as much again
        self, position: int, end: int, context: Context
    ) -> tuple[Json, int]:
        """The elements from ``position`` to ``end`` or to the end of an item, and where that is.

        The pixel data end them too, but for those of an icon in a sequence.
        """
        data, writer, little = self._data, self._writer, self._order.little
        charset, explicit, signed, depth = context
        key_of = self._order.key
        unpack = (self._order.tag_vr_length if explicit else self._order.tag_length).unpack_from
        out: Json = {}
        creators = Creators()
        recall, key_at = FAMILIAR.get, writer.key_at
        longest = LONGEST if little else -1
        while position + 8 <= end:
            if explicit:
                key, raw_vr, length = unpack(data, position)
                if length <= longest:
                    known = recall(data[position : position + 8 + length])
                    if known is not None:
                        position += 8 + length
                        if position > end:
                            raise Damaged
                        if key_at is None:
                            writer.familiar(out, *known)
                        else:
                            out[known[key_at]] = known[2]
                        continue
                if raw_vr in _VRS:
                    vr, header = _VRS[raw_vr]
                    value = position + header
                    if header == 12 and value <= end:
                        (length,) = self._order.length.unpack_from(data, value - 4)
                elif key == self._item_end and depth:
                    return out, position + 8
                else:
                    raise Unfamiliar
            else:
                key, length = unpack(data, position)
                value, vr = position + 8, ""
                if key == self._item_end and depth:
                    return out, value
            tag = key_of(key)
            entry, creator = creators.entry(tag) if tag & 0x10000 else (ENTRIES[tag], "")
            if tag == PIXEL_DATA and not depth:
                writer.text(out, entry, None)
                return out, end
            if not vr:
                vr = "SS" if signed and entry.by_pixels else entry.vr
            elif vr == "UN" and length != UNDEFINED:
                vr = known_vr(entry, data[value : value + length])
            if length == UNDEFINED and vr in _FRAGMENTED and explicit:
                position = skip_fragments(Memory(data), value, self._order)
                writer.text(out, entry, None, creator)
                continue
            if vr == "SQ" or length == UNDEFINED:
                if explicit and vr not in _NESTED:
                    raise Unfamiliar
                inner = Context(charset, explicit and vr == "SQ", signed, depth + 1)
                items, position = self._sequence(value, length, end, inner)
                writer.items(out, entry, items)
                continue
            position = value + length
            if position > end:
                raise Damaged
            raw = data[value:position]
            text = as_text(raw, vr, charset, little)
            writer.text(out, entry, text, creator)
            if explicit and length <= longest and header == 8 and text is not None:
                FAMILIAR.learn(tag, data[value - 8 : position], vr, entry[:2], text)
            if tag == SPECIFIC_CHARACTER_SET:
                charset = character_set(raw, self._default_encoding)
            elif tag == PIXEL_REPRESENTATION:
                signed = text == "1"
            elif tag & 0x10000:
                creators.reserve(tag, text)
        if position != end:
            raise Damaged
        return out, position

    def _sequence(
        self, position: int, length: int, end: int, context: Context
    ) -> tuple[list[Json] | None, int]:
        """The items of a sequence, and where it ends; ``None`` for what cannot be shown.

        A file is archived if what it says of itself adds up, and sequences of known length are
        passed over: what is in one may be damaged, and the rest is worth showing.
        """
        try:
            return self._items(position, length, end, context)
        except Damaged:
            if length == UNDEFINED or position + length > end:
                raise
            return None, position + length

    def _items(
        self, position: int, length: int, end: int, context: Context
    ) -> tuple[list[Json] | None, int]:
        """The items of a sequence, and where it ends; ``None`` for what is too deep."""
        data = self._data
        unpack = self._order.tag_length.unpack_from
        if length != UNDEFINED:
            if position + length > end:
                raise Damaged
            end = position + length
        if context.depth > DEEPEST:
            if length == UNDEFINED:
                window = Memory(data)
                return None, skip_sequence(window, position, self._order, explicit=context.explicit)
            return None, end
        items: list[Json] = []
        while position + 8 <= end:
            key, item_length = unpack(data, position)
            position += 8
            if key == self._sequence_end:
                return items, position
            if key != self._item:
                raise Unfamiliar
            item_end = end if item_length == UNDEFINED else position + item_length
            if item_end > end:
                raise Damaged
            item, position = self._elements(position, item_end, context)
            items.append(item)
        if length == UNDEFINED or position != end:
            raise Damaged
        return items, position


def known_vr(entry: Entry, raw: bytes) -> str:
    """The VR of a value that came with VR UN: the dictionary's, but of text alone, as in Orthanc.

    What private elements hold is less sure: of them, only ASCII counts as text.
    """
    is_text = entry.vr in TEXT and (entry.tag[3] in "02468ace" or raw.isascii())
    if entry.is_taught:
        return "UN" if entry.vr == "SQ" else entry.vr
    return entry.vr if is_text else "UN"
