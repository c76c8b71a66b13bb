"""Sending a stored file from where it lies: the kernel hands it from the disk to the socket."""

import asyncio
import os
from typing import Any, Protocol

import structlog
from aiohttp import web
from multidict import CIMultiDict

log = structlog.get_logger(__name__)

_LOOK = 1.0
"""Seconds after which it is looked whether the connection is still there."""

_AT_ONCE = 1 << 20
"""Bytes that are handed over before others get their turn."""


def can_send(request: web.Request) -> bool:
    """Whether a file can go straight to the socket: it is one of the system's, and not of TLS."""
    transport = request.transport
    return (
        hasattr(os, "sendfile")
        and transport is not None
        and transport.get_extra_info("socket") is not None
        and transport.get_extra_info("ssl_object") is None
    )


async def send_path(
    request: web.Request,
    path: str,
    size: int,
    *,
    headers: "CIMultiDict[str]",
    status: int = 200,
    start: int = 0,
    end: int | None = None,
) -> web.StreamResponse | None:
    """Answer the bytes of a file from ``start`` to ``end``; ``None`` if it is not there any more.

    ``size`` is what it should have: a file of another size is not sent, either.
    """
    end = size if end is None else end
    try:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None
    try:
        if os.fstat(file).st_size != size:
            return None
        headers["Content-Length"] = str(end - start)
        response = web.StreamResponse(status=status, headers=headers)
        writer: Any = await response.prepare(request)
        if writer is not None:
            writer.send_headers()
        try:
            await pass_on(request, file, start, end)
        except EndOfFile:
            _give_up(request, path)
            raise ConnectionResetError("the file could not be sent to its end") from None
        await response.write_eof()
        return response
    finally:
        os.close(file)


def _give_up(request: web.Request, path: str) -> None:
    """The status is sent: all that can be done is not to let the client take it for whole."""
    log.error("download_interrupted", uuid=os.path.basename(path), error="FileCorrupted")  # noqa: PTH119
    if request.transport is not None:
        request.transport.abort()


class EndOfFile(Exception):
    """The file is shorter than it was."""


class Way(Protocol):
    """What leads to a client: its transport, until it is gone."""

    @property
    def transport(self) -> Any:
        """An ``asyncio.Transport``; ``None`` once the client is gone."""


async def pass_on(way: Way, file: int, start: int, end: int) -> None:
    """Hand over the bytes of a file.

    Raises:
        ConnectionError: the client is gone.
        EndOfFile: the file is shorter than it was.
    """
    await _Passage(way, file).pass_on(start, end)


class _Passage:
    """The way of a file's bytes into a connection."""

    def __init__(self, way: Way, file: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._way = way
        self._file = file

    async def pass_on(self, start: int, end: int) -> None:
        """Hand over the bytes."""
        transport = self._transport()
        while transport.get_write_buffer_size():
            # What was written before goes first: mostly the headers are on their way already.
            await self._until_empty(transport)
            transport = self._transport()
        socket = transport.get_extra_info("socket").fileno()
        while start < end:
            try:
                sent = os.sendfile(socket, self._file, start, min(_AT_ONCE, end - start))
            except BlockingIOError:
                await self._until_writable(socket)
                self._transport()
                continue
            if not sent:
                raise EndOfFile
            start += sent
            if start < end and sent == _AT_ONCE:
                await asyncio.sleep(0)

    def _transport(self) -> asyncio.Transport:
        transport: asyncio.Transport | None = self._way.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client is gone")
        return transport

    async def _until_empty(self, transport: asyncio.Transport) -> None:
        await self._until_writable(transport.get_extra_info("socket").fileno())
        await asyncio.sleep(0)  # the transport's turn

    async def _until_writable(self, socket: int) -> None:
        # A descriptor of its own: the loop watches the other one for the transport.
        watched = os.dup(socket)
        writable = self._loop.create_future()
        self._loop.add_writer(watched, _wake, writable)
        try:
            # Closed on our side it is never writable again: so look now and then.
            await asyncio.wait({writable}, timeout=_LOOK)
        finally:
            self._loop.remove_writer(watched)
            os.close(watched)


def _wake(writable: "asyncio.Future[None]") -> None:
    if not writable.done():
        writable.set_result(None)
