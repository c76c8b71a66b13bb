"""The REST API without a network: for scripts, and for whoever else asks from within.

A request goes the whole way of one that a client sends, from aiohttp's parser to the routes and
back, but for the socket, and for the question who may ask. So no route knows the difference, and
there is nothing to keep in step with the server. The application is one of its own, in an event
loop of its own: scripts neither need the server nor keep it busy.
"""

import asyncio
import contextvars
import http.client
import io
import re
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs, web

from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.errors import BadParameter, Failed, ShuttingDown
from repertory.http.app import make_app
from repertory.http.auth import current_origin
from repertory.http.bridge import Control
from repertory.http.protocol import Protocol

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110 section 5.6.2: what a method or the name of a header consists of."""

_LONGEST_HEADER = 1 << 16
_SAFE_IN_URI = "/?&=%:@!$'()*+,;~-._[]"
_ANSWERED_BY_US = frozenset({"connection", "content-length", "expect", "host", "transfer-encoding"})
"""Headers about the connection, which is not one."""


class InnerApi:
    """Answers requests from within the archive.

    Args:
        board: where questions go.
        settings: how the API behaves.
        control: what it may do to the process; see ``make_app``.
    """

    def __init__(
        self, board: Switchboard, settings: Settings, control: Control | None = None
    ) -> None:
        self._app = make_app(board, settings, control=control, guarded=False)
        self._runner = web.AppRunner(self._app, access_log=None, handle_signals=False)
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._lock = threading.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="inner-http", daemon=True)
        self._thread.start()

    def call(self, request: CallRestApi) -> "Future[RestAnswer]":
        """Begin to answer a request; from any thread."""
        answer: Future[RestAnswer] = Future()
        with self._lock:
            if self._closed:
                answer.set_exception(ShuttingDown())
            else:
                self._loop.call_soon_threadsafe(self._begin, request, answer)
        return answer

    def close(self) -> None:
        """Cut off what runs, and end; to close twice does no harm."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._runner.setup())
            loop.run_forever()
        finally:
            loop.run_until_complete(self._end())
            loop.close()

    async def _end(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._runner.cleanup()

    def _begin(self, request: CallRestApi, answer: "Future[RestAnswer]") -> None:
        context = contextvars.copy_context()
        context.run(current_origin.set, request.origin)
        task = self._loop.create_task(self._answer(request, answer), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: CallRestApi, answer: "Future[RestAnswer]") -> None:
        try:
            sent = await self._exchange(_write(request))
            answer.set_result(_read(request.method, sent))
        except asyncio.CancelledError:
            answer.set_exception(ShuttingDown())
            raise
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
            answer.set_exception(error)

    async def _exchange(self, received: bytes) -> io.BytesIO:
        manager = self._runner.server
        if manager is None:
            raise ShuttingDown
        # The connection's task begins here, and has this one's context: its current_origin.
        connection = Protocol(
            manager,
            loop=self._loop,
            access_log=None,  # as in the server
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )
        wire = _Wire()
        connection.connection_made(wire)
        try:
            connection.data_received(received)
            await wire.closed.wait()
        finally:
            connection.connection_lost(None)
        return wire.sent


class _Wire(asyncio.Transport):
    """The server's end of a connection that has no other end."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = io.BytesIO()
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what is sent."""
        self.sent.write(data)

    def is_closing(self) -> bool:
        """Whether the server hung up."""
        return self.closed.is_set()

    def close(self) -> None:
        """Hang up: the answer is complete."""
        self.closed.set()

    def abort(self) -> None:
        """Hang up in the middle."""
        self.closed.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ARG002 - as asyncio has it
        """Nothing: no address, no socket, no TLS."""
        return default

    def pause_reading(self) -> None:
        """All was read already."""

    def resume_reading(self) -> None:
        """All was read already."""

    def is_reading(self) -> bool:
        """Never: nothing more will come."""
        return False

    def get_write_buffer_size(self) -> int:
        """Nothing waits: it is kept at once."""
        return 0


def _write(request: CallRestApi) -> bytes:
    """The request as HTTP.

    Raises:
        BadParameter: it cannot be written so.
    """
    if not _TOKEN.fullmatch(request.method):
        raise BadParameter("The method is none of HTTP's.")
    uri = quote(request.uri.partition("#")[0], safe=_SAFE_IN_URI)
    if not uri.startswith("/"):
        uri = f"/{uri}"
    lines = [f"{request.method} {uri} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in _headers(request)]
    if request.body or request.method in {"POST", "PUT"}:
        lines.append(f"Content-Length: {len(request.body)}")
    return "\r\n".join((*lines, "", "")).encode() + request.body


def _headers(request: CallRestApi) -> Iterator[tuple[str, str]]:
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or any(ord(c) < 32 and c != "\t" for c in value):
            raise BadParameter("A header cannot be written as HTTP.")
        if name.lower() not in _ANSWERED_BY_US:
            yield name, value


class _Sent:
    """What ``http.client`` reads an answer from, in place of a socket."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def makefile(self, _mode: str) -> io.BytesIO:
        """The bytes of the answer."""
        return self._file


def _read(method: str, sent: io.BytesIO) -> RestAnswer:
    """The answer that the server sent.

    Raises:
        Failed: it broke off in the middle.
    """
    sent.seek(0)
    response = http.client.HTTPResponse(_Sent(sent), method=method)  # type: ignore[arg-type]
    try:
        response.begin()
        body = response.read()
    except (http.client.HTTPException, OSError) as error:
        raise Failed("The answer broke off.") from error
    headers = {
        name: value
        for name, value in response.getheaders()
        if name.lower() not in {"connection", "transfer-encoding", hdrs.DATE.lower()}
    }
    return RestAnswer(status=response.status, headers=headers, body=body)
