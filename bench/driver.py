"""The load generator: raw sockets, requests made up front, as little work as possible per answer.

Each process serves its share of the connections from one ``epoll`` loop. A connection always has
exactly one request on its way; when the answer is complete, the next of the list follows. All
processes begin together, after each connection has had one answer to a request that does not
count.
"""

import contextlib
import multiprocessing
import os
import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection as Pipe
from multiprocessing.synchronize import Barrier
from urllib.parse import urlsplit

from traffic import Load, Request, get

READ_SIZE = 1 << 18
PATIENCE = 120.0
MOST_RECONNECTS = 1_000
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


class AnswerError(Exception):
    """The server's answer is not HTTP, or stopped in the middle."""


class _Answer:
    """Collects one answer from the pieces that arrive."""

    def __init__(self, *, keep: bool) -> None:
        self._keep = keep
        self.status = 0
        self.closes = False
        self.body = bytearray()
        self.received = 0
        self._head = b""
        self._left: int | None = None
        self._chunked = False

    def feed(self, data: memoryview) -> bool:
        """Take ``data`` in; whether the answer is complete."""
        self.received += len(data)
        if not self.status:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return False
            data = memoryview(self._head)[end + 4 :]
            self._read_head(self._head[: end + 2])
        if self._left is not None:
            self._left -= len(data)
            if self._keep:
                self.body += data
            if self._left < 0:
                raise AnswerError("more bytes than announced")
            return self._left == 0
        self.body += data
        return self._chunked and self._unchunk()

    def end(self) -> bool:
        """The server closed the connection; whether that completes the answer."""
        return bool(self.status) and self._left is None and not self._chunked

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1."):
            raise AnswerError(f"no status line: {head[:40]!r}")
        self.status = int(head[9:12])
        self.closes = bool(_CLOSE.search(head))
        if length := _LENGTH.search(head):
            self._left = int(length.group(1))
        elif _CHUNKED.search(head):
            self._chunked = True
        elif not self.closes:
            self._left = 0

    def _unchunk(self) -> bool:
        """Whether all chunks are there; then ``body`` is what they hold."""
        pieces: list[bytes] = []
        at = 0
        while (end := self.body.find(b"\r\n", at)) >= 0:
            size = int(self.body[at:end].split(b";")[0], 16)
            if len(self.body) < end + 2 + size + 2:
                return False
            if size == 0:
                self.body = bytearray(b"".join(pieces))
                return True
            pieces.append(bytes(self.body[end + 2 : end + 2 + size]))
            at = end + 2 + size + 2
        return False


class _Connection:
    """One connection to the server, with at most one request on its way."""

    def __init__(self, address: tuple[str, int], *, keep: bool) -> None:
        self._address = address
        self._keep = keep
        self.reconnects = -1
        self.number = -1
        self.begun = 0.0
        self._request: Request = ()
        self._unsent: deque[memoryview] = deque()
        self.connect()

    def connect(self) -> None:
        """Open the connection, for the first time or again."""
        self.reconnects += 1
        if self.reconnects > MOST_RECONNECTS:
            raise AnswerError("the server keeps closing connections without an answer")
        self.socket = socket.create_connection(self._address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.answer = _Answer(keep=self._keep)

    def begin(self, number: int, request: Request) -> None:
        """Start the clock and send what the socket takes of ``request``."""
        self.number = number
        self._request = request
        self.begun = time.perf_counter()
        self.resend()

    def resend(self) -> None:
        """Send the request from its first byte; the clock goes on."""
        self.answer = _Answer(keep=self._keep)
        self._unsent = deque(memoryview(piece) for piece in self._request)
        self.send()

    def send(self) -> None:
        """Send what the socket takes."""
        while self._unsent:
            try:
                sent = self.socket.sendmsg(self._unsent)
            except BlockingIOError:
                return
            except (BrokenPipeError, ConnectionResetError):
                # The answer, or the end of the connection, is read next.
                self._unsent.clear()
                return
            while self._unsent and sent >= len(self._unsent[0]):
                sent -= len(self._unsent.popleft())
            if sent:
                self._unsent[0] = self._unsent[0][sent:]

    @property
    def sending(self) -> bool:
        """Whether a part of the request has still to be sent."""
        return bool(self._unsent)


class _Worker:
    """Sends one process's share of the requests."""

    def __init__(
        self,
        address: tuple[str, int],
        requests: Sequence[tuple[int, Request]],
        *,
        connections: int,
        keep: bool,
    ) -> None:
        self._address = address
        self._requests = requests
        self._size = connections
        self._keep = keep
        self._buffer = bytearray(READ_SIZE)
        self._view = memoryview(self._buffer)
        self._load = Load()
        self._poll = select.epoll()
        self._busy: dict[int, _Connection] = {}

    def warm_up(self, request: Request) -> None:
        """Open all connections and have ``request`` answered on each."""
        self._connections = [_Connection(self._address, keep=self._keep) for _ in range(self._size)]
        self._exchange([(-1, request)] * self._size)
        self._load = Load()
        for connection in self._connections:
            connection.reconnects = 0

    def work(self) -> Load:
        """Send all requests; ``seconds`` of the result is the end by ``time.perf_counter``."""
        before = time.process_time()
        self._exchange(self._requests)
        load = self._load
        load.seconds = time.perf_counter()
        load.client_cpu = time.process_time() - before
        load.reconnects = sum(connection.reconnects for connection in self._connections)
        return load

    def _exchange(self, requests: Sequence[tuple[int, Request]]) -> None:
        coming = iter(requests)
        self._poll = select.epoll()
        self._busy = {}
        for connection, first in zip(self._connections, coming, strict=False):
            self._watch(connection)
            connection.begin(*first)
            self._note_sending(connection)
        while self._busy:
            events = self._poll.poll(PATIENCE)
            if not events:
                raise AnswerError(f"no answer within {PATIENCE:.0f} seconds")
            for fileno, event in events:
                self._serve(self._busy[fileno], event, coming)
        self._poll.close()

    def _serve(
        self, connection: _Connection, event: int, coming: Iterator[tuple[int, Request]]
    ) -> None:
        """Do what ``event`` makes possible on ``connection``."""
        if event & select.EPOLLOUT:
            connection.send()
            if not connection.sending:
                self._note_sending(connection)
        if not event & ~select.EPOLLOUT:
            return
        match self._receive(connection):
            case "more":
                return
            case "lost":
                self._reconnect(connection)
                connection.resend()
            case "done":
                # An answer before the end of the request: the rest is not wanted.
                if connection.answer.closes or connection.sending:
                    self._reconnect(connection)
                if (following := next(coming, None)) is None:
                    self._poll.unregister(connection.socket)
                    del self._busy[connection.socket.fileno()]
                    return
                connection.begin(*following)
        if connection.sending:
            self._note_sending(connection)

    def _watch(self, connection: _Connection) -> None:
        self._poll.register(connection.socket, select.EPOLLIN)
        self._busy[connection.socket.fileno()] = connection

    def _reconnect(self, connection: _Connection) -> None:
        self._poll.unregister(connection.socket)
        del self._busy[connection.socket.fileno()]
        connection.socket.close()
        connection.connect()
        self._watch(connection)

    def _note_sending(self, connection: _Connection) -> None:
        events = select.EPOLLIN | (select.EPOLLOUT if connection.sending else 0)
        self._poll.modify(connection.socket, events)

    def _receive(self, connection: _Connection) -> str:
        """Read what has come: ``more`` is needed, the answer is ``done``, or all is ``lost``."""
        answer = connection.answer
        try:
            size = connection.socket.recv_into(self._buffer)
        except BlockingIOError:
            return "more"
        except ConnectionResetError:
            size = 0
        if size and not answer.feed(self._view[:size]):
            return "more"
        if not size:
            if not answer.received:
                return "lost"
            if not answer.end():
                raise AnswerError("the connection ended within an answer")
            answer.closes = True
        load = self._load
        load.latencies.append(time.perf_counter() - connection.begun)
        load.statuses[answer.status] += 1
        load.received += answer.received
        if self._keep:
            load.bodies.append((connection.number, bytes(answer.body)))
        return "done"


def _process(worker: _Worker, warm_up: Request, barrier: Barrier, pipe: Pipe) -> None:
    try:
        worker.warm_up(warm_up)
        barrier.wait(PATIENCE)
        pipe.send(worker.work())
    except (AnswerError, OSError, threading.BrokenBarrierError) as error:
        barrier.abort()
        pipe.send(error)


def default_processes(connections: int) -> int:
    """How many processes the driver uses: a second one only where one might be too slow."""
    return 2 if connections >= 8 and (os.cpu_count() or 1) > 2 else 1


def run_load(
    url: str,
    requests: Sequence[Request],
    *,
    connections: int,
    processes: int | None = None,
    keep: bool = False,
    warm_up: str = "/system",
) -> Load:
    """Have ``requests`` answered over ``connections`` and tell how it went.

    ``keep`` keeps the bodies of the answers. Raises ``AnswerError`` or ``OSError`` if the server
    does not play along; an answer that is not 200 is only counted.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    processes = min(processes or default_processes(connections), connections)
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(processes + 1)
    numbered = list(enumerate(requests))
    pipes, children = [], []
    for share in range(processes):
        worker = _Worker(
            address,
            numbered[share::processes],
            connections=len(range(share, connections, processes)),
            keep=keep,
        )
        mine, theirs = context.Pipe(duplex=False)
        child = context.Process(
            target=_process, args=(worker, get(warm_up), barrier, theirs), daemon=True
        )
        child.start()
        theirs.close()
        pipes.append(mine)
        children.append(child)
    begun = 0.0
    # A broken barrier means that a process gave up: it says why in its pipe.
    with contextlib.suppress(threading.BrokenBarrierError):
        barrier.wait(PATIENCE)
        begun = time.perf_counter()
    total = Load()
    failure: Exception | None = None
    for pipe in pipes:
        part = pipe.recv()
        if isinstance(part, Exception):
            if failure is None or isinstance(failure, threading.BrokenBarrierError):
                failure = part
            continue
        total.seconds = max(total.seconds, part.seconds - begun)
        total.latencies.extend(part.latencies)
        total.statuses += part.statuses
        total.bodies += part.bodies
        total.received += part.received
        total.reconnects += part.reconnects
        total.client_cpu += part.client_cpu
    for child in children:
        child.join()
    if failure is not None:
        raise failure
    return total
