"""Putting a backup back into empty folders."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import structlog

from repertory.errors import CannotStart
from repertory.storage.areas.filesystem import STAGING
from repertory.storage.backup import snapshot
from repertory.storage.backup.copying import Copier, Fate, for_all
from repertory.storage.backup.depot import Depot, Manifest, sync
from repertory.storage.backup.hold import HOLD_NAME
from repertory.storage.backup.snapshot import Progress
from repertory.storage.index.sqlite.engine import FILE_NAME, LOCK_NAME, RESTORING_NAME
from repertory.storage.index.sqlite.lock import FolderLock

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What was put back; ``lost`` are files that the backup lacks, or has damaged."""

    manifest: Manifest
    copied: int
    kept: int
    lost: tuple[str, ...]
    seconds: float


def restore(
    folder: Path,
    *,
    storage: Path,
    index: Path,
    name: str = "",
    threads: int = 4,
    elsewhere: str = "",
    progress: Progress = lambda _what, _done, _all: None,
) -> RestoreReport:
    """Put a snapshot back: files first, each compared with its MD5 sum, the index last.

    A restore that was ended goes on when it is run again; no server starts on what is half done.

    Args:
        folder: the backup.
        storage: the folder for the files; empty, or missing.
        index: the folder for the index; empty, or missing.
        name: which snapshot; empty: the newest.
        threads: how many files to copy at a time.
        elsewhere: the object store of the archive, in words; empty: it has none.
        progress: is told how far it is.

    Raises:
        CannotStart: something is in the way, and what.
        ArchiveFull: there is no room left.
        StorageFailed: a file could not be written.
    """
    begun = time.monotonic()
    depot = Depot(folder)
    depot.recognise()
    manifest = _choose(depot, name)
    database = depot.index_of(manifest.name)
    if manifest.stayed and not elsewhere:
        there = manifest.stayed[0]
        raise CannotStart(
            f"{there.files:,} files of the snapshot {manifest.name} stayed in {there.place}: the"
            " configuration must name it, or another one that they were copied to."
        )
    try:
        if snapshot.md5_of(database) != manifest.index_md5:
            raise CannotStart(f"The index of the snapshot {manifest.name} is damaged.")
        index.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(index / LOCK_NAME)
        lock.acquire()
        try:
            _claim(storage, index, manifest.name)
            staging = storage / STAGING
            staging.mkdir(parents=True, exist_ok=True)
            tally = for_all(
                snapshot.files_of(database, manifest.absent),
                Copier(depot.files, storage, staging).copy,
                total=manifest.files,
                threads=threads,
                progress=progress,
            )
            shutil.rmtree(staging, ignore_errors=True)
            sync()
            part = index / f"{FILE_NAME}.part"
            shutil.copyfile(database, part)
            snapshot.gather(part, manifest.absent)
            sync()
            part.replace(index / FILE_NAME)
            (index / RESTORING_NAME).unlink()
            sync()
        finally:
            lock.release()
    except OSError as error:
        raise CannotStart(f"The backup cannot be put back: {error.strerror}.") from error
    log.info("backup_restored", snapshot=manifest.name, files=tally.fates[Fate.COPIED])
    return RestoreReport(
        manifest=manifest,
        copied=tally.fates[Fate.COPIED],
        kept=tally.fates[Fate.KEPT],
        lost=(*tally.lost, *tally.damaged),
        seconds=time.monotonic() - begun,
    )


def _choose(depot: Depot, name: str) -> Manifest:
    manifests = depot.manifests()
    if not manifests:
        raise CannotStart("The backup has no snapshot that is complete.")
    for manifest in manifests:
        if name in ("", manifest.name):
            return manifest
    names = ", ".join(manifest.name for manifest in manifests)
    raise CannotStart(f"There is no snapshot of that name; there are: {names}.")


def _claim(storage: Path, index: Path, name: str) -> None:
    """Refuse folders in which something is, unless a restore of the same snapshot put it there."""
    marker = index / RESTORING_NAME
    if (index / FILE_NAME).exists():
        if marker.exists() and marker.read_text() == name:
            # Ended between the last two steps.
            (index / FILE_NAME).unlink()
        else:
            raise CannotStart("There is an index already: a backup is put into empty folders.")
    if marker.exists():
        if marker.read_text() != name:
            raise CannotStart("The restore of another snapshot was begun here: empty the folder.")
        return
    if storage.exists():
        own = {LOCK_NAME, HOLD_NAME}
        if any(path.name not in own for path in storage.iterdir()):
            raise CannotStart("The storage directory is not empty.")
    marker.write_text(name)
