"""Whether the deletion queue is paused for sure, and what it removes all the same."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

BEGUN = 2
"""Files that may go after a pause was answered: they were begun before."""


class Pauses:
    """What clients were told of pauses, over all lives of the process."""

    def __init__(self, steps: Callable[[], int], now: Callable[[], float]) -> None:
        self._steps = steps
        self._now = now
        self.began_at = 0.0
        self._endings = 0
        self._ended_at = -1
        self._is_flushed = False
        self._left = 0
        self.is_paused = False

    def moment(self) -> int:
        """Somebody asks for a pause."""
        return self._steps()

    def begin(self, asked_at: int) -> None:
        """It was answered; if nobody wanted otherwise meanwhile, nothing goes any more."""
        if not self._endings and self._ended_at < asked_at and not self._is_flushed:
            if not self.is_paused:
                self._left = BEGUN
                self.began_at = self._now()
            self.is_paused = True

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Somebody asks for the end of the pause."""
        self.is_paused = False
        self._endings += 1
        try:
            yield
        finally:
            self._endings -= 1
            self._ended_at = self._steps()

    def note_flush(self) -> None:
        """Somebody wants the queue empty, whether or not it is paused."""
        self.is_paused = False
        self._is_flushed = True

    def may_go(self) -> bool:
        """Whether a file may go that waits to be removed."""
        if not self.is_paused:
            return True
        self._left -= 1
        return self._left >= 0

    def note_end(self) -> None:
        """The process has ended: a flush ends with it, and what was begun."""
        self._is_flushed = False
        self._left = 0
