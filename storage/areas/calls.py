"""What areas ask of the system, or of a library, where a file is at stake."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol


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


class StoreCalls(Protocol):
    """A part of the module ``obstore``, by its names; the simulation has another one.

    ``store`` is what ``Bucket.make`` made. What is not there is a ``FileNotFoundError``.
    """

    def put(self, store: Any, path: str, file: bytes | Path, /, **options: Any) -> Any:
        """Store an object; its entity tag is the item ``e_tag`` of what this returns."""

    def get(self, store: Any, path: str, /, *, options: Any = None) -> Any:
        """Read an object, or a range of it: ``bytes()`` and ``range`` of what this returns."""

    def head(self, store: Any, path: str, /) -> Any:
        """Describe an object; its ``size`` is an item."""

    def delete(self, store: Any, paths: str | Sequence[str], /) -> None:
        """Remove objects."""

    def copy(self, store: Any, from_: str, to: str, /) -> None:
        """Copy an object within the store."""

    def list(
        self,
        store: Any,
        prefix: str | None = None,
        /,
        *,
        offset: str | None = None,
        chunk_size: int,
    ) -> Iterable[Sequence[Any]]:
        """List objects in the order of their names: ``path``, ``size`` and ``last_modified``."""


def obstore_calls() -> StoreCalls:
    """The module itself; it need not be installed until an object store is used."""
    import obstore  # noqa: PLC0415 - optional

    calls: Any = obstore
    return calls  # type: ignore[no-any-return]
