"""ZIP archives that were sent to be stored: the files in them, one by one."""

import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

from repertory.errors import NotDicom, TooLarge

PIECE = 1 << 20
"""Bytes that are unpacked at once."""

_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError)


class ZipEntries:
    """The files of a ZIP archive.

    The archive is read to its end before the first file is given out, so that one that is
    corrupt stores nothing; and what it would unpack to is known beforehand.
    """

    def __init__(self, source: bytes | Path, *, limit: int) -> None:
        """Open the archive.

        Args:
            source: the archive, or a path to it.
            limit: how many bytes all its files together may have.

        Raises:
            NotDicom: it is no ZIP archive, is corrupt, encrypted, or packed in an unknown way.
            TooLarge: it would unpack to more than ``limit``.
        """
        try:
            self._zip = zipfile.ZipFile(BytesIO(source) if isinstance(source, bytes) else source)
        except _BROKEN as error:
            raise NotDicom("The ZIP archive is corrupt.") from error
        self._files = [entry for entry in self._zip.infolist() if not entry.is_dir()]
        if any(entry.flag_bits & 1 for entry in self._files):
            raise NotDicom("The ZIP archive is encrypted.")
        if sum(entry.file_size for entry in self._files) > limit:
            raise TooLarge("The files in the ZIP archive are larger than is accepted.")

    def __len__(self) -> int:
        return len(self._files)

    def size(self, number: int) -> int:
        """How many bytes a file has when it is unpacked; reading it checks that this is true."""
        return self._files[number].file_size

    def check(self, number: int) -> None:
        """Unpack a file for nothing but its checksum.

        Raises:
            NotDicom: it is corrupt.
        """
        for _ in self.pieces(number):
            pass

    def pieces(self, number: int) -> Iterator[bytes]:
        """A file, unpacked, in pieces.

        Raises:
            NotDicom: it is corrupt.
        """
        try:
            with self._zip.open(self._files[number]) as file:
                yield from _read(file)
        except _BROKEN as error:
            raise NotDicom("The ZIP archive is corrupt.") from error

    def close(self) -> None:
        """Let go of the archive."""
        self._zip.close()


def _read(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
