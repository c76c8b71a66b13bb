"""A server that does nothing: it takes any request and answers 200 from memory.

What the driver reaches against it is the driver's own ceiling, since no server can do less.
``GET /bytes/N`` is answered by N bytes, everything else by a small JSON object. Several processes
share the port.
"""

import argparse
import asyncio
import functools
import multiprocessing
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_SMALL = _HEAD % 2 + b"{}"


@functools.cache
def _big(size: int) -> bytes:
    return _HEAD % size + bytes(size)


class Sink(asyncio.BufferedProtocol):
    """Counts the bytes of a request, answers, and waits for the next."""

    def __init__(self) -> None:
        self._buffer = bytearray(1 << 18)
        self._view = memoryview(self._buffer)
        self._head = b""
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to answer on."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("the sink listens on TCP only")
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's interface
        """Where the next bytes go."""
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        """Take ``nbytes`` that have arrived."""
        if self._left:
            self._left -= nbytes
        else:
            self._head += self._view[:nbytes]
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._head, 0, end + 2)
            self._left = int(length.group(1)) if length else 0
            self._left -= len(self._head) - end - 4
        if self._left <= 0:
            path = self._head.split(b" ", 2)[1]
            self._head = b""
            self._left = 0
            big = path.startswith(b"/bytes/")
            self._transport.write(_big(int(path[7:])) if big else _SMALL)


async def _serve(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, sock=listener)
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def _run(listener: socket.socket) -> None:
    asyncio.run(_serve(listener))


@contextmanager
def sink(processes: int = 2) -> Iterator[str]:
    """A running sink's URL; it ends with the block."""
    context = multiprocessing.get_context("fork")
    first = _listen(0)
    port = first.getsockname()[1]
    listeners = [first, *(_listen(port) for _ in range(processes - 1))]
    children = [context.Process(target=_run, args=(one,), daemon=True) for one in listeners]
    for child in children:
        child.start()
    for listener in listeners:
        listener.close()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for child in children:
            child.terminate()
            child.join()


def main() -> None:
    """Serve until the program is ended."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=8099, help="the port to listen on")
    _run(_listen(parser.parse_args().port))


if __name__ == "__main__":
    main()
