"""A storage area that tells how long each file takes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, cast

from repertory.storage.areas.base import StorageArea

Note = Callable[[str, float, int], None]
"""Is told of an operation (``create``, ``read``, ``remove``), its seconds and its bytes."""


class MeteredArea:
    """Another storage area, unchanged but that ``note`` hears of what it does."""

    def __init__(self, area: StorageArea, note: Note) -> None:
        self._area = area
        self._note = note

    def __getattr__(self, name: str) -> Any:
        return getattr(self._area, name)

    def create(self, uuid: str, content_type: int, content: bytes) -> str:
        """Store a new file."""
        began = perf_counter()
        received = self._area.create(uuid, content_type, content)
        self._note("create", perf_counter() - began, len(content))
        return received

    def adopt(self, uuid: str, content_type: int, path: Path) -> None:
        """Store a local file as a new file of the area."""
        size = path.stat().st_size
        began = perf_counter()
        self._area.adopt(uuid, content_type, path)
        self._note("create", perf_counter() - began, size)

    def read(
        self, uuid: str, content_type: int, start: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes from ``start``."""
        began = perf_counter()
        content = self._area.read(uuid, content_type, start, length)
        self._note("read", perf_counter() - began, len(content))
        return content

    def remove(self, uuid: str, content_type: int) -> None:
        """Remove a file."""
        began = perf_counter()
        self._area.remove(uuid, content_type)
        self._note("remove", perf_counter() - began, 0)

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove files."""
        began = perf_counter()
        self._area.remove_many(files)
        self._note("remove", perf_counter() - began, 0)


def metered(area: StorageArea, note: Note) -> StorageArea:
    """The area, metered."""
    return cast("StorageArea", MeteredArea(area, note))
