"""Making a backup of an archive, and adding to one.

The server may run. In this order: nothing that is in the index is removed any more (``hold``); the
index is copied as it is at one moment; the files that it lists are copied; only then the snapshot
counts. Whatever ends the work between leaves files, which the next run keeps.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import structlog

from repertory.errors import CannotStart
from repertory.places import FILE_SYSTEM
from repertory.storage.areas.base import StorageArea
from repertory.storage.backup import snapshot
from repertory.storage.backup.copying import Copier, Fate, Tally, for_all
from repertory.storage.backup.depot import Depot, Manifest, Stayed
from repertory.storage.backup.fetching import Fetcher
from repertory.storage.backup.hold import HOLD_NAME, RemovalHold
from repertory.storage.backup.snapshot import Progress, StoredFile
from repertory.storage.index.packing import pack_uuid, pack_uuid_or_none
from repertory.storage.index.sqlite.engine import FILE_NAME

NO_DISKS: Mapping[str, Path] = MappingProxyType({})
NOTHING_STAYS: Mapping[str, str] = MappingProxyType({})
NO_AREAS: Mapping[str, StorageArea] = MappingProxyType({})

Copy = Callable[[StoredFile], Fate]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a run did: ``removed`` are files that no snapshot needs any more."""

    manifest: Manifest
    copied: int
    kept: int
    size: int
    removed: int
    seconds: float


def back_up(
    *,
    storage: Path,
    index: Path,
    to: Path,
    link: bool = False,
    keep: int = 0,
    threads: int = 1,
    disks: Mapping[str, Path] = NO_DISKS,
    areas: Mapping[str, StorageArea] = NO_AREAS,
    staying: Mapping[str, str] = NOTHING_STAYS,
    progress: Progress = lambda _what, _done, _all: None,
) -> BackupReport:
    """Add a snapshot to a backup.

    Args:
        storage: the folder of the archive's files.
        index: the folder of its index.
        to: the folder of the backup.
        link: whether to make hard links rather than copies, where both are on one disk.
        keep: how many snapshots to keep; 0: all.
        threads: how many files to copy at a time.
        disks: the folders of the archive's other storages, by their names.
        areas: its storages that are no folders, and whose files are copied, too; open.
        staying: those whose files are not copied, by their names, with the place in words.
        progress: is told how far it is.

    Raises:
        CannotStart: something is in the way, and what.
        ArchiveFull: there is no room left; what was copied counts for the next run.
        StorageFailed: a file could not be written.
        IndexFailed: the index could not be copied.
    """
    begun = time.monotonic()
    folders = {FILE_SYSTEM: storage, **disks}
    if any(to.resolve().is_relative_to(folder.resolve()) for folder in folders.values()):
        raise CannotStart("The backup must not lie in the archive's own folder.")
    if not (index / FILE_NAME).exists():
        raise CannotStart("There is no index: is this the configuration of the archive?")
    depot = Depot(to)
    try:
        depot.prepare()
        with depot.locked():
            depot.clean()
            copiers: dict[str, Copy] = {
                name: Copier(folder, depot.files, depot.staging, link=link).copy
                for name, folder in folders.items()
            }
            for name, area in areas.items():
                copiers[name] = Fetcher(area, depot.files, depot.staging).copy
            for name in staying:
                copiers[name] = _let_stay
            manifest, tally = _copy(depot, copiers, staying, index, threads, progress)
            depot.complete(manifest)
            removed = _prune(depot, keep)
    except OSError as error:
        raise CannotStart(f"The backup cannot be written: {error.strerror}.") from error
    log.info("backup_made", snapshot=manifest.name, copied=tally.fates[Fate.COPIED])
    return BackupReport(
        manifest=manifest,
        copied=tally.fates[Fate.COPIED],
        kept=tally.fates[Fate.KEPT],
        size=tally.size,
        removed=removed,
        seconds=time.monotonic() - begun,
    )


def _let_stay(_file: StoredFile) -> Fate:
    return Fate.STAYED


def _copy(  # noqa: PLR0917 - what ``back_up`` has found out
    depot: Depot,
    copiers: Mapping[str, Copy],
    staying: Mapping[str, str],
    index: Path,
    threads: int,
    progress: Progress,
) -> tuple[Manifest, Tally]:
    name = depot.new_name()
    database = depot.index_of(name)
    hold = RemovalHold(index / HOLD_NAME)
    # The server must have read the lock before the snapshot is taken, not after: see `hold`.
    with hold.held():
        taken = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        snapshot.take(index / FILE_NAME, database, progress)
        extent = snapshot.measure(database)
        names = snapshot.storages_of(database)
        if strange := [name for name in names.values() if name not in copiers]:
            raise CannotStart(
                f"Files lie in the storage {strange[0]}, which has no folder in the configuration:"
                " move them to another storage first. Nothing was copied."
            )
        tally = for_all(
            snapshot.files_of(database),
            lambda file: copiers[names[file.location]](file),
            total=extent.files,
            threads=threads,
            progress=progress,
        )
    stayed = tuple(
        Stayed(names[number], staying[names[number]], files, size)
        for number, (files, size) in sorted(tally.stayed.items())
    )
    return (
        Manifest(
            name=name,
            taken=taken,
            instances=extent.instances,
            files=extent.files - sum(it.files for it in stayed),
            size=extent.size - sum(it.size for it in stayed),
            index_size=database.stat().st_size,
            index_md5=snapshot.md5_of(database),
            lost=(*tally.lost, *tally.damaged),
            stayed=stayed,
        ),
        tally,
    )


def _prune(depot: Depot, keep: int) -> int:
    """Remove the oldest snapshots, and the files that only they have; how many files."""
    manifests = depot.manifests()
    if keep <= 0 or len(manifests) <= keep:
        return 0
    for manifest in manifests[keep:]:
        depot.forget(manifest.name)
    wanted = {
        pack_uuid(file.uuid)
        for manifest in manifests[:keep]
        for file in snapshot.files_of(depot.index_of(manifest.name))
    }
    removed = 0
    for name in list(depot.names()):
        packed = pack_uuid_or_none(name)
        if packed is not None and packed not in wanted:
            depot.path_of(name).unlink()
            removed += 1
    return removed
