"""Many identifiers with the same keys, as the answers to one query have them."""

import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final

from repertory.storage.dicom.names import asked_entry, parse_tag
from repertory.storage.dicom.values import TEXT
from repertory.storage.dicom.wire import EXPLICIT, LONG_VRS, write_identifier

_LONGEST: Final = 0xFFFE // 4  # letters, which may have four bytes
_SHORT_LENGTH: Final = struct.Struct("<H")
_LONG_LENGTH: Final = struct.Struct("<I")


class IdentifierWriter:
    """Writes identifiers as ``write_identifier`` does, with what they share worked out once."""

    def __init__(
        self,
        tags: Iterable[str],
        fixed: Mapping[str, str],
        transfer_syntax: str,
        *,
        prefers: str = "ISO_IR 100",
    ) -> None:
        """Take what all have in common.

        Args:
            tags: what each of them tells, "" where it has nothing to tell.
            fixed: what all of them tell.
            transfer_syntax: one of the two uncompressed ones.
            prefers: the character set for text beyond ASCII.
        """
        self._fixed = fixed
        self._syntax = transfer_syntax
        self._prefers = prefers
        self._plan = [
            _Element(tag, fixed.get(tag), explicit=transfer_syntax == EXPLICIT)
            for tag in sorted({*tags, *fixed})
        ]
        self._is_plain = all(it.is_text for it in self._plan)

    def write(self, values: Mapping[str, Any]) -> bytes:
        """One identifier; ``values`` are text, or items, by tag."""
        if not self._is_plain:
            return self._write_any(values)
        parts = []
        try:
            for element in self._plan:
                if element.whole is not None:
                    parts.append(element.whole)
                    continue
                raw = values.get(element.tag, "").encode("ascii")
                if len(raw) % 2:
                    raw += element.padding
                parts += (element.head, element.length(len(raw)), raw)
        except (AttributeError, UnicodeEncodeError, struct.error):
            # Items, letters beyond ASCII, or a text that is longer than most.
            return self._write_any(values)
        return b"".join(parts)

    def _write_any(self, values: Mapping[str, Any]) -> bytes:
        whole = {it.tag: it.fitting(values.get(it.tag, "")) for it in self._plan}
        return write_identifier({**whole, **self._fixed}, self._syntax, prefers=self._prefers)


class _Element:
    """An element of each identifier: what comes before its length, and what fills it up."""

    def __init__(self, tag: str, fixed: str | None, *, explicit: bool) -> None:
        number = parse_tag(tag) or 0
        vr = asked_entry(number).vr
        self.tag = tag
        self.is_text = vr == "UI" or vr in TEXT
        self.padding = b"\0" if vr == "UI" else b" "
        self.head = struct.pack("<HH", number >> 16, number & 0xFFFF)
        self._is_long = not explicit or vr in LONG_VRS
        self.length = (_LONG_LENGTH if self._is_long else _SHORT_LENGTH).pack
        if explicit:
            self.head += vr.encode() + (b"\0\0" if self._is_long else b"")
        self.whole: bytes | None = None
        if fixed is not None:
            raw = fixed.encode("ascii", "replace")
            raw += self.padding * (len(raw) % 2)
            self.whole = self.head + self.length(len(raw)) + raw

    def fitting(self, value: Any) -> Any:
        """The value; "" for a text that the two bytes of most lengths cannot count."""
        fits = self._is_long or not isinstance(value, str) or len(value) <= _LONGEST
        return value if fits else ""
