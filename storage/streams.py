"""Files that are being read from the beginning to the end, a piece at a time."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator

from repertory.errors import FileCorrupted

OPEN = 16
"""How many are kept open between two pieces; what they hold is some megabytes at most."""


class Stream:
    """Reads a file to its end; the MD5 sum, where one is given, is checked there.

    ``pieces`` are those of the file from ``position`` on, ``size`` is how many bytes it has.
    """

    def __init__(self, pieces: Iterator[bytes], size: int, md5: str, position: int = 0) -> None:
        self._pieces = pieces
        self._size = size
        self._md5 = md5
        self._sum = hashlib.md5(usedforsecurity=False)
        self._left = memoryview(b"")
        self.position = position

    def skip(self, length: int) -> None:
        """Leave bytes out; they count for the sum."""
        while length > 0:
            length -= len(self._some(length))

    def read(self, length: int) -> bytes:
        """The next bytes: exactly as many.

        Raises:
            FileCorrupted: there are no more, or the file, now at its end, is not what it was.
        """
        taken = []
        while length > 0:
            piece = self._some(length)
            taken.append(piece)
            length -= len(piece)
        return bytes(taken[0]) if len(taken) == 1 else b"".join(taken)

    def _some(self, length: int) -> memoryview:
        if not self._left:
            piece = next(self._pieces, None)
            if not piece:
                raise FileCorrupted("A stored file is shorter than it was when it was stored.")
            if self._md5:
                self._sum.update(piece)
            self._left = memoryview(piece)
        taken, self._left = self._left[:length], self._left[length:]
        self.position += len(taken)
        if self.position == self._size:
            self._check_end()
        return taken

    def _check_end(self) -> None:
        # What comes after the last piece are the checks of the stored form.
        if self._left:
            raise FileCorrupted
        if next(self._pieces, None):
            raise FileCorrupted
        if self._md5 and self._sum.hexdigest() != self._md5:
            raise FileCorrupted


class OpenStreams:
    """The streams whose next piece nobody has asked for yet, those used last.

    Methods may be called from several threads at once.
    """

    def __init__(self, limit: int = OPEN) -> None:
        self._limit = limit
        self._streams: OrderedDict[tuple[str, int], Stream] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, uuid: str, position: int) -> Stream | None:
        """The stream of a file that stands at ``position``: it is the caller's now."""
        with self._lock:
            return self._streams.pop((uuid, position), None)

    def put(self, uuid: str, stream: Stream) -> None:
        """Keep a stream for whoever reads on."""
        with self._lock:
            self._streams[uuid, stream.position] = stream
            while len(self._streams) > self._limit:
                self._streams.popitem(last=False)

    def remove(self, uuid: str) -> None:
        """Drop the streams of a file."""
        with self._lock:
            for key in [key for key in self._streams if key[0] == uuid]:
                del self._streams[key]
