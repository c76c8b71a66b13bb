"""Copying files of a backup from a storage that is no folder."""

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path

from repertory.errors import ArchiveFull, FileLost, StorageFailed
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.cipher import MARK, OVERHEAD
from repertory.storage.backup.copying import Fate, fits
from repertory.storage.backup.snapshot import StoredFile

PIECE = 8 << 20
"""Bytes that are asked for at a time."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Fetcher:
    """Copies files from an area to a folder that is laid out as a storage directory.

    As ``Copier`` does: files that are there with their size are kept. What is encrypted in the area
    is copied as it is.
    """

    def __init__(self, area: StorageArea, target: Path, staging: Path) -> None:
        """Name both; ``area`` decrypts nothing."""
        self._area = area
        self._target = target
        self._staging = staging

    def copy(self, file: StoredFile) -> Fate:
        """Copy a file, if it is not there; what differs from what the index says is not copied.

        Raises:
            ArchiveFull: there is no room left.
            StorageFailed: it could not be read, or not be written.
        """
        target = self._target / file.uuid[0:2] / file.uuid[2:4] / file.uuid
        if fits(str(target), file.size):
            return Fate.KEPT
        staged = self._staging / file.uuid
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                is_right = self._fetch(file, staged)
            except FileLost:
                staged.unlink(missing_ok=True)
                return Fate.LOST
            if not is_right:
                staged.unlink()
                return Fate.DAMAGED
            staged.replace(target)
        except OSError as error:
            if error.errno in _FULL:
                raise ArchiveFull("The disk that is copied to is full.") from error
            raise StorageFailed(f"A file could not be copied: {error.strerror}.") from error
        return Fate.COPIED

    def _fetch(self, file: StoredFile, staged: Path) -> bool:
        """Fetch a file, and tell whether it was what the index says."""
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        beginning = b""
        with staged.open("wb") as content:
            for piece in self._pieces(file):
                beginning = beginning or piece[: len(MARK)]
                digest.update(piece)
                size += len(piece)
                content.write(piece)
        if size == file.size + OVERHEAD and beginning == MARK:
            return True  # encrypted: the sum is that of what was encrypted
        return size == file.size and file.md5 in (None, digest.digest())

    def _pieces(self, file: StoredFile) -> Iterator[bytes]:
        start = 0
        while piece := self._area.read(file.uuid, file.content_type, start, PIECE):
            yield piece
            start += len(piece)
            if len(piece) < PIECE:
                return
