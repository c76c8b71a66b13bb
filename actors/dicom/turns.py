"""How many requests are answered at a time (option ``DicomThreadsCount``)."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Any

Turns = AbstractContextManager[Any]
"""Whoever answers is within it; the others wait for their turn.

What comes is received all the same, so that nobody who waits finds the connection dead; as do
associations that are idle, which have no turn.
"""


def turns_of(count: int | None) -> Turns:
    """So many turns; ``None``: as many as there are who want one."""
    return nullcontext() if count is None else threading.BoundedSemaphore(count)


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
