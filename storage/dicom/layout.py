"""How a DICOM file is written: its meta header (PS3.10 7.1) and transfer syntax (PS3.5 10)."""

from dataclasses import dataclass
from struct import Struct
from typing import Final

from repertory.storage.dicom.sources import Deflated, Window

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"

# The group of SOPClassUID and SOPInstanceUID, without which there is nothing to archive.
_FIRST_GROUP = b"\x08\0"

_MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"

# PS3.5 7.1.2: value representations with 16-bit and with 32-bit lengths.
SHORT: Final = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG: Final = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_VRS = SHORT | LONG

# Those that may have no length: sequences, also of unknown VR, and pixel data in fragments.
NESTED: Final = (b"SQ", b"UN")
ENCAPSULATED: Final = (b"OB", b"OW")

UNDEFINED: Final = 0xFFFFFFFF


class Damaged(Exception):
    """The bytes contradict themselves, or end too early."""


class Unfamiliar(Exception):
    """The bytes may be DICOM, but written in a way that is not known here."""


@dataclass(frozen=True, slots=True)
class Order:
    """The structures of a byte order; tags come as one number.

    In little endian files that number has group and element swapped, which saves to swap them.
    """

    little: bool
    tag_vr_length: Struct
    tag_length: Struct
    length: Struct

    def key(self, tag: int) -> int:
        """A tag (``0xggggeeee``) as it comes, and the other way round."""
        return (tag >> 16 | (tag & 0xFFFF) << 16) if self.little else tag


LITTLE: Final = Order(
    little=True, tag_vr_length=Struct("<I2sH"), tag_length=Struct("<II"), length=Struct("<I")
)
BIG: Final = Order(
    little=False, tag_vr_length=Struct(">I2sH"), tag_length=Struct(">II"), length=Struct(">I")
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where and how the data set of a file is written.

    ``start`` is its first byte, and ``meta`` that of the meta header, which ends there.
    """

    meta: int
    start: int
    transfer_syntax: str
    explicit: bool = True
    order: Order = LITTLE
    deflated: bool = False


def read_layout(window: Window) -> Layout:  # noqa: C901 - one loop over the meta header
    """Find out how a file is written.

    Raises:
        Damaged: it is no DICOM file, or is a media directory.
        Unfamiliar: its meta header is not written as it should be.
    """
    data = window.data
    if data[128:132] == b"DICM":
        meta = start = 132
    elif data[:2] == b"\x02\0":
        meta = start = 0
    else:
        return _without_meta(data)
    syntax, sop_class = b"", b""
    end = len(data)
    unpack = LITTLE.tag_vr_length.unpack_from
    while start + 8 <= end:
        key, vr, length = unpack(data, start)
        if key & 0xFFFF != 2:
            break
        if vr in SHORT:
            value = start + 8
        elif vr in LONG and start + 12 <= end:
            value = start + 12
            length = LITTLE.length.unpack_from(data, start + 8)[0]
        else:
            raise Unfamiliar
        start = value + length
        if key == 0x00100002:
            syntax = data[value:start]
        elif key == 0x00020002:
            sop_class = data[value:start]
    if start > end:
        raise Damaged
    if sop_class.rstrip(b" \0") == _MEDIA_DIRECTORY.encode():
        raise Damaged
    return _with_meta(data, meta, start, syntax.rstrip(b" \0").decode("latin-1"))


def data_set(window: Window, layout: Layout) -> tuple[Window, int]:
    """The window that holds the data set, and where the data set begins in it."""
    if not layout.deflated:
        return window, layout.start
    return Deflated(window, layout.start), 0


def _with_meta(data: bytes, meta: int, start: int, syntax: str) -> Layout:
    if syntax == DEFLATED:
        return Layout(meta, start, syntax, deflated=True)
    # Anything else may be a part of the meta header whose tag is damaged.
    if data[start : start + 2] not in (_FIRST_GROUP, _FIRST_GROUP[::-1], b""):
        raise Unfamiliar
    if syntax == BIG_ENDIAN:
        return Layout(meta, start, syntax, order=BIG)
    # As pydicom does, what is written counts for more than what was announced.
    looks_explicit = data[start + 4 : start + 6] in _VRS
    if not syntax:
        syntax = EXPLICIT if looks_explicit else IMPLICIT
    return Layout(meta, start, syntax, explicit=looks_explicit)


def _without_meta(data: bytes) -> Layout:
    """A data set without any header."""
    explicit = data[4:6] in _VRS
    if data[:2] == _FIRST_GROUP:
        return Layout(0, 0, EXPLICIT if explicit else IMPLICIT, explicit=explicit)
    if data[:2] == _FIRST_GROUP[::-1] and explicit:
        return Layout(0, 0, BIG_ENDIAN, order=BIG)
    raise Damaged
