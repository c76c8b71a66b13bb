"""Time: what it is now, and telling an actor something later."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from typing import Protocol


class Appointment:
    """A call that a clock will make, unless it is cancelled."""

    __slots__ = ("call", "cancelled")

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        """Do not make the call."""
        self.cancelled = True


class Clock(Protocol):
    """Tells the time and keeps appointments."""

    def now(self) -> float:
        """Seconds since the epoch, UTC: for dates that people read."""

    def monotonic(self) -> float:
        """Seconds that never go back: for measuring how long something took."""

    def call_after(self, delay: float, call: Callable[[], None]) -> Appointment:
        """Make ``call`` in ``delay`` seconds; it only tells an actor something."""

    def close(self) -> None:
        """Make no more calls."""


class SystemClock:
    """The computer's clock; one thread keeps all appointments."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Appointment]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def call_after(self, delay: float, call: Callable[[], None]) -> Appointment:
        """Make ``call`` in ``delay`` seconds, from the clock's thread."""
        appointment = Appointment(call)
        with self._changed:
            if self._closed:
                return appointment
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="clock", daemon=True)
                self._thread.start()
            entry = (time.monotonic() + max(delay, 0.0), next(self._count), appointment)
            heapq.heappush(self._due, entry)
            if self._due[0] is entry:
                self._changed.notify()
        return appointment

    def close(self) -> None:
        """Make no more calls, and end the thread."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (not self._due or self._due[0][0] > time.monotonic()):
                    wait = self._due[0][0] - time.monotonic() if self._due else None
                    self._changed.wait(wait)
                if self._closed:
                    return
                appointment = heapq.heappop(self._due)[2]
            if not appointment.cancelled:
                appointment.call()
