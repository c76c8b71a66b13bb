"""Listing a bucket in 256 parts, by one pass over it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from repertory.errors import StorageFailed
from repertory.integrity import FileOnDisk, Survey
from repertory.storage.areas.calls import StoreCalls
from repertory.storage.areas.cipher import OVERHEAD
from repertory.storage.areas.naming import ObjectNames

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PATIENCE = 120.0
"""Seconds after which a list that nobody went on with is begun anew: it shows an older state."""


class Listing:
    """A list of the files in a bucket, in the order of their names.

    Stores list names in the order of their bytes, a thousand for each request. So whoever asks
    for part after part goes on where the last one ended.
    """

    def __init__(self, calls: StoreCalls, store: "ObjectStore", names: ObjectNames) -> None:
        self._calls = calls
        self._store = store
        self._names = names
        self._stream: Iterator[Any] | None = None
        self._ahead: Any = None
        self._folder = 0
        self._touched = 0.0

    def all(self) -> Iterator[str]:
        """The UUIDs of all files."""
        for item in self._items(None):
            named = self._names.read(item["path"])
            if named is not None and not self._names.is_aside(item["path"]):
                yield named.uuid

    def stands_at(self, folder: int, now: float) -> bool:
        """Whether the list goes on with this part."""
        return (
            self._stream is not None and folder == self._folder and now - self._touched < PATIENCE
        )

    def survey(self, folder: int, now: float) -> Survey:
        """A part of the bucket."""
        if self._names.legacy:
            prefix = f"{self._names.folder}{folder:02x}"
            return self._described(self._items(None, prefix))
        if not self.stands_at(folder, now):
            # Before the first digit there may be others; they count for the first part.
            offset = f"{self._names.folder}{folder:02x}" if folder else None
            self._stream, self._ahead = self._items(offset), None
        survey = self._described(self._part(folder))
        self._folder, self._touched = folder + 1, now
        return survey

    def _part(self, folder: int) -> Iterator[Any]:
        """The items up to the first one of the next part, which is kept."""
        stream = self._stream
        end = f"{folder + 1:02x}"
        root = self._names.folder
        last = ""
        while stream is not None:
            item = self._ahead or next(stream, None)
            self._ahead = None
            if item is None:
                self._stream = iter(())
                return
            path = item["path"]
            if path < last:
                raise StorageFailed("The object store lists names in no order.")
            last = path
            if folder < 255 and path.removeprefix(root) >= end:
                self._ahead = item
                return
            yield item

    def _items(self, offset: str | None, prefix: str | None = None) -> Iterator[Any]:
        if prefix is None:
            prefix = self._names.folder.rstrip("/") or None
        for some in self._calls.list(self._store, prefix, offset=offset, chunk_size=1000):
            yield from some

    def _described(self, items: Iterator[Any]) -> Survey:
        files: dict[str, FileOnDisk] = {}
        foreign = 0
        now = datetime.now(tz=UTC)
        for item in items:
            path = item["path"]
            if self._names.is_aside(path):
                continue
            named = self._names.read(path)
            if named is None:
                foreign += 1
                continue
            age = (now - item["last_modified"]).total_seconds()
            encrypted = named.is_encrypted
            if encrypted is None:
                encrypted = self._names.encrypted
            size = item["size"] - (OVERHEAD if encrypted else 0)
            files[named.uuid] = FileOnDisk(size, age)
        return Survey(files, foreign)
