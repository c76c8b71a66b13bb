"""Processors of their own for a store and for whoever uses it, as if they were two computers."""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def its_half(*, apart: bool) -> Iterator[None]:
    """Start a store in here: it gets half of the processors, and this program the others after.

    Without ``apart`` nothing happens. What was started before keeps the processors that it had.
    """
    if not apart:
        yield
        return
    processors = sorted(ALL)
    half = len(processors) // 2
    os.sched_setaffinity(0, processors[:half] or processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, processors[half:])


ALL = os.sched_getaffinity(0)
"""The processors that this program had at first."""
