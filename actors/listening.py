"""A mailbox whose actor hears other processes itself while it has no mail."""

import os
import select
from contextlib import suppress
from typing import Any, Final, Protocol

import structlog

from repertory.actors.base import Inbox

log = structlog.get_logger(__name__)

OFTEN: Final = 16
"""Letters of mail after which it is listened again, however much more waits."""


class Audible(Protocol):
    """What another process speaks by (``actors/portal``)."""

    is_ended: bool
    """Whether nothing will come any more."""

    def fileno(self) -> int:
        """The descriptor to watch."""

    def receive(self) -> None:
        """Take what has come, without waiting."""

    def close(self) -> None:
        """Hang up."""

    def release(self) -> None:
        """Give the descriptor back."""


class ListeningInbox(Inbox):
    """Mail of this process, and what others say that is for this actor alone.

    A thread that reads a line and puts a message into a mailbox has to be woken, and then has to
    wake the actor; both take the interpreter from each other. Here the actor's thread, which
    would sleep, waits for mail and lines at once. While it works, what comes waits in the kernel,
    and is taken together. All methods but ``put`` are for the actor's thread.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[int, Audible] = {}
        self._poll: select.poll | None = None
        self._bell = self._clapper = -1
        self._is_asleep = False
        self._unheard = 0

    def listen_to(self, line: Audible) -> None:
        """Read a line from now on, until it ends."""
        if self._poll is None:
            self._poll = select.poll()
            self._bell, self._clapper = os.pipe()
            for end in (self._bell, self._clapper):
                os.set_blocking(end, False)
            self._poll.register(self._bell, select.POLLIN)
        self._lines[line.fileno()] = line
        self._poll.register(line.fileno(), select.POLLIN)

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put mail; from any thread."""
        super().put(item, block, timeout)
        if self._is_asleep:
            self._is_asleep = False
            with suppress(BlockingIOError):  # it has been rung often enough
                os.write(self._clapper, b"!")

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the next mail, and meanwhile what comes by the lines."""
        poll = self._poll
        if poll is None or not self._lines:
            return super().get(block, timeout)
        self._unheard += 1
        if self._unheard >= OFTEN:
            self._hear(poll.poll(0))
        while self._lines:
            self._is_asleep = True  # before it is looked whether there is mail
            try:
                if not self.empty():
                    break
                ready = poll.poll()
            finally:
                self._is_asleep = False
            self._hear(ready)
        return super().get(block, timeout)

    def _hear(self, ready: list[tuple[int, int]]) -> None:
        self._unheard = 0
        for descriptor, _ in ready:
            if descriptor == self._bell:
                os.read(self._bell, 1 << 10)
                continue
            line = self._lines[descriptor]
            try:
                line.receive()
            except Exception:
                # Raised further it would end the actor.
                log.exception("line_failed")
                line.close()
            if line.is_ended:
                self._leave(descriptor)

    def _leave(self, descriptor: int) -> None:
        if self._poll is not None:
            self._poll.unregister(descriptor)
        self._lines.pop(descriptor).release()

    def end(self) -> None:
        """Hang up everywhere."""
        for descriptor, line in tuple(self._lines.items()):
            line.close()
            self._leave(descriptor)
        if self._poll is not None:
            self._poll = None
            # Somebody may just be about to ring: the bell's descriptors go when nobody can.

    def __del__(self) -> None:
        for end in (self._bell, self._clapper):
            if end >= 0:
                os.close(end)
