"""Whether a small file is written so quickly that to hand it to another thread takes longer."""

import threading
from collections.abc import Callable

SMALL = 1 << 16
"""Bytes: larger files are always written by a crew."""

QUICK = 0.003
"""Seconds that a file may take, by the mean of the last ones, to be written by whoever has it."""

INSTANT = 0.0006
"""The same while others are on their way: a crew would wait for the disk for several at a time."""

PAUSE = 2.0
"""Seconds after which it is tried again whether the disk has become quick."""

_WEIGHT = 0.1
"""What one file counts for in the mean."""

_STALL = 0.1
"""Seconds: what takes less, now and then, is a disk that has something else to do for a moment,
such as the index's log, which is copied to its file; what takes more counts as it is."""

_MULTIPLE = 4
"""How many times the mean such a moment counts for at most: it takes several to matter."""


class Briskness:
    """Tells whether files are written quickly just now; whoever asks has said that it begins.

    An event loop that writes a file itself does nothing else meanwhile: that is worth it on a disk
    that takes a few tenths of a millisecond, or for a client that is alone, and out of the question
    on a disk that takes ten. From any thread; that a sample gets lost does no harm.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Take what tells the time, in seconds."""
        self._monotonic = monotonic
        self._mean = 0.0
        self._tried_again = 0.0
        self._under_way = 0
        self._lock = threading.Lock()

    @property
    def is_brisk(self) -> bool:
        """Whether to write the next file oneself."""
        limit = QUICK if self.is_alone else INSTANT
        return self._mean <= limit or self._monotonic() >= self._tried_again

    @property
    def is_alone(self) -> bool:
        """Whether no other file is on its way."""
        return self._under_way <= 1

    def note(self, seconds: float) -> None:
        """A file was written by whoever had it, and took so long."""
        now = self._monotonic()
        if self._mean > INSTANT and now >= self._tried_again:
            self._mean = 0.0  # this is the new try: what was before does not count
        elif self._mean and seconds < _STALL:
            seconds = min(seconds, _MULTIPLE * max(self._mean, INSTANT))
        self._mean += (seconds - self._mean) * _WEIGHT
        if self._mean > INSTANT:
            self._tried_again = now + PAUSE

    def begin(self) -> None:
        """A file is on its way."""
        with self._lock:
            self._under_way += 1

    def end(self) -> None:
        """It is stored, or will not be."""
        with self._lock:
            self._under_way -= 1
