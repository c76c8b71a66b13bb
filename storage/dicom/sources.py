"""Where the bytes of a DICOM file come from: memory, a file, or a deflated part of either.

A scanner looks at a window of the file and moves it along, so that the header of a large file
is read and nothing else.
"""

import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

Content = bytes | bytearray | memoryview | Path | BinaryIO
"""A DICOM file: its bytes, its path, or a file that is open and can seek."""

WINDOW = 1 << 16


class Window(Protocol):
    """A part of a file that is at hand.

    ``data`` begins at ``start`` of the file. ``size`` is the whole file's; where it is not known
    before the end was seen, it is larger than any file until then.
    """

    data: bytes
    start: int
    size: int

    def move(self, position: int, length: int = WINDOW) -> bytes:
        """Let ``data`` begin at ``position`` and hold ``length`` bytes, or all up to the end.

        Windows on deflated data go forward only.
        """

    def file(self) -> BinaryIO:
        """The same file for another reader."""


class Memory:
    """A file that is in memory as a whole."""

    def __init__(self, data: bytes) -> None:
        self._whole = data
        self.data = data
        self.start = 0
        self.size = len(data)

    def move(self, position: int, length: int = WINDOW) -> bytes:
        """Take a part of what is at hand."""
        self.data = self._whole[position : position + length]
        self.start = position
        return self.data

    def file(self) -> BinaryIO:
        """The bytes as a file."""
        return BytesIO(self._whole)


class OnDisk:
    """A file on disk, of which a window is read at a time."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0, os.SEEK_END)
        self.size = file.tell()
        self.start = 0
        self.data = b""
        self.move(0)

    def move(self, position: int, length: int = WINDOW) -> bytes:
        """Read the window at ``position``."""
        self._file.seek(position)
        self.data = self._file.read(length)
        self.start = position
        if len(self.data) < length:
            # The end, wherever it was when the file was opened.
            self.size = min(self.size, position + len(self.data))
        return self.data

    def file(self) -> BinaryIO:
        """The file itself, at its beginning."""
        self._file.seek(0)
        return self._file


class Deflated:
    """The data set of a deflated file (PS3.5 A.5), inflated as far as it is looked at.

    It goes forward only and keeps no more than a window, however large the data inflate.
    """

    def __init__(self, window: Window, position: int) -> None:
        self._window = window
        self._position = position
        self._inflate = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        self.size = sys.maxsize
        self.start = 0
        self.data = b""
        self.move(0)

    def move(self, position: int, length: int = WINDOW) -> bytes:
        """Inflate up to ``position + length``, and forget what lies before ``position``."""
        while True:
            skip = min(position - self.start, len(self.data))
            self.data = self.data[skip:]
            self.start += skip
            if self.start == position and len(self.data) >= length:
                return self.data
            more = self._more()
            if not more:
                self.size = self.start + len(self.data)
                if self.start < position:
                    self.data, self.start = b"", position
                return self.data
            self.data += more

    def file(self) -> BinaryIO:
        """What was deflated, as a file."""
        return self._window.file()

    def _more(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
            zlib.error: the data are damaged, or end too early.
        """
        while not self._inflate.eof:
            packed = self._inflate.unconsumed_tail
            if not packed:
                packed = self._window.move(self._position)
                self._position += len(packed)
                if not packed:
                    raise zlib.error("the deflated data end too early")
            piece = self._inflate.decompress(packed, WINDOW)
            if piece:
                return piece
        return b""


@contextmanager
def opened(source: Content) -> Iterator[Window]:
    """The window on a source; a path is opened for as long as it is needed."""
    if isinstance(source, bytes):
        yield Memory(source)
    elif isinstance(source, Path):
        with source.open("rb") as file:
            yield OnDisk(file)
    elif isinstance(source, bytearray | memoryview):
        yield Memory(bytes(source))
    else:
        yield OnDisk(source)
