"""Copying files that are written once: each is whole under its name, or not there."""

import errno
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from pathlib import Path

from repertory.errors import ArchiveFull, StorageFailed
from repertory.storage.areas.cipher import MARK, OVERHEAD
from repertory.storage.areas.filesystem import staged_file
from repertory.storage.backup.snapshot import Progress, StoredFile

PIECE = 1 << 20
BATCH = 512
"""How many files are given to the threads at a time."""

_NO_LINKS = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EACCES)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Fate(Enum):
    """What became of a file."""

    KEPT = "was there"
    COPIED = "copied"
    STAYED = "left where it is"
    LOST = "missing"
    DAMAGED = "damaged"


@dataclass(slots=True)
class Tally:
    """What became of many files; ``size`` are the bytes that were copied.

    ``stayed`` are the files and bytes that were not, by the number of their storage.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    size: int = 0
    stayed: dict[int, tuple[int, int]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def add(self, file: StoredFile, fate: Fate) -> None:
        """Count a file."""
        self.fates[fate] += 1
        if fate is Fate.COPIED:
            self.size += file.size
        elif fate is Fate.STAYED:
            files, size = self.stayed.get(file.location, (0, 0))
            self.stayed[file.location] = (files + 1, size + file.size)
        elif fate is Fate.LOST:
            self.lost.append(file.uuid)
        elif fate is Fate.DAMAGED:
            self.damaged.append(file.uuid)


def for_all(
    files: Iterable[StoredFile],
    work: Callable[[StoredFile], Fate],
    *,
    total: int,
    threads: int,
    progress: Progress,
) -> Tally:
    """Let threads do something to all files."""
    tally = Tally()
    waiting = iter(files)
    done = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="backup") as crew:
        while batch := list(islice(waiting, BATCH)):
            for file, fate in zip(batch, crew.map(work, batch), strict=True):
                tally.add(file, fate)
            done += len(batch)
            progress("files", done, total)
    return tally


class Copier:
    """Copies files from one folder to another, both laid out as a storage directory.

    Files that are there with their size are kept: they were whole when they got their name.
    ``link`` makes hard links, where both are on one disk.
    """

    def __init__(self, source: Path, target: Path, staging: Path, *, link: bool = False) -> None:
        self._source = str(source)
        self._target = str(target)
        self._staging = str(staging)
        self._link = link

    def copy(self, file: StoredFile) -> Fate:
        """Copy a file, if it is not there; what differs from what the index says is not copied.

        Raises:
            ArchiveFull: there is no room left.
            StorageFailed: it could not be written.
        """
        place = f"{file.uuid[0:2]}/{file.uuid[2:4]}"
        source = f"{self._source}/{place}/{file.uuid}"
        target = f"{self._target}/{place}/{file.uuid}"
        if fits(target, file.size):
            return Fate.KEPT
        found = size_of(source)
        if found is None:
            # After a power cut, until the server starts again (docs/explanation/durability.md).
            source = staged_file(self._source, file.uuid)
            found = size_of(source)
        if not fits(source, file.size):
            return Fate.LOST if found is None else Fate.DAMAGED
        try:
            os.makedirs(f"{self._target}/{place}", exist_ok=True)  # noqa: PTH103 - as below
            if self._link and _linked(source, target):
                return Fate.COPIED
            staged = f"{self._staging}/{file.uuid}"
            if not _copied(source, staged, file):
                os.unlink(staged)  # noqa: PTH108 - making paths costs more than the rest
                return Fate.DAMAGED
            os.replace(staged, target)  # noqa: PTH105
        except OSError as error:
            if error.errno in _FULL:
                raise ArchiveFull("The disk that is copied to is full.") from error
            raise StorageFailed(f"A file could not be copied: {error.strerror}.") from error
        return Fate.COPIED


def size_of(path: str) -> int | None:
    """How many bytes a file has; ``None`` where there is none."""
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return None


def fits(path: str, size: int) -> bool:
    """Whether a file has its size, or that of its encrypted form."""
    found = size_of(path)
    return found == size or (found == size + OVERHEAD and _is_encrypted(path))


def _is_encrypted(path: str) -> bool:
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        return file.read(len(MARK)) == MARK


def _linked(source: str, target: str) -> bool:
    try:
        os.link(source, target)
    except FileExistsError:
        os.unlink(target)  # noqa: PTH108 - of another size
        return _linked(source, target)
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    return True


def _copied(source: str, staged: str, file: StoredFile) -> bool:
    """Copy, and tell whether it was what the index says."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    with open(source, "rb", buffering=0) as old, open(staged, "wb", buffering=0) as new:  # noqa: PTH123
        while piece := old.read(PIECE):
            digest.update(piece)
            size += len(piece)
            view = memoryview(piece)
            while view:
                view = view[new.write(view) :]
    if size == file.size + OVERHEAD:
        return True  # encrypted: the sum is that of what was encrypted
    return size == file.size and file.md5 in (None, digest.digest())


def examine(path: Path, file: StoredFile) -> Fate:
    """Read a file and compare it with what the index says."""
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with path.open("rb", buffering=0) as content:
            while piece := content.read(PIECE):
                digest.update(piece)
                size += len(piece)
    except FileNotFoundError:
        return Fate.LOST
    except OSError:
        return Fate.DAMAGED
    if size == file.size + OVERHEAD and _is_encrypted(str(path)):
        return Fate.KEPT  # what it decrypts to, only its tag tells
    if size != file.size or file.md5 not in (None, digest.digest()):
        return Fate.DAMAGED
    return Fate.KEPT
