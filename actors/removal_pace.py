"""How fast files are being removed."""

from collections import deque

WINDOW = 60.0
"""Seconds that are looked back on."""

_STEP = 1.0


class Pace:
    """Counts what is removed, by the second, and forgets what was a minute ago."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def note(self, now: float) -> None:
        """One more is gone; ``now`` is a time that never goes back."""
        if self._counts and now - self._counts[-1][0] < _STEP:
            begun, count = self._counts[-1]
            self._counts[-1] = (begun, count + 1)
        else:
            self._counts.append((now, 1))
        self._trim(now)

    def rate(self, now: float) -> float:
        """How many are removed each second, on average of the last minute of work."""
        self._trim(now)
        if not self._counts:
            return 0.0
        return sum(count for _, count in self._counts) / max(now - self._counts[0][0], _STEP)

    def _trim(self, now: float) -> None:
        while self._counts and now - self._counts[0][0] > WINDOW:
            self._counts.popleft()
