"""A clock that stands still until it is told to go on."""

import heapq
import itertools
import threading
from collections.abc import Callable

from repertory.actors.clock import Appointment

BEGINNING = 1_767_225_600.0
"""2026-01-01T00:00:00 UTC, in seconds since the epoch."""


class ManualClock:
    """A clock for tests: ``advance`` moves it, and keeps the appointments on the way."""

    def __init__(self, now: float = BEGINNING) -> None:
        self._epoch = now
        self._elapsed = 0.0
        self._due: list[tuple[float, int, Appointment]] = []
        self._count = itertools.count()
        self._lock = threading.RLock()
        self.settle: Callable[[], None] = lambda: None
        """Called after each appointment: lets the actors finish what it set off."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return self._epoch + self._elapsed

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._elapsed

    def call_after(self, delay: float, call: Callable[[], None]) -> Appointment:
        """Make ``call`` when the clock has been advanced by ``delay`` seconds."""
        appointment = Appointment(call)
        with self._lock:
            entry = (self._elapsed + max(delay, 0.0), next(self._count), appointment)
            heapq.heappush(self._due, entry)
        return appointment

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, and wait until the actors have dealt with what fell due."""
        self.settle()
        end = self._elapsed + seconds
        while True:
            with self._lock:
                if not self._due or self._due[0][0] > end:
                    break
                moment, _, appointment = heapq.heappop(self._due)
                self._elapsed = max(self._elapsed, moment)
            if not appointment.cancelled:
                appointment.call()
                self.settle()
        self._elapsed = end
        self.settle()

    def set_back(self, seconds: float) -> None:
        """Set the wall clock back (or, negative, forward); the monotonic time does not notice."""
        self._epoch -= seconds

    def close(self) -> None:
        """Make no more calls."""
        with self._lock:
            self._due.clear()
