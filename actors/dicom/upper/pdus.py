"""The protocol data units (PS3.8 section 9.3), but for those that negotiate."""

import struct
from collections.abc import Iterator
from typing import Final

ASSOCIATE_RQ: Final = 0x01
ASSOCIATE_AC: Final = 0x02
ASSOCIATE_RJ: Final = 0x03
P_DATA_TF: Final = 0x04
RELEASE_RQ: Final = 0x05
RELEASE_RP: Final = 0x06
ABORT: Final = 0x07
KINDS: Final = frozenset(range(ASSOCIATE_RQ, ABORT + 1))

HEAD: Final = struct.Struct(">BxI")
"""Type and length of a PDU (PS3.8 table 9-11)."""

LARGEST: Final = 1 << 20
"""Bytes. Some send more than they were told to; what is longer than this is an attack."""

FIXED_LENGTH: Final = 4
"""Bytes of the PDUs that end associations, after the head."""

IS_COMMAND: Final = 0x01
IS_LAST: Final = 0x02
"""The bits of a message control header (PS3.8 annex E.2)."""

UNSPECIFIED: Final = 0
UNRECOGNIZED: Final = 1
UNEXPECTED: Final = 2
INVALID: Final = 6
"""Why the service provider aborts (PS3.8 table 9-26)."""

_ITEM: Final = struct.Struct(">IBB")
_DATA: Final = struct.Struct(">BxIIBB")
_OVERHEAD: Final = 6
"""Bytes of a fragment besides its own: length, context and control header."""

_MOST_TO_SEND: Final = 1 << 17
"""Bytes of the PDUs we send where the other side takes any: as much as DCMTK's."""


class BadPdu(Exception):
    """What came is not the protocol; ``reason`` is what A-ABORT says of it."""

    def __init__(self, reason: int = INVALID) -> None:
        super().__init__(f"reason {reason}")
        self.reason = reason


def release_request() -> bytes:
    """A-RELEASE-RQ."""
    return HEAD.pack(RELEASE_RQ, FIXED_LENGTH) + bytes(FIXED_LENGTH)


def release_reply() -> bytes:
    """A-RELEASE-RP."""
    return HEAD.pack(RELEASE_RP, FIXED_LENGTH) + bytes(FIXED_LENGTH)


def abort(*, by_provider: bool = False, reason: int = UNSPECIFIED) -> bytes:
    """A-ABORT: by us, or because the protocol was not kept."""
    source = 2 if by_provider else 0
    return HEAD.pack(ABORT, FIXED_LENGTH) + bytes((0, 0, source, reason if by_provider else 0))


def rejection(*, result: int, source: int, reason: int) -> bytes:
    """A-ASSOCIATE-RJ (PS3.8 table 9-21)."""
    return HEAD.pack(ASSOCIATE_RJ, FIXED_LENGTH) + bytes((0, result, source, reason))


def fragments(body: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """The fragments of a P-DATA-TF: context, control header, and bytes.

    Raises:
        BadPdu: lengths do not add up.
    """
    position, end = 0, len(body)
    while position < end:
        if end - position < _OVERHEAD:
            raise BadPdu
        length, context, control = _ITEM.unpack_from(body, position)
        following = position + 4 + length
        if length < 2 or following > end:
            raise BadPdu
        yield context, control, body[position + _OVERHEAD : following]
        position = following


class Fragmenter:
    """Cuts messages into P-DATA-TF PDUs that the other side takes."""

    def __init__(self, largest: int) -> None:
        """Take how long its PDUs may be; 0 is no limit.

        Raises:
            BadPdu: so short that nothing fits in.
        """
        room = min(largest or _MOST_TO_SEND, _MOST_TO_SEND) - _OVERHEAD
        self._room = room - room % 2  # a fragment has an even length (PS3.8 annex E.1)
        if self._room <= 0:
            raise BadPdu

    def command(self, context: int, content: bytes) -> Iterator[bytes | memoryview]:
        """A command set."""
        if len(content) <= self._room:
            length = len(content)
            yield _DATA.pack(
                P_DATA_TF, length + _OVERHEAD, length + 2, context, IS_COMMAND | IS_LAST
            )
            yield content
        else:
            yield from self._pieces(context, memoryview(content), IS_COMMAND)

    def both(self, context: int, command: bytes, content: bytes) -> bytes | None:
        """A message whole, in one PDU (PS3.8 9.3.5 has one or more fragments); ``None``: too long.

        Whoever reads it has half as much to read from the connection.
        """
        size = len(command) + len(content) + 2 * _OVERHEAD
        if size > self._room + _OVERHEAD:
            return None
        return b"".join(
            (
                HEAD.pack(P_DATA_TF, size),
                _ITEM.pack(len(command) + 2, context, IS_COMMAND | IS_LAST),
                command,
                _ITEM.pack(len(content) + 2, context, IS_LAST),
                content,
            )
        )

    def data(self, context: int, content: bytes | memoryview) -> Iterator[bytes | memoryview]:
        """A data set."""
        return self._pieces(context, memoryview(content), 0)

    def _pieces(
        self, context: int, content: memoryview, control: int
    ) -> Iterator[bytes | memoryview]:
        room, size = self._room, len(content)
        for start in range(0, size, room):
            length = min(room, size - start)
            last = IS_LAST if start + length == size else 0
            yield _DATA.pack(P_DATA_TF, length + _OVERHEAD, length + 2, context, control | last)
            yield content[start : start + length]
        if not size:
            yield _DATA.pack(P_DATA_TF, _OVERHEAD, 2, context, control | IS_LAST)
