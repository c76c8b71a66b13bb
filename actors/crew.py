"""A crew: a few threads that do an actor's slow work: its mailbox never waits for a disk."""

import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import structlog

from repertory.actors.reply import Carry, Reply
from repertory.errors import ShuttingDown

log = structlog.get_logger(__name__)

R = TypeVar("R")


class Crew(Protocol):
    """Does pieces of work; ``ThreadCrew`` beside the actor, ``InlineCrew`` at once."""

    def do(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """The reply will be what ``work`` returns or raises."""

    def tidy(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """The same, for what ends something that was begun: it is done though the crew is closed.

        Then it is done at once, by whoever asks.
        """

    def close(self) -> None:
        """Finish what was begun or waits, and take no more."""

    def leave(self) -> None:
        """Take no more, and wait for nothing: what was begun may end with the process."""


class ThreadCrew:
    """A crew of ``size`` threads with one queue."""

    carry: Carry | None = None
    """Makes its work belong to what those who want it are in the midst of (``Tracer``)."""

    def __init__(self, size: int, *, name: str) -> None:
        self.size = size
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._closed = False
        self._lock = threading.Lock()  # or work could be left behind what ends the threads
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(size)
        ]
        for thread in self._threads:
            thread.start()

    def do(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """Have ``work`` done by the next thread that is free."""
        return self._take(work) or _refused()

    def tidy(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """Have ``work`` done by a thread, or do it now if they end."""
        return self._take(work) or InlineCrew().do(work)

    def _take(self, work: Callable[[], R | Reply[R]]) -> Reply[R] | None:
        reply: Reply[R] = Reply()
        if self.carry is not None:
            reply.carry = self.carry
            work = self.carry(work)

        def perform() -> None:
            try:
                reply.set(work())
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                reply.refuse(error)

        with self._lock:
            if self._closed:
                return None
            self._queue.put(perform)
        return reply

    def close(self) -> None:
        """Finish what waits, then end the threads."""
        self.leave()
        for thread in self._threads:
            thread.join()

    def leave(self) -> None:
        """Let the threads end once nothing waits."""
        with self._lock:
            self._closed = True
            for _ in self._threads:
                self._queue.put(None)

    def _run(self) -> None:
        while (perform := self._queue.get()) is not None:
            perform()
            del perform  # or the last body stays in memory until the next one comes


class InlineCrew:
    """A crew that does everything at once, in the actor's own thread."""

    def do(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """Do ``work`` now."""
        reply: Reply[R] = Reply()
        try:
            reply.set(work())
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
            reply.refuse(error)
        return reply

    def tidy(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """Do ``work`` now."""
        return self.do(work)

    def close(self) -> None:
        """Nothing waits."""

    def leave(self) -> None:
        """Nothing waits."""


def _refused() -> Reply[Any]:
    reply: Reply[Any] = Reply()
    reply.refuse(ShuttingDown())
    return reply
