"""What was read of files lately."""

import threading
from collections import OrderedDict


class FileCache:
    """Beginnings of files, whole small files among them, those used last.

    Files are written once, so what is remembered of one stays true until it is removed. Methods
    may be called from several threads at once.
    """

    def __init__(self, limit: int) -> None:
        """Take a limit in bytes; 0 remembers nothing."""
        self._limit = limit
        self._size = 0
        self.hits = self.misses = 0
        self._files: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def largest(self) -> int:
        """How many bytes of one file are remembered at most: no file drives out all others."""
        return self._limit // 16

    @property
    def size(self) -> int:
        """How many bytes are remembered."""
        return self._size

    @property
    def count(self) -> int:
        """Of how many files something is remembered."""
        return len(self._files)

    def get(self, uuid: str, start: int, length: int) -> bytes | None:
        """Bytes of a file, if all of them are remembered."""
        with self._lock:
            content = self._files.get(uuid)
            if content is None or start + length > len(content):
                self.misses += 1
                return None
            self.hits += 1
            self._files.move_to_end(uuid)
        return content if length == len(content) else content[start : start + length]

    def put(self, uuid: str, beginning: bytes) -> None:
        """Remember the beginning of a file, unless more of it is remembered already."""
        if len(beginning) > self.largest:
            return
        with self._lock:
            known = self._files.get(uuid)
            if known is None or len(known) < len(beginning):
                self._size += len(beginning) - len(known or b"")
                self._files[uuid] = beginning
            self._files.move_to_end(uuid)
            while self._size > self._limit:
                _, dropped = self._files.popitem(last=False)
                self._size -= len(dropped)

    def remove(self, uuid: str) -> None:
        """Forget a file."""
        with self._lock:
            self._size -= len(self._files.pop(uuid, b""))
