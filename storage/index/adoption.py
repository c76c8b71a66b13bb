"""Taking over the index of an Orthanc: a new index of ours is made from its SQLite file.

Orthanc's index (schema 6, that of versions 0.9.5 to 1.13) is only read, and not even locked
in a way that writes; the files that it lists stay where they are. Ours is made under another name
and renamed when it is complete, so that whatever ends the work leaves nothing half behind.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import structlog

from repertory.errors import CannotStart
from repertory.model import Totals
from repertory.storage.index.orthanc import OrthancIndex
from repertory.storage.index.sqlite import adopting
from repertory.storage.index.sqlite.adopting_statements import SAMPLE_FILES
from repertory.storage.index.sqlite.engine import FILE_NAME, LOCK_NAME
from repertory.storage.index.sqlite.lock import FolderLock

log = structlog.get_logger(__name__)

WORKSHOP = "repertory.adopting"
"""The folder, beside the new index, in which it is made."""

SAMPLE = 1_000
"""How many files are looked for at the end, unless all are."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was taken over.

    ``lost`` are the files that are missing or have another size than Orthanc wrote down, among
    those that were looked at (``looked_at``). ``doubts`` are what did not add up in Orthanc's
    own index.
    """

    totals: Totals
    changes: int
    looked_at: int
    seconds: float
    lost: tuple[str, ...] = ()
    doubts: tuple[str, ...] = field(default=())


def adopt(
    storage: Path,
    *,
    orthanc: Path,
    index: Path,
    every_file: bool = False,
    progress: Progress = lambda _what, _done, _all: None,
) -> Adoption:
    """Make an index of ours from Orthanc's.

    Args:
        storage: the folder of Orthanc's files, which becomes ours.
        orthanc: the folder of Orthanc's index.
        index: the folder of our index.
        every_file: whether each file is looked for at the end, not only a sample.
        progress: is told how far it is.

    Raises:
        CannotStart: it cannot be done, and why; nothing has changed.
    """
    begun = time.monotonic()
    if not storage.is_dir():
        raise CannotStart("There is no such storage directory.")
    index.mkdir(parents=True, exist_ok=True)
    lock = FolderLock(index / LOCK_NAME)
    lock.acquire()
    try:
        target = index / FILE_NAME
        if target.exists():
            raise CannotStart(
                "There is an index of Repertory already: the folder was adopted before, or used"
                f" by Repertory. To adopt it anew, move {FILE_NAME} away."
            )
        workshop = index / WORKSHOP
        shutil.rmtree(workshop, ignore_errors=True)
        workshop.mkdir()
        try:
            with OrthancIndex(orthanc, workshop) as source:
                made = _make(source, workshop / FILE_NAME, progress)
            looked_at, lost = _look_for_files(workshop / FILE_NAME, storage, progress, every_file)
            _put_in_place(workshop / FILE_NAME, target)
        finally:
            shutil.rmtree(workshop, ignore_errors=True)
    except OSError as error:
        raise CannotStart(f"The index cannot be adopted: {error.strerror}.") from error
    finally:
        lock.release()
    seconds = time.monotonic() - begun
    log.info("index_adopted", instances=made.totals.instances, lost=len(lost))
    return Adoption(made.totals, made.changes, looked_at, seconds, lost, made.doubts)


def _make(source: OrthancIndex, path: Path, progress: Progress) -> adopting.Made:
    try:
        return adopting.make(source, path, progress)
    except apsw.ConstraintError as error:
        raise CannotStart(
            "Orthanc's index is damaged: it has two rows for one thing, or a row without what it"
            " must have."
        ) from error
    except apsw.CorruptError as error:
        raise CannotStart("Orthanc's index is damaged.") from error
    except apsw.FullError as error:
        raise CannotStart("There is no room left for the index.") from error
    except apsw.Error as error:
        raise CannotStart(f"Orthanc's index cannot be adopted: {error}.") from error


def _look_for_files(
    path: Path, storage: Path, progress: Progress, every_file: bool
) -> tuple[int, tuple[str, ...]]:
    """Look for files of the new index: how many, and which are missing or of another size."""
    lost: list[str] = []
    flags = apsw.SQLITE_OPEN_READONLY
    with closing(apsw.Connection(str(path), flags=flags)) as connection:
        rows: list[Any] = connection.execute("SELECT COUNT(*) FROM attachments").fetchall()
        number = int(rows[0][0])
        step = 1 if every_file else max(number // SAMPLE, 1)
        expected = -(-number // step)
        done = 0
        files: Iterable[Any] = connection.execute(SAMPLE_FILES, (step,))
        for uuid, size in files:
            file = storage / uuid[0:2] / uuid[2:4] / uuid
            try:
                found = file.stat().st_size
            except OSError:
                found = -1
            if found != size:
                lost.append(uuid)
            done += 1
            if done % SAMPLE == 0 or done == expected:
                progress("files", done, expected)
    return done, tuple(lost)


def _put_in_place(made: Path, target: Path) -> None:
    descriptor = os.open(made, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    made.rename(target)
    if hasattr(os, "O_DIRECTORY"):
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
