"""A disk that fails, is slow or full, and forgets at a power cut what was not forced to it.

It does what it is asked to on a real folder, and remembers of each file where it lay and how much
of that is on the medium for sure. What a kernel does later by itself, it does here after
``SETTLED`` seconds.
"""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar

from repertory.storage.areas.filesystem import STAGING
from repertory.testing.simulation.scheduler import Scheduler

SETTLED = 30.0
_SLOW = 5.0


class _File:
    """Where a file lay, one place after the other; the first ones up to ``sure`` are past.

    ``None`` is nowhere: before it was made, and after it was removed.
    """

    def __init__(self, places: list[str | None]) -> None:
        self.places = places
        self.sure = 0
        self.is_synced = False
        self.changed = 0.0


class SimulatedDisk:
    """The system calls of ``FilesystemArea``s, each a folder below one root.

    ``fault_rate`` and ``slow_rate`` are the chances that a call fails, or takes seconds.
    ``is_full`` lets every write fail. Unless the disk ``is_watched``, calls are no points between
    steps, and never fail. ``on_removal`` is called before a file goes that lay in its place,
    ``on_failed_removal`` when a file could not be removed.
    """

    def __init__(self, scheduler: Scheduler, random: Random, grave: Path) -> None:
        self.fault_rate = 0.0
        self.slow_rate = 0.0
        self.is_full = False
        self.is_watched = True
        self.faults = 0
        self.on_removal: Callable[[str], None] = lambda _: None
        self.on_failed_removal: Callable[[str], None] = lambda _: None
        self.root = Path()
        self._scheduler = scheduler
        self._random = random
        self._files: dict[str, _File] = {}
        self._names: dict[int, str] = {}
        self._synchronized: set[int] = set()
        self._survivors: set[str] = set()
        self._grave = grave
        grave.mkdir()

    def mount(self, root: Path) -> None:
        """Work on this folder."""
        self.root = root
        self._names.clear()
        self._synchronized.clear()

    # The calls

    def open(self, path: str, flags: int, mode: int = 0o777, /) -> int:
        """Open a file."""
        writes = bool(flags & os.O_CREAT)
        self._point("opens", path, full=writes)
        descriptor = os.open(path, flags & ~_SYNCHRONIZED, mode)
        if flags & _SYNCHRONIZED:
            self._synchronized.add(descriptor)
        name = Path(path).name
        self._names[descriptor] = name
        if writes or _is_staged(self._place(path)):
            self._file(name, self._place(path))
        return descriptor

    def close(self, fd: int, /) -> None:
        """Close it."""
        self._names.pop(fd, None)
        self._synchronized.discard(fd)
        os.close(fd)

    def write(self, fd: int, data: memoryview, /) -> int:
        """Write some of ``data``, so that a process can end in the middle of it."""
        self._point("writes", self._names.get(fd, ""), full=True)
        written = os.write(
            fd, data[: max(1, (len(data) + 1) // 2)] if len(data) > _SECTOR else data
        )
        if fd in self._synchronized and written == len(data):
            self.fsync(fd)
        return written

    def pread(self, fd: int, length: int, offset: int, /) -> bytes:
        """Read."""
        self._point("reads", self._names.get(fd, ""))
        return os.pread(fd, length, offset)

    def fsync(self, fd: int, /) -> None:
        """Force a file, and the name that it has, to the medium."""
        name = self._names.get(fd, "")
        self._point("synchronizes", name)
        file = self._files.get(name)
        if file is not None:
            file.is_synced = True
            file.sure = len(file.places) - 1

    def rename(self, src: str, dst: str, /) -> None:
        """Rename a file; the medium learns of it later."""
        self._point("renames", src)
        os.rename(src, dst)  # noqa: PTH104 - what is simulated is this call
        name = Path(src).name
        file = self._file(name, self._place(src))
        file.places.append(self._place(dst))
        self._touch(name)

    def unlink(self, path: str, /) -> None:
        """Remove a file; the medium learns of it later."""
        name, place = Path(path).name, self._place(path)
        is_placed = not _is_staged(place)
        try:
            self._point("removes", path)
        except OSError:
            self.on_failed_removal(name)
            raise
        if is_placed:
            self.on_removal(name)
        file = self._files.setdefault(name, _File([place]))
        if not (self._grave / name).exists() and Path(path).exists():
            os.link(path, self._grave / name)
        try:
            os.unlink(path)  # noqa: PTH108 - what is simulated is this call
        except FileNotFoundError:
            if file.places == [place]:
                del self._files[name]
            raise
        file.places.append(None)
        self._touch(name)

    def makedirs(self, name: str, *, exist_ok: bool) -> None:
        """Make a folder."""
        os.makedirs(name, exist_ok=exist_ok)  # noqa: PTH103 - what is simulated is this call

    def _file(self, name: str, place: str) -> _File:
        """What is known of a file; what survived a power cut is on the medium, others are not."""
        if name not in self._files:
            survived = name in self._survivors
            self._files[name] = _File([place] if survived else [None, place])
            self._files[name].is_synced = survived
            self._touch(name)
        return self._files[name]

    # What happens to it

    def settle(self) -> None:
        """Time went by: what is old enough is on the medium."""
        for name, file in list(self._files.items()):
            is_old = self._scheduler.clock.elapsed - file.changed >= SETTLED
            if is_old and name not in self._names.values():
                del self._files[name]
                self._survivors.add(name)
                (self._grave / name).unlink(missing_ok=True)

    def cut_power(self, target: Path) -> set[str]:
        """Put what is on the medium into ``target``; the names of files that came back to life."""
        shutil.copytree(self.root, target, copy_function=os.link)
        revived = set()
        for name, file in sorted(self._files.items()):
            last = len(file.places) - 1
            place = file.places[self._random.randint(min(file.sure, last), last)]
            current = file.places[last]
            source = self.root / current if current else self._grave / name
            if current:
                (target / current).unlink(missing_ok=True)
            if place is None or not source.exists():
                continue
            (target / place).parent.mkdir(parents=True, exist_ok=True)
            if current is None and not _is_staged(place):
                revived.add(name)
            self._lay(source, target / place, file)
        self._files.clear()
        self._survivors = {path.name for path in target.rglob("*")}
        shutil.rmtree(self._grave)
        self._grave.mkdir()
        return revived

    def end_process(self, target: Path) -> None:
        """Put what programs see into ``target``."""
        shutil.copytree(self.root, target, copy_function=os.link)

    def _lay(self, source: Path, target: Path, file: _File) -> None:
        content = source.read_bytes()
        if not file.is_synced and file.sure == 0 and file.places[0] is None:
            fate = self._random.randrange(4)
            if fate == 0:
                content = b""
            elif fate == 1:
                content = content[: self._random.randrange(len(content) + 1)]
            elif fate == 2:
                content = bytes(len(content))
        target.write_bytes(content)

    def _place(self, path: str) -> str:
        return Path(path).relative_to(self.root).as_posix()

    def _touch(self, name: str) -> None:
        self._files[name].changed = self._scheduler.clock.elapsed

    def _point(self, verb: str, path: str, *, full: bool = False) -> None:
        """A point between two steps, and a call that may fail."""
        scheduler = self._scheduler
        if scheduler.current is None or not self.is_watched:
            return
        scheduler.pause(f"the disk, which {verb}")
        scheduler.note(f"{scheduler.current.name} {verb} {Path(path).name[:8]}")
        if self.slow_rate and self._random.random() < self.slow_rate:
            scheduler.sleep(self._random.random() * _SLOW, "a slow disk")
        if full and self.is_full:
            self.faults += 1
            raise OSError(errno.ENOSPC, self._TEXTS[errno.ENOSPC])
        if self.fault_rate and self._random.random() < self.fault_rate:
            self.faults += 1
            scheduler.note(f"the disk fails: {verb}")
            raise OSError(errno.EIO, self._TEXTS[errno.EIO])

    _TEXTS: ClassVar = {number: os.strerror(number) for number in (errno.EIO, errno.ENOSPC)}


_SECTOR = 512
_SYNCHRONIZED = getattr(os, "O_DSYNC", 0)


def _is_staged(place: str) -> bool:
    """Whether a place is one of files that are still being written."""
    return STAGING in place.split("/")
