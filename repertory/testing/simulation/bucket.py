"""An object store that fails, is slow or out of reach, and loses answers after it did its part.

It plays the library that the archive's own ``ObjectArea`` calls, with errors in its words. It is
another computer: what it has it keeps, whatever becomes of the archive.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from repertory.storage.areas.bucket import Bucket
from repertory.testing.simulation.scheduler import Scheduler

_SLOW = 20.0
_UUID = 36
_PROBE = ".probe"

_STATUS = "Server returned non-2xx status code"
_ERRORS = (
    f"{_STATUS}: 500 Internal Server Error: <Error><Code>InternalError</Code></Error>",
    f"{_STATUS}: 503 Service Unavailable: <Error><Code>SlowDown</Code></Error>",
    "error sending request: connection reset by peer",
    "error sending request: operation timed out",
)
_UNREACHABLE = "error sending request: connection refused"


class StoreError(Exception):
    """What the library says of a store that did not answer as it should."""


class Answer:
    """What was read."""

    def __init__(self, content: bytes, start: int) -> None:
        self._content = content
        self.range = (start, start + len(content))

    def bytes(self) -> bytes:
        """The content."""
        return self._content


class SimulatedStore:
    """One bucket, and the calls that work with it.

    ``fault_rate`` and ``slow_rate`` are the chances that a request, or its answer, is lost or takes
    seconds: what was asked for is then done all the same, or in part. Nothing gets through while
    the store ``is_cut`` off. Unless it ``is_watched``, requests are no points between steps, and
    never fail. ``on_removal`` is called before a file goes, ``on_failed_removal`` when one could
    not be removed, ``on_doubt`` when a file has arrived and the archive is told otherwise.
    """

    def __init__(self, scheduler: Scheduler, random: Random) -> None:
        self.fault_rate = 0.0
        self.slow_rate = 0.0
        self.is_cut = False
        self.is_watched = True
        self.faults = 0
        self.on_removal: Callable[[str], None] = lambda _: None
        self.on_failed_removal: Callable[[str], None] = lambda _: None
        self.on_doubt: Callable[[str], None] = lambda _: None
        self._scheduler = scheduler
        self._random = random
        self._objects: dict[str, bytes] = {}

    def bucket(self) -> Bucket:
        """How an area gets at it."""
        return Bucket(
            place="the simulated bucket",
            options="AwsS3Storage",
            make=lambda _: self,  # type: ignore[arg-type, return-value]  # it plays both parts
            calls=lambda: self,
            tells_sums=True,
        )

    def files(self) -> set[str]:
        """The files in it."""
        return {name[:_UUID] for name in self._objects if not name.endswith(_PROBE)}

    # The calls

    def put(self, _store: Any, path: str, file: bytes | Path, /, **options: Any) -> Any:  # noqa: ARG002 - whole
        """Store an object as a whole."""
        content = file.read_bytes() if isinstance(file, Path) else file
        self._point("is sent", path)
        self._objects[path] = content
        try:
            self._point("has", path)
        except StoreError:
            if not path.endswith(_PROBE):
                self.on_doubt(path[:_UUID])
            raise
        return {"e_tag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'}

    def get(self, _store: Any, path: str, *, options: Any = None) -> Answer:
        """Read an object, or a range of it."""
        self._point("is asked for", path)
        content = self._find(path)
        if options is None:
            return Answer(content, 0)
        wanted = options["range"]
        start, end = (wanted["offset"], None) if isinstance(wanted, dict) else wanted
        if start >= len(content):
            raise StoreError(f"{_STATUS}: 416 Range Not Satisfiable")
        return Answer(content[start:end], start)

    def head(self, _store: Any, path: str) -> Any:
        """Describe an object."""
        self._point("looks at", path)
        return {"size": len(self._find(path))}

    def delete(self, _store: Any, paths: str | Sequence[str]) -> None:
        """Remove objects; where it fails some of them may be gone."""
        names = [paths] if isinstance(paths, str) else list(paths)
        try:
            self._point("is to remove", names[0])
            for name in names:
                if name in self._objects:
                    if not name.endswith(_PROBE):
                        self.on_removal(name[:_UUID])
                    del self._objects[name]
                self._point("has removed", name)
        except StoreError:
            for name in names:
                if name in self._objects and not name.endswith(_PROBE):
                    self.on_failed_removal(name[:_UUID])
            raise

    def copy(self, _store: Any, from_: str, to: str) -> None:
        """Copy an object."""
        self._point("copies", from_)
        self._objects[to] = self._find(from_)

    def list(
        self, _store: Any, prefix: str | None = None, *, offset: str | None = None, chunk_size: int
    ) -> Iterable[Sequence[Any]]:
        """List objects; no point between steps, for whoever lists them holds a lock."""
        return self._pages(prefix or "", offset or "", chunk_size)

    def _pages(self, prefix: str, offset: str, chunk_size: int) -> Iterator[Sequence[Any]]:
        names = sorted(it for it in self._objects if it.startswith(prefix) and it > offset)
        now = datetime.now(tz=UTC)
        for start in range(0, len(names), chunk_size):
            yield [
                {"path": it, "size": len(self._objects[it]), "last_modified": now}
                for it in names[start : start + chunk_size]
            ]

    def _find(self, path: str) -> bytes:
        try:
            return self._objects[path]
        except KeyError:
            raise FileNotFoundError(path) from None

    def _point(self, verb: str, path: str) -> None:
        """A point between two steps, at which a request or its answer may be lost."""
        scheduler, random = self._scheduler, self._random
        if scheduler.current is None or not self.is_watched:
            return
        scheduler.pause(f"the store, which {verb}")
        if not path.endswith(_PROBE):
            scheduler.note(f"{scheduler.current.name}: the store {verb} {path[:8]}")
        if self.slow_rate and random.random() < self.slow_rate:
            scheduler.sleep(random.random() * _SLOW, "a slow store")
        if self.is_cut:
            self.faults += 1
            raise StoreError(_UNREACHABLE)
        if self.fault_rate and random.random() < self.fault_rate:
            self.faults += 1
            scheduler.note(f"the store fails: {verb}")
            raise StoreError(random.choice(_ERRORS))
