"""Files in memory: for tests and for archives that forget when they stop."""

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from repertory.errors import FileLost, StorageFailed
from repertory.integrity import FileOnDisk, Survey


class MemoryArea:
    """Keeps files in a dictionary. Nothing survives the process: it says so in ``/system``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.aside: dict[str, bytes] = {}
        self._made: dict[str, float] = {}
        self._lock = threading.Lock()
        self._staging: TemporaryDirectory[str] | None = None

    def open(self) -> None:
        """Make the folder for bodies that arrive in pieces."""
        self._staging = TemporaryDirectory(prefix="repertory-")

    def close(self) -> None:
        """Remove that folder; the files stay until the object goes."""
        if self._staging is not None:
            self._staging.cleanup()
            self._staging = None

    def probe(self) -> None:
        """There is nothing that could refuse."""

    def leftovers(self) -> tuple[str, ...]:
        """None: a crash leaves nothing at all."""
        return ()

    def finish(self, uuid: str) -> None:
        """Put a file in its place."""
        self.adopt(uuid, 0, self.staging_path(uuid))

    def discard(self, uuid: str) -> None:
        """Remove a file from the staging folder."""
        self.staging_path(uuid).unlink(missing_ok=True)

    def local_path(self, _uuid: str) -> str | None:
        """None: it lies in memory."""
        return None

    def staging_path(self, uuid: str) -> Path:
        """A path for ``adopt``."""
        if self._staging is None:
            raise StorageFailed("The storage area is closed.")
        return Path(self._staging.name) / uuid

    def create(self, uuid: str, _content_type: int, content: bytes) -> str:
        """Store a new file."""
        with self._lock:
            if uuid in self.files:
                raise StorageFailed("A file of that name is there already.")
            self.files[uuid] = bytes(content)
            self._made[uuid] = time.monotonic()
        return ""

    def adopt(self, uuid: str, content_type: int, path: Path) -> None:
        """Take a local file over."""
        self.create(uuid, content_type, path.read_bytes())
        path.unlink()

    def read(
        self, uuid: str, _content_type: int, start: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes from ``start``, at most ``length`` of them."""
        content = self._content(uuid)
        return content[start:] if length is None else content[start : start + length]

    def size(self, uuid: str, _content_type: int) -> int:
        """How many bytes the file has."""
        return len(self._content(uuid))

    def remove(self, uuid: str, _content_type: int) -> None:
        """Remove a file."""
        with self._lock:
            self.files.pop(uuid, None)
            self._made.pop(uuid, None)

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove files, one after the other."""
        for uuid, content_type in files:
            self.remove(uuid, content_type)

    def names(self) -> Iterator[str]:
        """The UUIDs of all files."""
        return iter(tuple(self.files))

    def survey(self, folder: int) -> Survey:
        """The files whose UUIDs begin with this byte."""
        begin = f"{folder:02x}"
        return Survey(
            {
                uuid: FileOnDisk(len(content), time.monotonic() - self._made.get(uuid, 0.0))
                for uuid, content in tuple(self.files.items())
                if uuid.startswith(begin)
            },
            foreign=0,
        )

    def set_aside(self, uuid: str) -> bool:
        """Take a file out, to ``aside``."""
        with self._lock:
            if uuid not in self.files:
                return False
            self.aside[uuid] = self.files.pop(uuid)
            return True

    def _content(self, uuid: str) -> bytes:
        try:
            return self.files[uuid]
        except KeyError:
            raise FileLost from None
