"""Bodies of requests: received in bounded memory, measured as they arrive."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import hdrs, web

from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    Body,
    UploadId,
)
from repertory.errors import BadRequest, NoReplyInTime, TooLarge
from repertory.http.bridge import BOARD, SETTINGS, ask

T = TypeVar("T")

MEGABYTE = 1 << 20
PIECE_SIZE = MEGABYTE
TEXT_LIMIT = MEGABYTE
BYTES_LIMIT = 512 * MEGABYTE


async def read_text(request: web.Request, *, limit: int = TEXT_LIMIT) -> str:
    """A short body as text.

    Raises:
        TooLarge: it has more than ``limit`` bytes.
        BadRequest: it is not UTF-8.
    """
    received = []
    size = 0
    async for piece in pieces(request):
        received.append(piece)
        size += len(piece)
        if size > limit:
            raise TooLarge
    try:
        return b"".join(received).decode()
    except UnicodeDecodeError:
        raise BadRequest("The body is not UTF-8.") from None


async def read_bytes(request: web.Request, *, limit: int = BYTES_LIMIT) -> bytes:
    """A body that has to be in memory as a whole.

    Raises:
        TooLarge: it has more than ``limit`` bytes.
    """
    received = bytearray()
    async for piece in pieces(request):
        received += piece
        if len(received) > limit:
            raise TooLarge
    return bytes(received)


async def pieces(request: web.Request) -> AsyncIterator[bytes]:
    """The body as it arrives, unpacked where it is compressed (Content-Encoding).

    Raises:
        TooLarge: it is larger than MaximumRequestBodySizeMB, unpacked.
        HTTPRequestTimeout: nothing came for HttpRequestTimeout seconds.
    """
    room = room_for_body(request)
    await invite(request)
    content = request.content
    while not content.at_eof():
        piece = content.read_nowait() or await in_time(request, content.readany())
        room -= len(piece)
        if room < 0:
            raise TooLarge
        if piece:
            yield piece


async def in_time(request: web.Request, arriving: Awaitable[T]) -> T:
    """What is arriving from a client.

    Raises:
        HTTPRequestTimeout: it did not come within HttpRequestTimeout seconds.
    """
    try:
        async with asyncio.timeout(request.app[SETTINGS].http_request_timeout or None):
            return await arriving
    except TimeoutError:
        raise web.HTTPRequestTimeout from None


def room_for_body(request: web.Request) -> float:
    """How many bytes the body may have.

    Raises:
        TooLarge: it says that it has more.
    """
    room = request.app[SETTINGS].maximum_request_body_size_mb * MEGABYTE or math.inf
    if (request.content_length or 0) > room:
        raise TooLarge
    return room


async def invite(request: web.Request) -> None:
    """Ask for the body of a client that waits to be asked (RFC 9110 section 10.1.1)."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # or aiohttp would take the answer for begun


class Intake:
    """Takes one file in: in memory while it is small, else by way of an upload.

    As a context it abandons the upload if it is left by an error.
    """

    def __init__(self, request: web.Request, *, expected: int = 0) -> None:
        self._request = request
        self._threshold = request.app[SETTINGS].spool_threshold_mb * MEGABYTE
        self._spools = expected > self._threshold
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._upload: UploadId | None = None
        self.beginning = b""
        """The first four bytes, or fewer where there are no more."""
        self._finished = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        # A store that gave no reply in time may still be at work on the finished upload.
        at_work = self._finished and isinstance(error, NoReplyInTime)
        if error is not None and self._upload is not None and not at_work:
            # Nobody waits for the answer: the client failed, or is gone.
            self._request.app[BOARD].ask_soon(AbandonUpload(upload=self._upload))

    async def add(self, piece: bytes) -> None:
        """Take the next bytes."""
        if len(self.beginning) < 4:
            self.beginning += piece[: 4 - len(self.beginning)]
        self._waiting.append(piece)
        self._waiting_size += len(piece)
        if not self._spools:
            self._spools = self._waiting_size > self._threshold
        if self._spools and self._waiting_size >= PIECE_SIZE:
            await self._spool()

    async def finish(self) -> Body:
        """The whole body, once its last bytes were added."""
        if self._upload is None:
            return self._take()
        if self._waiting:
            await self._spool()
        self._finished = True
        return self._upload

    async def _spool(self) -> None:
        if self._upload is None:
            self._upload = await ask(self._request, BeginUpload())
        content = memoryview(self._take())
        for start in range(0, len(content), PIECE_SIZE):
            piece = bytes(content[start : start + PIECE_SIZE])
            await ask(self._request, AppendToUpload(upload=self._upload, content=piece))

    def _take(self) -> bytes:
        whole = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting = []
        self._waiting_size = 0
        return whole
