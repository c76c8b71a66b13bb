"""Letters as bytes: a length, then what was pickled.

Pickle is for those who trust each other: these bytes only ever go through a socket pair that both
processes got from their making, which has no name and which nobody else can open.
"""

import io
import pickle
import struct
from collections.abc import Iterator
from typing import Any

import structlog

from repertory.actors.portal.shortening import SHORTENED
from repertory.errors import Failed, RepertoryError, ShuttingDown

log = structlog.get_logger(__name__)

LONGEST = 1 << 30
"""Bytes that one letter may have; more is no letter of ours."""

_HEAD = struct.Struct("!I")


class BrokenFrame(Exception):
    """What came through the socket is none of our letters."""


class Defect(Exception):
    """Something in another process failed by a bug, which is in its log."""


def encode(letter: Any) -> bytes:
    """A letter as a frame.

    Raises:
        Exception: it holds what cannot be pickled, or is longer than a letter may be.
    """
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.dispatch_table = SHORTENED
    pickler.dump(letter)
    content = file.getbuffer()
    if len(content) >= LONGEST:
        raise Failed("What was asked or answered is too long to be handed on.")
    return _HEAD.pack(len(content)) + content


class FrameReader:
    """Puts letters together from the pieces that arrive."""

    def __init__(self) -> None:
        self._pieces = bytearray()
        self._missing = _HEAD.size

    def feed(self, data: bytes) -> Iterator[Any]:
        """The letters that are complete with these bytes.

        Raises:
            BrokenFrame: this is no letter; nothing that follows can be read either.
        """
        pieces = self._pieces
        pieces += data
        if len(pieces) < self._missing:
            return
        at = 0
        while len(pieces) - at >= _HEAD.size:
            (length,) = _HEAD.unpack_from(pieces, at)
            if length >= LONGEST:
                raise BrokenFrame("a frame is longer than any letter")
            end = at + _HEAD.size + length
            if len(pieces) < end:
                self._missing = end - at
                break
            with memoryview(pieces) as view:
                letter = _decode(view[at + _HEAD.size : end])
            at = end
            yield letter
        else:
            self._missing = _HEAD.size
        del pieces[:at]


def _decode(content: memoryview) -> Any:
    try:
        with content:
            return pickle.loads(content)  # noqa: S301 - from our own process, see above
    except Exception as error:
        raise BrokenFrame("a frame cannot be read") from error


def portable(error: BaseException) -> BaseException:
    """An error as another process can have it: without its causes, which are in the log here."""
    if not isinstance(error, RepertoryError):
        log.error("letter_failed", error=type(error).__name__, exc_info=error)
        return Defect(type(error).__name__)
    if isinstance(error, ShuttingDown):
        return ShuttingDown(str(error))
    try:
        pickle.Pickler(io.BytesIO(), protocol=5).dump(error)
    except Exception:
        log.exception("letter_unwritable", letter_type=type(error).__name__)
        return Failed(str(error))
    return error
