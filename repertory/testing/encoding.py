"""How made-up DICOM files are written: elements to bytes, in any transfer syntax (PS3.5)."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

Elements = dict[int, tuple[str, Any]]
"""Tag (``0xggggeeee``) to value representation and value."""

_LONG = frozenset(("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"))
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d", "UV": "Q", "SV": "q"}
_UNDEFINED = 0xFFFFFFFF


class Syntax:
    """A transfer syntax; all but the four uncompressed ones encapsulate pixel data.

    ``deep`` writes sequences and items with undefined lengths.
    """

    def __init__(self, uid: str, *, deep: bool = False) -> None:
        self._order = ">" if uid == "1.2.840.10008.1.2.2" else "<"
        self._explicit = uid != "1.2.840.10008.1.2"
        self._deflated = uid == "1.2.840.10008.1.2.1.99"
        self._encapsulates = uid.startswith("1.2.840.10008.1.2.4") or uid.endswith(".1.2.5")
        self._deep = deep
        order = self._order
        self._short = struct.Struct(f"{order}HH2sH").pack
        self._long = struct.Struct(f"{order}HH2sHI").pack
        self._plain = struct.Struct(f"{order}HHI").pack

    def encode(self, elements: Elements) -> bytes:
        """The elements in ascending order of their tags."""
        body = b"".join([self._element(tag, *elements[tag]) for tag in sorted(elements)])
        if not self._deflated:
            return body
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflate.compress(body) + deflate.flush()
        return body + b"\0" * (len(body) % 2)

    def header(self, tag: int, vr: str, length: int) -> bytes:
        """What stands before a value."""
        group, element = tag >> 16, tag & 0xFFFF
        if not self._explicit:
            return self._plain(group, element, length)
        if vr in _LONG:
            return self._long(group, element, vr.encode(), 0, length)
        return self._short(group, element, vr.encode(), length)

    def _element(self, tag: int, vr: str, value: Any) -> bytes:
        if vr == "SQ":
            items = b"".join([self._item(item) for item in value])
            if self._deep:
                end = self._plain(0xFFFE, 0xE0DD, 0)
                return self.header(tag, vr, _UNDEFINED) + items + end
            return self.header(tag, vr, len(items)) + items
        if tag == 0x7FE00010 and self._encapsulates:
            pieces = (
                self.header(tag, "OB", _UNDEFINED),
                self._plain(0xFFFE, 0xE000, 0),  # the basic offset table, empty
                self._plain(0xFFFE, 0xE000, len(value)),
                value,
                self._plain(0xFFFE, 0xE0DD, 0),
            )
            return b"".join(pieces)
        content = self._value(vr, value)
        return self.header(tag, vr, len(content)) + content

    def _item(self, elements: Elements) -> bytes:
        content = b"".join([self._element(tag, *elements[tag]) for tag in sorted(elements)])
        if self._deep:
            end = self._plain(0xFFFE, 0xE00D, 0)
            return self._plain(0xFFFE, 0xE000, _UNDEFINED) + content + end
        return self._plain(0xFFFE, 0xE000, len(content)) + content

    def _value(self, vr: str, value: Any) -> bytes:
        if isinstance(value, bytes):
            return value
        values = value if isinstance(value, list) else [value]
        code = _NUMBERS.get(vr)
        if code is not None:
            return struct.pack(f"{self._order}{len(values)}{code}", *map(_number(code), values))
        text = "\\".join([str(part) for part in values]).encode("latin-1")
        if len(text) % 2:
            return text + (b"\0" if vr in ("UI", "OB", "UN") else b" ")
        return text


def _number(code: str) -> Callable[[Any], float]:
    return float if code in "fd" else int
