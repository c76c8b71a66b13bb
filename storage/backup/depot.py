"""The folder of a backup: its files, each once, and the snapshots of the index that list them.

repertory-backup.json      says what the folder is
snapshots/20261121T034500Z.db     an index, as it was then
snapshots/20261121T034500Z.json   what was copied with it; written last
files/ab/cd/abcd…          as in a storage directory
"""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from repertory.errors import CannotStart
from repertory.storage.areas.filesystem import STAGING
from repertory.storage.index.sqlite.lock import FolderLock

MARKER = "repertory-backup.json"
FORMAT = 1
LOCK = "backup.lock"


@dataclass(frozen=True, slots=True)
class Stayed:
    """Files that a snapshot lists, and that stayed in their storage: ``place`` says where it is."""

    storage: str
    place: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What belongs to a snapshot.

    ``files`` and ``size`` are of what is in the backup, ``index_md5`` is of its database; ``lost``
    are files that were missing or damaged in the archive when it was taken. ``stayed`` are the
    storages whose files were not copied.
    """

    name: str
    taken: str
    instances: int
    files: int
    size: int
    index_size: int
    index_md5: str
    lost: tuple[str, ...] = ()
    stayed: tuple[Stayed, ...] = ()

    @property
    def absent(self) -> frozenset[str]:
        """The names of the storages whose files are not in the backup."""
        return frozenset(it.storage for it in self.stayed)


class Depot:
    """The folder of a backup."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.snapshots = folder / "snapshots"
        self.files = folder / "files"
        self.staging = self.files / STAGING

    def prepare(self) -> None:
        """Make the folder, or recognise it.

        Raises:
            CannotStart: it is something else.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        marker = self.folder / MARKER
        if not marker.exists():
            strangers = {path.name for path in self.folder.iterdir()} - {LOCK}
            if strangers:
                raise CannotStart(
                    "The folder of a backup must be empty, or that of an earlier backup."
                )
            part = self.folder / LOCK
            part.touch()
            marker.write_text(json.dumps({"format": FORMAT}) + "\n")
        self.recognise()
        self.snapshots.mkdir(exist_ok=True)
        self.staging.mkdir(parents=True, exist_ok=True)

    def recognise(self) -> None:
        """Refuse a folder that is no backup.

        Raises:
            CannotStart: it is none.
        """
        try:
            known = json.loads((self.folder / MARKER).read_text())["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CannotStart("The folder is not a backup of Repertory.") from error
        if not known:
            raise CannotStart("The backup was made by a newer Repertory.")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others out while the backup is changed."""
        lock = FolderLock(self.folder / LOCK)
        try:
            lock.acquire()
        except CannotStart as error:
            raise CannotStart("Somebody else is working on this backup.") from error
        try:
            yield
        finally:
            lock.release()

    def clean(self) -> None:
        """Remove what a run that was ended has left half done."""
        shutil.rmtree(self.staging, ignore_errors=True)
        self.staging.mkdir(parents=True, exist_ok=True)
        complete = {manifest.name for manifest in self.manifests()}
        for path in self.snapshots.iterdir():
            if path.stem.partition(".")[0] not in complete:
                path.unlink()

    def new_name(self) -> str:
        """A name for a snapshot: the time, UTC."""
        seconds = int(time.time())
        taken = {manifest.name for manifest in self.manifests()}
        while (name := time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(seconds))) in taken:
            seconds += 1
        return name

    def manifests(self) -> list[Manifest]:
        """The snapshots that are complete, the newest first."""
        found = []
        for path in sorted(self.snapshots.glob("*.json"), reverse=True):
            try:
                fields = json.loads(path.read_text())
                stayed = tuple(Stayed(**it) for it in fields.get("stayed", ()))
                lost = tuple(fields["lost"])
                manifest = Manifest(**{**fields, "lost": lost, "stayed": stayed})
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise CannotStart(f"The snapshot {path.stem} cannot be read.") from error
            found.append(manifest)
        return found

    def index_of(self, name: str) -> Path:
        """The database of a snapshot."""
        return self.snapshots / f"{name}.db"

    def complete(self, manifest: Manifest) -> None:
        """Let a snapshot count: everything that it lists is on the disk."""
        sync()
        part = self.snapshots / f"{manifest.name}.part"
        part.write_text(json.dumps(asdict(manifest), indent=2) + "\n")
        part.rename(self.snapshots / f"{manifest.name}.json")
        sync()

    def forget(self, name: str) -> None:
        """Remove a snapshot; its files stay."""
        (self.snapshots / f"{name}.json").unlink()
        self.index_of(name).unlink()

    def path_of(self, uuid: str) -> Path:
        """Where a file is."""
        return self.files / uuid[0:2] / uuid[2:4] / uuid

    def names(self) -> Iterator[str]:
        """The names of all files."""
        for outer in self.files.iterdir():
            if outer.name == STAGING:
                continue
            for inner in outer.iterdir():
                for path in inner.iterdir():
                    yield path.name


def sync() -> None:
    """Wait until what was written is on the medium, where the system can."""
    if hasattr(os, "sync"):
        os.sync()
