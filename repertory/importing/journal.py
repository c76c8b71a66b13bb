"""What an archive has acknowledged, so that an import can go on where it ended."""

import hashlib
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from repertory.importing.sources import Item

_DIGEST_SIZE = 16


def default_path(url: str, sources: Sequence[Path]) -> Path:
    """The journal of importing ``sources`` into ``url``, in the user's folder for state."""
    words = [url, *sorted(str(source.resolve()) for source in sources)]
    digest = hashlib.blake2b("\0".join(words).encode(errors="surrogateescape"), digest_size=10)
    return _state_folder() / "repertory" / "imports" / f"{digest.hexdigest()}.jsonl"


def _state_folder() -> Path:
    """Where programs keep what should outlive them (XDG Base Directory Specification)."""
    if chosen := os.environ.get("XDG_STATE_HOME"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home()))
    return Path.home() / ".local" / "state"


class Journal:
    """A file with a line of JSON for each file that was acknowledged.

    A file is known by its place, size and time of modification: one that was changed is sent
    again. Lines are appended, and read only when the journal is opened; of the last one a part
    may be missing. Raises ``OSError``.
    """

    def __init__(self, path: Path, *, forget: bool = False) -> None:
        self.path = path
        self.last_id = ""
        self._done: set[bytes] = set()
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        if forget:
            path.unlink(missing_ok=True)
        torn = self._load()
        self._stream = path.open("ab", buffering=0)
        if torn:
            self._stream.write(b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __contains__(self, item: Item) -> bool:
        return _digest(item.place, item.size, item.mtime_ns) in self._done

    def __len__(self) -> int:
        return len(self._done)

    def add(self, item: Item, instance_id: str) -> None:
        """Write down that ``item`` is in the archive, as the instance of this identifier."""
        line = {"place": item.place, "size": item.size, "mtime_ns": item.mtime_ns}
        raw = json.dumps(line | {"id": instance_id}, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            # Closed: the import was interrupted, and this file will be sent once more.
            if not self._stream.closed:
                # One unbuffered write: whatever ends the program leaves whole lines.
                self._stream.write(raw)

    def forget(self) -> None:
        """Begin anew: what was acknowledged counts no more."""
        with self._lock:
            self._stream.truncate(0)
            self._done.clear()
            self.last_id = ""

    def close(self) -> None:
        """Have everything on the medium."""
        with self._lock:
            if not self._stream.closed:
                os.fsync(self._stream.fileno())
                self._stream.close()

    def _load(self) -> bool:
        """Read what is there; whether the last line lacks its end."""
        last = b"\n"
        try:
            with self.path.open("rb") as stream:
                for last in stream:
                    self._read(last)
        except FileNotFoundError:
            return False
        return not last.endswith(b"\n")

    def _read(self, raw: bytes) -> None:
        try:
            line = json.loads(raw)
            digest = _digest(line["place"], line["size"], line["mtime_ns"])
            self.last_id = str(line["id"])
        except (ValueError, KeyError, TypeError):
            # Torn by a crash, or not ours: the file is sent once more, which does no harm.
            return
        self._done.add(digest)


def _digest(place: str, size: int, mtime_ns: int) -> bytes:
    word = f"{place}\0{size}\0{mtime_ns}".encode(errors="surrogateescape")
    return hashlib.blake2b(word, digest_size=_DIGEST_SIZE).digest()
