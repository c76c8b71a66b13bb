"""The log of changes as it grows, as server-sent events (HTML standard, section 9.2)."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web

from repertory.actors.messages.changes import DescribeLastChange, ListChanges
from repertory.errors import BadRequest, RepertoryError
from repertory.http import params, views
from repertory.http.answers import headers_for
from repertory.http.auth import current_origin
from repertory.http.bridge import SETTINGS, ask
from repertory.http.doorbell import DOORBELL, Visitor
from repertory.http.routing import Routes
from repertory.model import OriginKind

log = structlog.get_logger(__name__)

routes = Routes()

PAGE = 500
PACE = 0.25
"""Seconds between two looks at a log that grows all the time. What comes after a silence is told at
once; streams that are up to date look at the same moment, and share what one of them asked."""


@routes.get("/changes/stream")
async def stream_changes(request: web.Request) -> web.StreamResponse:
    """Tell what happens to resources while it happens, as server-sent events.

    Each event is a change as in `/changes`, on one line, with its number as `id`. Without a
    number to begin after, only what comes from now on is told. A client that was cut off goes on
    after the header `Last-Event-ID`, which browsers send by themselves.

    - `since`: begin after this number; `Last-Event-ID` has precedence.
    - `type`: only these types, joined by `;`.
    - `deletions`: tell deletions, too, as changes of type `Deleted`.
    """
    if current_origin.get() is not OriginKind.REST_API:
        raise BadRequest("A stream has no end, and so no answer for a script: ask /changes.")
    stream = ChangesStream(request)
    await stream.locate()
    response = web.StreamResponse(headers=headers_for("text/event-stream"))
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep events back
    if request.method == "HEAD":
        return response
    response.force_close()
    await response.prepare(request)
    with request.app[DOORBELL].enter() as visitor:
        await stream.send(response, visitor)
    return response


class ChangesStream:
    """One client's way through the log, at its own pace."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self._types = params.change_types(request)
        self._deletions = params.flag(request, "deletions")
        self._heartbeat = request.app[SETTINGS].changes_stream_heartbeat
        self._pages = request.app[PAGES]
        self._position = 0

    async def locate(self) -> None:
        """Find out where the client wants to begin."""
        last_seen = self._request.headers.get("Last-Event-ID", "").strip()
        since = params.whole_number(self._request, "since")
        if last_seen.isascii() and last_seen.isdecimal() and len(last_seen) <= 18:
            self._position = int(last_seen)
        elif since is not None:
            self._position = since
        else:
            newest = await ask(self._request, DescribeLastChange(deletions=self._deletions))
            self._position = newest.last

    async def send(self, response: web.StreamResponse, visitor: Visitor) -> None:
        """Send events until the client goes or the archive stops."""
        # A task of its own: a write waits for as long as a slow client does not read.
        sending = asyncio.create_task(self._send_all(response, visitor))
        await asyncio.wait({sending, visitor.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            sending.cancel()
            transport = self._request.transport
            if transport is not None and transport.get_write_buffer_size():
                transport.abort()
        # A client that went away ended it in the usual way.
        with suppress(asyncio.CancelledError, ConnectionError):
            try:
                await sending
            except RepertoryError as error:
                # The client asks again, and begins where it was.
                log.warning("changes_stream_ended", reason=type(error).__name__)

    async def _send_all(self, response: web.StreamResponse, visitor: Visitor) -> None:
        # An event without data sets the number to resume from, and is not shown to the page.
        await response.write(b"retry: 3000\nid: %d\n\n" % self._position)
        clock = asyncio.get_running_loop().time
        while True:
            visitor.forget()
            began = clock()
            if await self._send_page(response):
                continue
            if not await visitor.wait(self._heartbeat):
                await response.write(b": heartbeat\nid: %d\n\n" % self._position)
            if clock() < began + PACE:
                await asyncio.sleep(PACE - clock() % PACE)

    async def _send_page(self, response: web.StreamResponse) -> bool:
        """Send what is new, a page at most; whether there is more."""
        question = ListChanges(
            since=self._position, limit=PAGE, types=self._types, deletions=self._deletions
        )
        page = await self._pages.ask(self._request, question)
        # An empty page ends at the newest number: what was passed over is not looked at again.
        self._position = max(self._position, page.last)
        if page.events:
            await response.write(page.events)
        return not page.done


@dataclass(frozen=True, slots=True)
class Page:
    """Some changes, written as events."""

    events: bytes
    last: int
    done: bool


class Pages:
    """Reads the log for all streams: those that ask the same at the same time get one answer."""

    def __init__(self) -> None:
        self._asked: dict[ListChanges, asyncio.Task[Page]] = {}

    async def ask(self, request: web.Request, question: ListChanges) -> Page:
        """A page of the log."""
        task = self._asked.get(question)
        if task is None:
            task = self._asked[question] = asyncio.create_task(_read_page(request, question))
            task.add_done_callback(lambda done: self._forget(question, done))
        # A stream that ends must not end the others' reading.
        return await asyncio.shield(task)

    def _forget(self, question: ListChanges, task: "asyncio.Task[Page]") -> None:
        del self._asked[question]
        if not task.cancelled():
            task.exception()  # who asked has heard of it, or is gone


PAGES = web.AppKey("pages", Pages)


async def _read_page(request: web.Request, question: ListChanges) -> Page:
    page = await ask(request, question)
    lines = [
        f"id: {change.seq}\ndata: {json.dumps(views.change(change), sort_keys=True)}\n\n"
        for change in page.changes
    ]
    return Page(events="".join(lines).encode(), last=page.last, done=page.done)
