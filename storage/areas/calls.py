"""What a file system area asks of the operating system, where a file is at stake."""

from typing import Protocol


class SystemCalls(Protocol):
    """A part of the module ``os``, by its names; the simulation has another one."""

    def open(self, path: str, flags: int, mode: int = 0o777, /) -> int:
        """Open a file."""

    def close(self, fd: int, /) -> None:
        """Close it."""

    def write(self, fd: int, data: memoryview, /) -> int:
        """Write some of ``data``; how much of it."""

    def pread(self, fd: int, length: int, offset: int, /) -> bytes:
        """Read at most ``length`` bytes."""

    def fsync(self, fd: int, /) -> None:
        """Force a file to the medium."""

    def rename(self, src: str, dst: str, /) -> None:
        """Give a file another name."""

    def unlink(self, path: str, /) -> None:
        """Remove a file."""

    def makedirs(self, name: str, *, exist_ok: bool) -> None:
        """Make a folder with those above it."""
