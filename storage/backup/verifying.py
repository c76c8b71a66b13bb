"""Verifying a backup: every snapshot, and every file that one of them lists, byte by byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from repertory.errors import CannotStart
from repertory.storage.backup import snapshot
from repertory.storage.backup.copying import examine, for_all
from repertory.storage.backup.depot import Depot, Manifest
from repertory.storage.backup.snapshot import Progress, StoredFile
from repertory.storage.index.packing import pack_uuid


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What was found; ``lost`` and ``damaged`` are paths of files of the backup."""

    snapshots: int
    files: int
    damaged_snapshots: tuple[str, ...]
    lost: tuple[Path, ...]
    damaged: tuple[Path, ...]

    @property
    def is_sound(self) -> bool:
        """Whether all is as it was written."""
        return not (self.damaged_snapshots or self.lost or self.damaged)


def verify(
    folder: Path,
    *,
    threads: int = 4,
    progress: Progress = lambda _what, _done, _all: None,
) -> VerificationReport:
    """Read a whole backup.

    Raises:
        CannotStart: the folder is no backup, or has no snapshot that is complete.
    """
    depot = Depot(folder)
    depot.recognise()
    manifests = depot.manifests()
    if not manifests:
        raise CannotStart("The backup has no snapshot that is complete.")
    sound = [manifest for manifest in manifests if _is_sound(depot, manifest)]
    tally = for_all(
        _files(depot, sound),
        lambda file: examine(depot.path_of(file.uuid), file),
        total=sum(1 for _ in _files(depot, sound)),
        threads=threads,
        progress=progress,
    )
    return VerificationReport(
        snapshots=len(manifests),
        files=tally.fates.total(),
        damaged_snapshots=tuple(m.name for m in manifests if m not in sound),
        lost=tuple(map(depot.path_of, tally.lost)),
        damaged=tuple(map(depot.path_of, tally.damaged)),
    )


def _is_sound(depot: Depot, manifest: Manifest) -> bool:
    path = depot.index_of(manifest.name)
    try:
        if snapshot.md5_of(path) != manifest.index_md5:
            return False
    except OSError:
        return False
    return snapshot.is_sound(path)


def _files(depot: Depot, manifests: list[Manifest]) -> Iterator[StoredFile]:
    """Every file that a snapshot lists, once; those that it knows to lack are left out."""
    seen: set[bytes] = set()
    for manifest in manifests:
        lost = set(manifest.lost)
        for file in snapshot.files_of(depot.index_of(manifest.name), manifest.absent):
            packed = pack_uuid(file.uuid)
            if packed not in seen and file.uuid not in lost:
                seen.add(packed)
                yield file
