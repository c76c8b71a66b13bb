"""Files in a folder, laid out as Orthanc does: ``ab/cd/abcd….``, named by UUID, no extension."""

import errno
import os
import uuid as uuids
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from repertory.errors import ArchiveFull, CannotStart, FileLost, StorageFailed
from repertory.integrity import Survey
from repertory.storage.areas.calls import SystemCalls
from repertory.storage.areas.staging import Living, gather_leftovers
from repertory.storage.areas.surveying import survey_folder

LOST_AND_FOUND = "lost-and-found"
"""The folder of files that nobody owns; laid out like the area, so that they can be moved back."""

STAGING = ".staging"
"""The folder of files that are still being written; on the same disk, to be renamed.

They lie in folders by the first two letters of their names: file systems look for room for a new
file near its folder; if there was but one, all writers would look in the same place.
"""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""The errors of the operating system that mean that the disk, or one's share of it, is full."""

_PROBE = 4096
"""Bytes of the file that is written to see whether there is room: a file of none needs none."""

_SYNCHRONIZED = getattr(os, "O_DSYNC", 0)
"""Lets a write end when what was written is on the medium, with what is needed to read it."""

_TRIES = 100
"""Each needs another thread that took the folder away just then."""


def not_local(_area: object, _uuid: str) -> str | None:
    """The ``local_path`` of areas whose files lie elsewhere, or in another form: ``None``."""
    return None


def staged_file(root: str, uuid: str) -> str:
    """Where a file of this name may be in the making: in a branch's folder if it lies there."""
    staging = f"{root}/{STAGING}"
    with suppress(FileNotFoundError):
        for folder in [staging, *(it.path for it in os.scandir(staging) if _is_branch(it))]:
            for path in (f"{folder}/{part}{uuid}" for part in _parts(uuid)):
                if os.path.exists(path):  # noqa: PTH110 - as below
                    return path
    return f"{staging}/{_parts(uuid)[0]}{uuid}"


def _parts(uuid: str) -> tuple[str, ...]:
    """Where in a staging folder a file lies; in the other places older versions had it.

    By the last digits of its name: the first ones may be those of its neighbours, and many files
    that are made in one folder take longer (docs/explanation/performance.md).
    """
    return f"{uuid[-2:]}/", f"{uuid[:2]}/", ""


def _is_branch(entry: "os.DirEntry[str]") -> bool:
    return len(entry.name) > 2 and entry.is_dir()


def _staged_in(folder: Path) -> Iterator[str]:
    """The files in a staging folder without its branches; older versions had all in it."""
    for entry in list(os.scandir(folder)):
        if not entry.is_dir():
            yield entry.path
        elif not _is_branch(entry):
            yield from (it.path for it in list(os.scandir(entry.path)) if not it.is_dir())


class FilesystemArea:
    """A folder of files.

    A file is written in the staging folder, synchronized, and renamed into place: what lies in
    its place is complete. The renaming itself is not waited for. File systems that keep a journal
    write a new file's name with its content, so a power cut leaves the file in the staging folder
    or in its place, and the next start finishes what was begun (``leftovers``). Synchronizing
    the folders as well would cost as much again as the file (docs/explanation/durability.md).
    """

    def __init__(
        self,
        root: Path,
        *,
        synchronize: bool = True,
        calls: SystemCalls = os,
        branch: str = "",
        living: Living | None = None,
    ) -> None:
        """Name the folder.

        Args:
        root: the folder; it is made where it is missing.
        synchronize: whether files are forced to the medium (``SyncStorageArea``).
        calls: what reads and changes files: the operating system, or a simulated one.
        branch: the name of another process that writes to the same folder: it has a staging
            folder of its own within the other one, and settles its own leftovers alone. Whoever
            opens the area without a name settles those of all branches, which do not run yet.
        living: who lives of the nodes that share the folder: one of them, with its name as
            ``branch``, settles the leftovers of those that do not.
        """
        self._root = root
        self._branch = branch
        self._living = living
        self._staging = root / STAGING / branch
        self._prefix = f"{root}/"
        self._staged_prefix = f"{self._staging}/"
        self._known_folders: set[str] = set()
        self._synchronize = synchronize
        self._calls = calls

    def open(self) -> None:
        """Make the folder."""
        try:
            self._staging.mkdir(parents=True, exist_ok=True)
            probe = self._staging / str(uuids.uuid4())
            probe.write_bytes(b"")
            probe.unlink()
            if not self._branch:
                self._gather_branches()
        except OSError as error:
            raise CannotStart(
                f"The storage directory cannot be written ({error.strerror}): check the option"
                " StorageDirectory and who owns the folder."
            ) from error

    def _gather_branches(self) -> None:
        """Take over what other processes of the last run were writing."""
        for branch in [entry for entry in os.scandir(self._staging) if _is_branch(entry)]:
            for path in map(Path, _staged_in(Path(branch.path))):
                with suppress(FileNotFoundError):  # the other process ends just now
                    path.rename(self.staging_path(path.name))
            with suppress(OSError):  # the same, or it is none of ours
                for folder in list(os.scandir(branch.path)):
                    Path(folder.path).rmdir()
                Path(branch.path).rmdir()

    def close(self) -> None:
        """Nothing is held open."""

    def probe(self) -> None:
        """Write and remove a small file."""
        path = str(self.staging_path(str(uuids.uuid4())))
        try:
            descriptor = self._open_staged(path)
            try:
                self._calls.write(descriptor, memoryview(bytes(_PROBE)))
            finally:
                self._calls.close(descriptor)
                self._calls.unlink(path)
        except OSError as error:
            raise _failure(error) from error

    def leftovers(self) -> tuple[str, ...]:
        """The names in the staging folder."""
        try:
            if self._living is not None:
                return gather_leftovers(self._root / STAGING, self._branch, self._living)
            return tuple(sorted(Path(path).name for path in _staged_in(self._staging)))
        except OSError as error:
            raise StorageFailed("The storage area could not be read.") from error

    def finish(self, uuid: str) -> None:
        """Put a file in its place."""
        try:
            self._put_in_place(self._found(uuid), uuid)
        except OSError as error:
            raise _failure(error) from error

    def discard(self, uuid: str) -> None:
        """Remove a file from the staging folder."""
        try:
            with suppress(FileNotFoundError):
                self._calls.unlink(self._found(uuid))
        except OSError as error:
            raise StorageFailed("An incomplete file could not be removed.") from error

    def local_path(self, uuid: str) -> str | None:
        """Its place."""
        return f"{self._prefix}{uuid[0:2]}/{uuid[2:4]}/{uuid}"

    def staging_path(self, uuid: str) -> Path:
        """A path on the same disk, for ``adopt``; its folder is there, unless the disk is full."""
        return Path(self._staged(uuid))

    def _staged(self, uuid: str) -> str:
        folder = f"{self._staged_prefix}{uuid[-2:]}"
        if folder not in self._known_folders:
            # If it cannot be made, whoever writes the file is told why.
            with suppress(OSError):
                self._calls.makedirs(folder, exist_ok=True)
                self._known_folders.add(folder)
        return f"{folder}/{uuid}"

    def _found(self, uuid: str) -> str:
        for part in _parts(uuid):
            if os.path.lexists(path := f"{self._staged_prefix}{part}{uuid}"):
                return path
        return self._staged(uuid)

    def create(self, uuid: str, _content_type: int, content: bytes) -> str:
        """Store a new file."""
        staged = self._staged(uuid)
        try:
            # Where the system can, each write is synchronized, and there is one: a call less is
            # one turn less to wait for at Python's lock.
            at_once = _SYNCHRONIZED if self._synchronize and content else 0
            descriptor = self._open_staged(staged, at_once)
            try:
                view = memoryview(content)
                while view:
                    view = view[self._calls.write(descriptor, view) :]
                if self._synchronize and not at_once:
                    self._calls.fsync(descriptor)
            finally:
                self._calls.close(descriptor)
            self._put_in_place(staged, uuid)
        except OSError as error:
            with suppress(OSError):
                self._calls.unlink(staged)
            raise _failure(error) from error
        return ""

    def adopt(self, uuid: str, _content_type: int, path: Path) -> None:
        """Take a local file over; it should lie at ``staging_path``."""
        try:
            if self._synchronize:
                descriptor = self._calls.open(str(path), os.O_RDONLY)
                try:
                    self._calls.fsync(descriptor)
                finally:
                    self._calls.close(descriptor)
            self._put_in_place(str(path), uuid)
        except OSError as error:
            with suppress(OSError):
                self._calls.unlink(str(path))
            raise _failure(error) from error

    def read(
        self, uuid: str, _content_type: int, start: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes from ``start``, at most ``length`` of them."""
        try:
            descriptor = self._calls.open(
                f"{self._prefix}{uuid[0:2]}/{uuid[2:4]}/{uuid}", os.O_RDONLY
            )
        except FileNotFoundError:
            raise FileLost from None
        except OSError as error:
            raise StorageFailed("A stored file could not be opened.") from error
        try:
            left = os.fstat(descriptor).st_size - start
            if length is not None:
                left = min(left, length)
            if left <= 0:
                return b""
            content = self._calls.pread(descriptor, left, start)
            while len(content) < left:  # a read may be short: 2 GiB at most on Linux
                more = self._calls.pread(descriptor, left - len(content), start + len(content))
                if not more:
                    break
                content += more
        except OSError as error:
            raise StorageFailed("A stored file could not be read.") from error
        else:
            return content
        finally:
            self._calls.close(descriptor)

    def size(self, uuid: str, _content_type: int) -> int:
        """How many bytes the file has."""
        try:
            return self._path(uuid).stat().st_size
        except FileNotFoundError:
            raise FileLost from None
        except OSError as error:
            raise StorageFailed("A stored file could not be read.") from error

    def remove(self, uuid: str, _content_type: int) -> None:
        """Remove a file, and the two folders above it where they are empty now."""
        path = self._path(uuid)
        try:
            self._calls.unlink(str(path))
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise StorageFailed(f"A stored file could not be removed: {error.strerror}.") from error
        # Another file may be on its way into the folder: `_put_in_place` makes it again.
        with suppress(OSError):
            path.parent.rmdir()
            path.parent.parent.rmdir()

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove files, one after the other."""
        for uuid, content_type in files:
            self.remove(uuid, content_type)

    def names(self) -> Iterator[str]:
        """The UUIDs of all files."""
        for outer in self._folders(self._root):
            for inner in self._folders(outer):
                with suppress(FileNotFoundError):  # removed with its last file
                    for entry in os.scandir(inner):
                        if entry.name[:4] == outer.name + inner.name and entry.is_file():
                            yield entry.name

    def _folders(self, folder: Path) -> list[Path]:
        try:
            return [Path(e.path) for e in os.scandir(folder) if len(e.name) == 2 and e.is_dir()]
        except FileNotFoundError:
            return []

    def _path(self, uuid: str) -> Path:
        return self._root / uuid[0:2] / uuid[2:4] / uuid

    def survey(self, folder: int) -> Survey:
        """The files below one outer folder, with what does not belong there."""
        try:
            return survey_folder(self._root, f"{folder:02x}")
        except OSError as error:
            raise StorageFailed("The storage area could not be read.") from error

    def set_aside(self, uuid: str) -> bool:
        """Move a file to the same place below the lost-and-found folder."""
        path = self._path(uuid)
        target = self._root / LOST_AND_FOUND / path.relative_to(self._root)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._calls.rename(str(path), str(target))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageFailed("A file could not be set aside.") from error
        with suppress(OSError):  # as in `remove`
            path.parent.rmdir()
            path.parent.parent.rmdir()
        return True

    def _open_staged(self, staged: str, flags: int = 0) -> int:
        flags |= os.O_WRONLY | os.O_CREAT | os.O_EXCL
        try:
            return self._calls.open(staged, flags, 0o644)
        except FileNotFoundError:
            # Somebody removed the storage folder of a running server; scripts of Orthanc do.
            self._calls.makedirs(staged.rpartition("/")[0], exist_ok=True)
            return self._calls.open(staged, flags, 0o644)

    def _put_in_place(self, staged: str, uuid: str) -> None:
        # Strings, not paths: making paths took a tenth of an ingest's processor time.
        folder = f"{self._prefix}{uuid[0:2]}/{uuid[2:4]}"
        for attempt in range(1, _TRIES + 1):
            try:
                self._calls.rename(staged, f"{folder}/{uuid}")
                break
            except FileNotFoundError:
                # The folder is new, or `remove` took it away between two of our steps.
                if attempt == _TRIES:
                    raise
                # Taken away while it was made, or between mkdir's failure and its second look.
                with suppress(FileNotFoundError, FileExistsError):
                    self._calls.makedirs(folder, exist_ok=True)


def _failure(error: OSError) -> ArchiveFull | StorageFailed:
    if error.errno in NO_ROOM:
        return ArchiveFull("The disk is full.")
    return StorageFailed("A file could not be written.")
