"""What the archive and its workers say to each other, over pipes: a header in JSON, then bytes."""

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<IQ")


class Silent(Exception):
    """The other side has ended, or said less than it should."""


def say(pipe: BinaryIO, header: dict[str, Any], body: bytes) -> None:
    """Say something.

    Raises:
        OSError: nobody listens any more.
    """
    words = json.dumps(header).encode()
    pipe.write(_LENGTHS.pack(len(words), len(body)))
    pipe.write(words)
    pipe.write(body)
    pipe.flush()


def hear(pipe: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Wait for what the other side says.

    Raises:
        Silent: nothing more comes.
    """
    words, body = _LENGTHS.unpack(_read(pipe, _LENGTHS.size))
    header: dict[str, Any] = json.loads(_read(pipe, words))
    return header, _read(pipe, body)


def _read(pipe: BinaryIO, length: int) -> bytes:
    content = pipe.read(length)
    if content is None or len(content) < length:
        raise Silent
    return content
