"""From an event of the actors to the requests that wait for it."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from aiohttp import web

from repertory.actors.messages.changes import ChangesLogged
from repertory.actors.switchboard import Switchboard


class Doorbell:
    """Wakes the requests that wait for the log of changes to grow, and ends them all at last."""

    def __init__(self, board: Switchboard) -> None:
        self._lock = threading.Lock()
        self._visitors: set[Visitor] = set()
        self._closed = False
        board.listen(ChangesLogged, self._ring)

    def enter(self) -> "Visitor":
        """Wait here, in the running event loop; the visitor is a context."""
        visitor = Visitor(self)
        with self._lock:
            self._visitors.add(visitor)
            if self._closed:
                visitor.end()
        return visitor

    def leave(self, visitor: "Visitor") -> None:
        """Wait no more."""
        with self._lock:
            self._visitors.discard(visitor)

    def close(self) -> None:
        """End all visits, and those that are still to come; from any thread."""
        with self._lock:
            self._closed = True
            for visitor in self._visitors:
                visitor.end()

    def _ring(self, _: ChangesLogged) -> None:
        if self._visitors:  # in the index's thread: be short where nobody waits
            with self._lock:
                for visitor in self._visitors:
                    visitor.wake()


class Visitor:
    """One request that waits; as a context it ends its stay."""

    def __init__(self, bell: Doorbell) -> None:
        self._bell = bell
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()
        self._woken = False
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done once the archive stops."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bell.leave(self)

    def wake(self) -> None:
        """Let it go on; from any thread."""
        if not self._woken:  # or a busy index would fill the loop with calls
            self._woken = True
            self._call(self._rung.set)

    def end(self) -> None:
        """Let it end; from any thread."""
        self._call(self._end)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _call(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call)

    def forget(self) -> None:
        """What rings from now on is news; to be called before one looks what is new."""
        self._rung.clear()
        self._woken = False

    async def wait(self, seconds: float) -> bool:
        """Wait for the bell, ``seconds`` at most; whether it rang."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        return True


DOORBELL = web.AppKey("doorbell", Doorbell)
