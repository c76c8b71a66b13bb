"""One frame of a large file, found without reading the others."""

import struct
from collections.abc import Callable, Mapping
from typing import Any

from repertory.storage.pixels.syntaxes import BIG_ENDIAN, EXPLICIT, IMPLICIT

LARGE = 4 << 20
"""Bytes of a file from which on it is worth the while."""

_HEADERS = {
    EXPLICIT: struct.Struct("<HH4xI"),
    BIG_ENDIAN: struct.Struct(">HH4xI"),
    IMPLICIT: struct.Struct("<HHI"),
}
"""What stands before the pixels (PS3.5 7.1): tag, VR or not, length."""
_PIXEL_DATA = (0x7FE0, 0x0010)
_HEADER = 12

Tags = Mapping[str, Any]
Read = Callable[[int, int], bytes]
"""Reads so many bytes of a file from a position on."""


def read_alone(syntax: str, offset: int, tags: Tags, frame: int, read: Read) -> bytes | None:
    """The bytes of a frame whose pixels are not compressed; ``None`` where it is not as simple.

    Args:
        syntax: the transfer syntax of the file.
        offset: where its pixel data begin, with their tag.
        tags: what it says of its pixels, in the short form.
        frame: which frame.
        read: reads the file.
    """
    size = _size(tags)
    header = _HEADERS.get(syntax)
    if header is None or not size:
        return None
    found = read(offset, _HEADER)
    if len(found) < _HEADER:
        return None
    group, element, length = header.unpack_from(found)
    start = frame * size
    if (group, element) != _PIXEL_DATA or start + size > length:
        return None
    content = read(offset + header.size + start, size)
    return content if len(content) == size else None


def _size(tags: Tags) -> int:
    """Bytes of a frame; 0 where they are not whole, or nobody says it."""
    try:
        bits = (
            int(tags["0028,0010"])
            * int(tags["0028,0011"])
            * int(tags.get("0028,0002") or 1)
            * int(tags["0028,0100"])
        )
    except (KeyError, TypeError, ValueError):
        return 0
    if tags.get("0028,0004") == "YBR_FULL_422":
        bits = bits // 3 * 2  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    return 0 if bits % 8 else bits // 8
