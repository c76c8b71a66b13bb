"""An encrypted file, read as if it were not: for commands that have the file alone."""

import io
import os
from collections.abc import Sequence
from typing import BinaryIO

from repertory.errors import FileCorrupted
from repertory.storage.areas import cipher
from repertory.storage.areas.cipher import HEADER, OVERHEAD, TAG, FileKey

PIECE = 1 << 20


class NotEncryptedSo(Exception):
    """A file is encrypted under another key than those that are given."""


def opened(file: BinaryIO, keys: Sequence[bytes]) -> BinaryIO:
    """A file as it was before it was encrypted, or the file itself where it was not.

    It is read once to its end, to find the key that its tag is right with.

    Raises:
        NotEncryptedSo: none of the keys is right, or the file was changed.
        CannotStart: the library is not installed.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    header = file.read(HEADER)
    file.seek(0)
    number = cipher.number_of(header)
    if not keys or number is None or size < OVERHEAD:
        return file
    for master in keys:
        key = cipher.key_in(header, master)
        if _is_right(file, size, key):
            return io.BufferedReader(_Decrypting(file, size, key))
    raise NotEncryptedSo(
        f"none of the keys opens it (it names the key {number}), or it is damaged."
    )


def _is_right(file: BinaryIO, size: int, key: FileKey) -> bool:
    decryption = cipher.Decryption(key)
    file.seek(HEADER)
    left = size - OVERHEAD
    while left:
        piece = file.read(min(left, PIECE))
        if not piece:
            return False
        decryption.update(piece)
        left -= len(piece)
    try:
        decryption.finish(file.read(TAG))
    except FileCorrupted:
        return False
    return True


class _Decrypting(io.RawIOBase):
    """The content of an encrypted file."""

    def __init__(self, file: BinaryIO, size: int, key: FileKey) -> None:
        self._file = file
        self._size = size - OVERHEAD
        self._key = key
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to another place."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read on."""
        length = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(HEADER + self._position)
        content = cipher.decrypted_range(self._key, self._position, self._file.read(length))
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)
