"""Taking connections from a socket that several processes listen on."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)

_OUT_OF_BREATH = 0.2
"""Seconds after which a process that had no descriptor left for a connection tries again."""


class Turns(Protocol):
    """Whose turn it is to take the next connection, among processes that share a socket."""

    def pause(self) -> float:
        """Seconds to leave the next connection to the others; 0: it is ours."""

    def took(self) -> None:
        """We have a connection more."""

    def let_go(self) -> None:
        """We have a connection less."""


class Acceptor:
    """Takes connections, one in each turn of the loop, when it is this process's turn.

    asyncio's own server takes all that wait at once: the process that wakes first would get them
    all, and the others none.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        *,
        tls: ssl.SSLContext | None,
        turns: Turns,
    ) -> None:
        """Take the listening socket, and what makes the protocol of a connection."""
        self._listener = listener
        self._make = make
        self._tls = tls
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._welcoming: set[asyncio.Task[None]] = set()
        self._is_open = False

    def begin(self) -> None:
        """Take connections from now on."""
        self._listener.setblocking(False)
        self._is_open = True
        self._look()

    async def end(self) -> None:
        """Take no more; those that were taken are welcomed first."""
        self._is_open = False
        self._loop.remove_reader(self._listener)
        if self._welcoming:
            await asyncio.wait(self._welcoming, timeout=1.0)

    def _look(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listener, self._take)

    def _rest(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._loop.call_later(seconds, self._look)

    def _take(self) -> None:
        pause = self._turns.pause()
        if pause > 0:
            self._rest(pause)
            return
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process has it, or the client is gone
        except OSError as error:
            log.error("connections_refused", reason=type(error).__name__)  # noqa: TRY400 - no defect
            self._rest(_OUT_OF_BREATH)
            return
        connection.setblocking(False)
        task = self._loop.create_task(self._welcome(connection))
        self._welcoming.add(task)
        task.add_done_callback(self._welcoming.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, connection, ssl=self._tls)
        except (TimeoutError, OSError) as error:
            # A client that hung up, or whose TLS we do not understand.
            log.debug("connection_not_begun", error=type(error).__name__)
            connection.close()
