"""Sending files: whole or a range of them, piece by piece."""

import asyncio
import re
from collections.abc import Callable
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web
from multidict import CIMultiDict

from repertory.actors.messages.attachments import LendFile
from repertory.actors.messages.base import Query
from repertory.errors import BadRange, RepertoryError
from repertory.http.bodies import PIECE_SIZE
from repertory.http.bridge import ask
from repertory.http.passing import can_send, send_path

log = structlog.get_logger(__name__)

Read = Callable[[int, int], Query[bytes]]
"""Makes the question for the bytes from a position on, so many at most."""

_HARMLESS = re.compile(r"[\w .()+-]*", re.ASCII)
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def requested_range(request: web.Request, size: int) -> tuple[int, int] | None:
    """The range of a file of ``size`` bytes that the request asks for, as start and end.

    ``None`` where it asks for the whole file. Several ranges are not served (RFC 9110 section
    14.2 allows to ignore them).

    Raises:
        BadRange: the header Range cannot be read, or lies outside the file.
    """
    header = request.headers.get(hdrs.RANGE)
    if header is None or "," in header:
        return None
    found = _RANGE.fullmatch(header.strip().replace(" ", ""))
    if found is None or not any(found.groups()):
        raise BadRange
    first, last = found.groups()
    if not first:  # the last so many bytes
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
    if start >= end:
        raise BadRange
    return start, end


async def send_file(
    request: web.Request,
    headers: "CIMultiDict[str]",
    size: int,
    read: Read,
    *,
    uuid: str,
    lend: LendFile | None = None,
) -> web.StreamResponse:
    """Answer the bytes of a file: all ``size`` of them, or the range that is asked for.

    ``lend`` asks whether it can be sent from where it lies.

    Raises:
        BadRange: the range lies outside the file.
        FileLost: the file is missing.
        FileCorrupted: the file is shorter than it was.
    """
    # RFC 9110 section 13.1.5: a range of another version than the client has is of no use to it.
    condition = request.headers.get(hdrs.IF_RANGE)
    is_current = condition is None or condition == headers.get(hdrs.ETAG)
    wanted = requested_range(request, size) if is_current else None
    start, end = wanted or (0, size)
    status = 200
    headers[hdrs.ACCEPT_RANGES] = "bytes"
    if wanted is not None:
        status = 206
        headers[hdrs.CONTENT_RANGE] = f"bytes {start}-{end - 1}/{size}"
    just_looking = request.method == "HEAD"
    if lend is not None and not just_looking and can_send(request):
        lent = await ask(request, lend)
        if lent.path is not None and lent.attachment.uuid == uuid:
            sent = await send_path(
                request, lent.path, size, headers=headers, status=status, start=start, end=end
            )
            if sent is not None:
                return sent
    first = await ask(request, read(start, min(1 if just_looking else PIECE_SIZE, end - start)))
    if just_looking:
        headers[hdrs.CONTENT_LENGTH] = str(end - start)
        return web.Response(status=status, headers=headers)
    if len(first) >= end - start:
        return web.Response(status=status, body=first, headers=headers)
    headers[hdrs.CONTENT_LENGTH] = str(end - start)
    response = web.StreamResponse(status=status, headers=headers)
    return await stream(request, response, first, (start, end), read, uuid=uuid)


async def stream(
    request: web.Request,
    response: web.StreamResponse,
    first: bytes,
    between: tuple[int, int],
    read: Read,
    *,
    uuid: str,
) -> web.StreamResponse:
    """Send a long file from ``first`` on to its end, piece by piece, reading one piece ahead."""
    start, end = between
    position = start + len(first)

    def read_on() -> "asyncio.Task[bytes]":
        return asyncio.create_task(ask(request, read(position, min(PIECE_SIZE, end - position))))

    ahead = read_on()
    try:
        await response.prepare(request)
        await response.write(first)
        while position < end:
            piece = await ahead
            position += len(piece)
            if position < end:
                ahead = read_on()
            await response.write(piece)
        await response.write_eof()
    except RepertoryError as error:
        # The status is sent: all that can be done is not to let the client take it for whole.
        log.error(  # noqa: TRY400 - the reason is said, the way here is known
            "download_interrupted", uuid=uuid, error=type(error).__name__
        )
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the file could not be sent to its end") from error
    finally:
        ahead.cancel()
    return response


def disposition(filename: str, *, attached: bool = True) -> str:
    """A Content-Disposition header (RFC 6266) that names a file."""
    plain = filename
    if not _HARMLESS.fullmatch(filename):
        plain = "".join(c if " " <= c <= "~" and c not in '"\\/' else "_" for c in filename)
    header = f'attachment; filename="{plain}"' if attached else f'filename="{plain}"'
    if not filename.isascii():
        header += f"; filename*=UTF-8''{quote(filename, safe='')}"
    return header
