"""Shortcuts: the reads that clients ask for most, answered without a request object and a task.

aiohttp makes a request, a task, a response and a stream of each, which is most of what a small read
costs. Here the bytes of a request are looked at as they are. What is not exactly of the form that
is known here, and whatever goes wrong, takes the ordinary way (``http/dispatch.py``), which alone
knows what to say then. What is answered is the same, byte for byte.
"""

import asyncio
import os
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter
from typing import Any, NamedTuple, Protocol

import structlog

from repertory.actors.messages.attachments import LendFile, LentFile, ReadTags
from repertory.actors.messages.base import Question
from repertory.actors.messages.resources import DescribeResource
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError
from repertory.http import views
from repertory.http.answers import to_json
from repertory.http.dispatch import Dispatcher
from repertory.http.downloads import disposition
from repertory.http.heads import HARMLESS, STANDARD_LINES, ending, json_answer, look_at
from repertory.http.passing import EndOfFile, pass_on
from repertory.model import Level, ResourceId, TagForm

log = structlog.get_logger(__name__)

_HEAD = re.compile(
    rb"GET (/(patients|studies|series|instances)/([0-9a-f]{8}(?:-[0-9a-f]{8}){4})"
    rb"(/simplified-tags|/tags|/file)?) HTTP/1\.1\r\n"
)
_BODY = re.compile(
    rb"\n[ \t]*(content-length|transfer-encoding|upgrade)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE
)
_REMEMBERED = 256
"""Blocks of headers that are known to be harmless or not: a client always sends the same ones."""

_KNOWN = {
    (level.plural.encode(), part): (level, f"/{level.plural}/{{id}}{(part or b'').decode()}")
    for level in Level
    for part in (None, b"/simplified-tags", b"/tags", b"/file")
    if part is None or level is Level.INSTANCE
}
"""The level and the pattern of what may be asked for, by how it is written."""
_FILE_HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    + STANDARD_LINES.replace(b"%", b"%%")
    + b"Content-Type: application/dicom\r\n"
    + f"Content-Disposition: {disposition('ID.dcm')}\r\n".replace("ID", "%s").encode()
)
_PLAIN = views.Resources()
_MORE = getattr(socket, "MSG_MORE", 0)


class Connection(Protocol):
    """What a shortcut needs of the connection that it answers."""

    transport: asyncio.Transport | None
    remote: str | None
    """The address of the client."""
    descriptor: int
    """That of its socket, where files can be handed to it; -1 elsewhere."""

    @property
    def direct(self) -> socket.socket:
        """Its socket; for connections that have a descriptor."""

    def hold(self) -> None:
        """Take no further request until ``let_go`` was called as often."""

    def let_go(self, request: bytes = b"") -> None:
        """Take requests again; first ``request``, by the ordinary way."""


class _Visit(NamedTuple):
    """One request on its way."""

    path: bytes
    pattern: str
    id: str
    answer: "Callable[[Connection, _Visit, Any], bool]"
    request: bytes
    began: float


class Shortcuts:
    """Answers the commonest reads of one application."""

    def __init__(self, board: Switchboard, dispatcher: Dispatcher) -> None:
        self._board = board
        self._dispatcher = dispatcher
        self._harmless: dict[bytes, bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, connection: Connection, request: bytes) -> bool:
        """Answer a request, now or soon; False where it has to take the ordinary way."""
        found = _HEAD.match(request)
        if found is None or not self._dispatcher.may_be_passed_by:
            return False
        path, plural, name, part = found.groups()
        known = _KNOWN.get((plural, part))
        if known is None:
            return False
        level, pattern = known
        headers = request[found.end() :]
        harmless = self._harmless.get(headers)
        if harmless is None:
            harmless = self._look(headers)
        if not harmless or not self._dispatcher.is_near_enough(connection.remote):
            return False
        if part == b"/file" and connection.descriptor < 0:
            return False
        id_ = ResourceId(name.decode())
        answer = self._send_file if part == b"/file" else self._send_json
        visit = _Visit(path, pattern, id_, answer, request, perf_counter())
        reply = self._board.call(_question(level, id_, part))
        if not reply.done:
            self._later(connection, self._finish(connection, visit, reply))
            return True
        return reply.error is None and self._answer(connection, visit, reply.get())

    def _look(self, block: bytes) -> bool:
        """Whether headers, with the empty line after them, ask for nothing that matters here."""
        harmless = self._is_harmless(block)
        if len(self._harmless) >= _REMEMBERED:
            self._harmless.clear()
        self._harmless[block] = harmless
        return harmless

    def _is_harmless(self, block: bytes) -> bool:
        headers = look_at(block, HARMLESS)
        return headers is not None and self._dispatcher.knows(headers.get("authorization", ""))

    def _answer(self, connection: Connection, visit: _Visit, found: Any) -> bool:
        if not visit.answer(connection, visit, found):
            return False
        self._dispatcher.note(
            "GET", visit.path.decode(), visit.pattern, 200, perf_counter() - visit.began
        )
        return True

    def _later(self, connection: Connection, work: Any) -> None:
        connection.hold()
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _finish(self, connection: Connection, visit: _Visit, reply: Any) -> None:
        """Answer when the reply is there."""
        answered = False
        try:
            with suppress(RepertoryError):  # the ordinary way asks again, and tells it
                found = await self._board.arrival(reply)
                answered = connection.transport is None or self._answer(connection, visit, found)
        finally:
            connection.let_go(b"" if answered else visit.request)

    def _send_json(self, connection: Connection, visit: _Visit, found: Any) -> bool:
        transport = connection.transport
        if transport is None:
            return False
        body = to_json(_PLAIN.one(found) if visit.pattern.endswith("}") else found)
        transport.write(json_answer(body))
        return True

    def _send_file(self, connection: Connection, visit: _Visit, found: LentFile) -> bool:
        transport = connection.transport
        if found.path is None or transport is None or transport.get_write_buffer_size():
            return False
        size, uuid = found.attachment.uncompressed_size, found.attachment.uuid
        try:
            file = os.open(found.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except OSError:
            return False
        try:
            head = _FILE_HEAD % visit.id.encode() + ending(size)
            sent = _begin(connection, file, head, size)
        except BaseException:
            os.close(file)
            raise
        if sent == len(head) + size:
            os.close(file)
            return True
        start = max(sent - len(head), 0)
        self._later(
            connection, self._go_on(connection, file, head[sent:], (start, size), uuid=uuid)
        )
        return True

    async def _go_on(
        self, connection: Connection, file: int, head: bytes, between: tuple[int, int], *, uuid: str
    ) -> None:
        """Send the rest of an answer, as fast as it is taken."""
        try:
            if head and connection.transport is not None:
                connection.transport.write(head)
            await pass_on(connection, file, *between)
        except EndOfFile:
            # The status is sent: all that can be done is not to let the client take it for whole.
            log.error("download_interrupted", uuid=uuid, error="FileCorrupted")  # noqa: TRY400 - no defect
            if connection.transport is not None:
                connection.transport.abort()
        except ConnectionError:
            log.debug("request_abandoned", method="GET")
        finally:
            os.close(file)
            connection.let_go()


def _question(level: Level, id_: ResourceId, part: bytes | None) -> Question[Any]:
    if part is None:
        return DescribeResource(level=level, id=id_)
    if part == b"/file":
        return LendFile(level=Level.INSTANCE, id=id_)
    form = TagForm.FULL if part == b"/tags" else TagForm.SIMPLIFIED
    return ReadTags(id=id_, ignore_length=frozenset(), form=form)


def _begin(connection: Connection, file: int, head: bytes, size: int) -> int:
    """Send as much as the socket takes at once; how many bytes that were.

    What is wrong with the connection is found out by whoever sends the rest.
    """
    sent = 0
    with suppress(OSError):
        # The head waits for the first bytes of the file: one packet less, and one wake-up there.
        sent = connection.direct.send(head, _MORE if size else 0)
        if sent == len(head) and size:
            sent += os.sendfile(connection.descriptor, file, 0, size)
    return sent


def body_length(head: bytes) -> int:
    """How many bytes of a body follow the head of a request; -1 where that is not plain."""
    found = _BODY.findall(head)
    if not found:
        return 0
    (name, length), *more = found
    if more or name.lower() != b"content-length" or not length.strip().isdigit():
        return -1
    return int(length)
