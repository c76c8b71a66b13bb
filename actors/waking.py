"""Event loops that wait for answers, which come in other threads."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context

import structlog

log = structlog.get_logger(__name__)


class Waker:
    """Wakes one event loop from any thread: one wake-up for a burst of answers."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._thread = threading.get_ident()
        self._context = Context()
        self._arrived: deque[Callable[[], None]] = deque()
        self._lock = threading.Lock()
        self._woken = False

    def wake(self, call: Callable[[], None]) -> None:
        """Have something called by the loop; at once where that is who asks."""
        if threading.get_ident() == self._thread:  # it is awake
            call()
            return
        self._arrived.append(call)
        with self._lock:
            if self._woken:
                return
            self._woken = True
        try:
            # Not in the context of the thread that has the answer, and says so in its log.
            self._loop.call_soon_threadsafe(self._deliver, context=self._context)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._arrived.clear()

    def _deliver(self) -> None:
        with self._lock:
            self._woken = False
        while self._arrived:
            call = self._arrived.popleft()
            try:
                call()
            except Exception:  # the others wait, too
                log.exception("answer_lost")
