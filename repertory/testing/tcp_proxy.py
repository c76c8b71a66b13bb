"""A proxy between a client and a server of any protocol, which delays, counts and cuts."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

Judge = Callable[[bytes], bool]
"""Says yes or no to what a client said."""

WAIT = 5.0
QUIET = 0.5
"""Seconds to wait for a server's answer to begin, and to be sure that it has ended."""

REST = 0.2
"""Seconds to wait for what a client still says when it is going to be cut off."""


class TcpProxy:
    """Hands on what comes, ``delay`` seconds later on each way; listens on a free port.

    ``trips`` counts how often a client said something after the server had answered: each time,
    it has waited for the network; but for what ``unawaited`` says yes to. ``cut_before`` and
    ``cut_after`` hang up when a client says something that they say yes to: before it is handed on,
    or after that and before the answer is.
    """

    def __init__(self, host: str, port: int, *, delay: float = 0.0) -> None:
        self._target = (host, port)
        self.delay = delay
        self.trips = 0
        self.is_down = False
        self.unawaited: Judge = lambda _: False
        self.cut_before: Judge | None = None
        self.cut_after: Judge | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._asking: set[int] = set()
        self._swallowed: dict[int, threading.Event] = {}

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """End all connections; new ones are accepted."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_down:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._sockets += [client, server]
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(1 << 20):
                with self._lock:
                    if id(client) not in self._asking and not self.unawaited(data):
                        self.trips += 1
                    self._asking.add(id(client))
                if self.cut_before is not None and self.cut_before(data):
                    self.cut_before = None
                    break
                time.sleep(self.delay)
                if self.cut_after is not None and self.cut_after(data):
                    self.cut_after = None
                    self._hand_on_and_cut(client, server, data)
                    break
                server.sendall(data)
        self._close(client, server)

    def _hand_on_and_cut(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        """The server hears it, does it and says so; the client is cut off and never hears it."""
        swallowed = self._swallowed[id(client)] = threading.Event()
        server.sendall(data)
        client.settimeout(REST)
        with contextlib.suppress(TimeoutError):
            while more := client.recv(1 << 20):
                server.sendall(more)
        pause = WAIT
        while swallowed.wait(pause):
            swallowed.clear()
            pause = QUIET
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(1 << 20):
                time.sleep(self.delay)
                with self._lock:
                    self._asking.discard(id(client))
                if swallowed := self._swallowed.get(id(client)):
                    swallowed.set()
                    continue
                client.sendall(data)
        self._close(client, server)

    @staticmethod
    def _close(*sockets: socket.socket) -> None:
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
