"""A gate before a server: whoever comes through it can be shut out, and let in again."""

import contextlib
import select
import socket
import ssl
import threading
from types import TracebackType
from typing import Self

_CHUNK = 65_536
_LOOK = 0.05
"""Seconds after which a thread looks whether the gate is there still."""


class Gate:
    """Passes TCP connections on to another port of this computer, while it is open.

    Given ``tls``, it speaks TLS to whoever comes, and none to the server behind it.
    """

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None) -> None:
        self._behind = port
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LOOK)
        self.port = self._listener.getsockname()[1]
        self.came = 0
        """How many connections were passed on."""
        self._is_shut = False
        self._is_over = False
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._thread = threading.Thread(target=self._listen, name="gate", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._is_over = True
        self._thread.join()
        self._listener.close()
        self.shut()

    def shut(self) -> None:
        """Cut all connections, and let no more through."""
        with self._lock:
            self._is_shut = True
            pairs, self._pairs = self._pairs, []
        for sock in (sock for pair in pairs for sock in pair):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        """Let connections through from now on."""
        self._is_shut = False

    def _listen(self) -> None:
        while not self._is_over:
            try:
                front, _ = self._listener.accept()
            except TimeoutError:
                continue
            with self._lock:
                if self._is_shut:
                    front.close()
                    continue
                try:
                    if self._tls is not None:
                        front = self._tls.wrap_socket(front, server_side=True)
                    back = socket.create_connection(("127.0.0.1", self._behind))
                except OSError:
                    front.close()
                    continue
                self.came += 1
                self._pairs.append((front, back))
            threading.Thread(target=_pass_on, args=(front, back), daemon=True).start()


def _pass_on(front: socket.socket, back: socket.socket) -> None:
    others = {front: back, back: front}
    with front, back:
        while True:
            for sock in select.select(list(others), [], [])[0]:
                try:
                    content = _received(sock)
                    others[sock].sendall(content)
                except OSError:
                    return
                if not content:
                    return


def _received(sock: socket.socket) -> bytes:
    content = sock.recv(_CHUNK)
    # What TLS has unpacked already, nobody can be waited for.
    while isinstance(sock, ssl.SSLSocket) and (waiting := sock.pending()):
        content += sock.recv(waiting)
    return content
