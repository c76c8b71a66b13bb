"""The sequences among the wanted tags of a file, read after the scanner has passed over them."""

from functools import lru_cache
from typing import Final

import orjson

from repertory.model import TagForm
from repertory.storage.dicom.character_sets import character_set
from repertory.storage.dicom.layout import Damaged, Layout, Order, Unfamiliar, data_set
from repertory.storage.dicom.names import ENTRIES
from repertory.storage.dicom.reader import (
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    Context,
    Reader,
)
from repertory.storage.dicom.scanner import LONGEST, Scanned, scan, wanted_keys
from repertory.storage.dicom.sources import Window
from repertory.storage.dicom.tags_json import Json, Writer

MOST_JSON: Final = 8 * LONGEST
"""What a sequence may have as JSON; elements take more room there than in the file."""

_WRITER: Final = Writer(TagForm.FULL)

# The instances of a series have the same sequences, mostly.
_REMEMBERED_UP_TO = 1 << 12
_REMEMBERED = 64


def read_sequences(window: Window, layout: Layout, scanned: Scanned, default_encoding: str) -> None:
    """Read what of ``values`` and ``elsewhere`` are sequences into ``sequences``.

    What is too long to be kept is entered without its items; what is damaged is left out.
    """
    _, raw_charset = scanned.values.get(SPECIFIC_CHARACTER_SET, ("", b""))
    charset = character_set(raw_charset, default_encoding)
    for tag, (vr, raw, is_open) in _candidates(window, layout, scanned).items():
        explicit = layout.explicit and vr == "SQ"
        signed = not explicit and tag > PIXEL_REPRESENTATION and _is_signed(window, layout)
        context = Context(charset, explicit, signed, depth=1)
        if raw is None:
            scanned.sequences[tag] = too_long(tag)
            continue
        read = _read_once if len(raw) <= _REMEMBERED_UP_TO else _read
        try:
            element = read(tag, raw, layout.order, context, default_encoding, is_open=is_open)
        except Unfamiliar:
            element = _by_pydicom(window, tag, default_encoding)
        except Damaged:
            # Of a sequence without a length, the scanner has passed over items that have one.
            element = None
        if element is not None:
            scanned.sequences[tag] = element


def kept(tag: int, element: Json) -> Json:
    """A sequence as it is kept: without its items if it is too long."""
    return element if len(orjson.dumps(element)) <= MOST_JSON else too_long(tag)


def too_long(tag: int) -> Json:
    """What is kept of a sequence that is left in the file."""
    return {"Name": ENTRIES[tag].name, "Type": "TooLong", "Value": None}


def _read(
    tag: int, raw: bytes, order: Order, context: Context, default_encoding: str, *, is_open: bool
) -> Json | None:
    reader = Reader(raw, order, _WRITER, default_encoding)
    items = reader.read_items(context=context, is_open=is_open)
    if items is None:
        return None
    return kept(tag, {"Name": ENTRIES[tag].name, "Type": "Sequence", "Value": items})


_read_once = lru_cache(maxsize=_REMEMBERED)(_read)


def _candidates(
    window: Window, layout: Layout, scanned: Scanned
) -> dict[int, tuple[str, bytes | None, bool]]:
    """The VR of each sequence, its value (``None`` if it is too long), whether it has no length."""
    found: dict[int, tuple[str, bytes | None, bool]] = {}
    for tag, (vr, raw) in scanned.values.items():
        if _is_sequence(tag, vr):
            found[tag] = (vr, raw, False)
    for tag, (vr, begin, length, is_open) in sorted(scanned.elsewhere.items()):
        if not is_open and not _is_sequence(tag, vr):
            continue
        value = None
        if length < LONGEST:
            # Deflated data go forward only, hence from the beginning for each.
            window.move(0)
            value = data_set(window, layout)[0].move(begin, length)
        found[tag] = (vr, value, is_open)
    return found


def _is_sequence(tag: int, vr: str) -> bool:
    return vr == "SQ" or (not vr and ENTRIES[tag].vr == "SQ")


def _is_signed(window: Window, layout: Layout) -> bool:
    """Whether numbers that are US or SS by PixelRepresentation are signed."""
    window.move(0)
    found = scan(window, layout, wanted_keys((PIXEL_REPRESENTATION,), layout.order))
    _, raw = found.values.get(PIXEL_REPRESENTATION, ("", b""))
    return raw == (b"\1\0" if layout.order.little else b"\0\1")


def _by_pydicom(window: Window, tag: int, default_encoding: str) -> Json | None:
    from repertory.storage.dicom.fallback import (  # noqa: PLC0415 - see names
        scan_by_pydicom,
    )

    window.move(0)
    try:
        _, scanned = scan_by_pydicom(window, (tag,), default_encoding)
    except Damaged:
        return None
    return scanned.sequences.get(tag)
