"""How many requests are answered at a time (option ``DicomThreadsCount``)."""

import threading
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType
from typing import Any


class Turns:
    """Lets so many threads answer at a time; the others wait for their turn.

    What comes is received all the same, so that nobody who waits finds the connection dead; as do
    associations that are idle, which have no turn.
    """

    def __init__(self, count: int | None) -> None:
        """Take how many; ``None``: all that want to."""
        self._turns: AbstractContextManager[Any] = (
            nullcontext() if count is None else threading.BoundedSemaphore(count)
        )

    def __enter__(self) -> None:
        """Wait for a turn."""
        self._turns.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._turns.__exit__(kind, error, traceback)


def share_of(count: int | None, number: int, processes: int) -> int | None:
    """How many turns of all a front-end has: at least one.

    Args:
        count: all of them; ``None``: no limit.
        number: which front-end it is, from 0 on.
        processes: how many there are.
    """
    if count is None:
        return None
    return max(1, count // processes + (number < count % processes))
