"""Instances that clients send, received past aiohttp where nothing but the file is to be read.

aiohttp parses the head, hands each piece of the body through a stream and a task, and makes a
response: for a small file that costs more than to write it. A request ``POST /instances`` whose
head says nothing special is collected here as it comes. All others, and those whose client is slow,
take the ordinary way (``http/routes/instances.py``). What is answered is the same, byte for byte.
"""

import asyncio
import re
from time import perf_counter
from typing import NamedTuple, Protocol

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.http import views
from repertory.http.answers import to_json
from repertory.http.auth import plain_address
from repertory.http.dispatch import Dispatcher
from repertory.http.heads import HARMLESS, json_answer, look_at, written
from repertory.http.routes.instances import ZIP_BEGINNINGS
from repertory.model import Origin, OriginKind, StoreReceipt

PATIENCE = 1.0
"""Seconds without a byte after which a body is left to aiohttp, which knows how long to wait."""

_REQUEST = b"POST /instances HTTP/1.1\r\n"
_PATH = "/instances"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_ALLOWED = HARMLESS | {"content-type"}
_REMEMBERED = 256
"""Heads whose user is known: a client always sends the same one, but for the length."""


class Asked(NamedTuple):
    """What an error answer says of its request."""

    method: str
    path: str


_ASKED = Asked("POST", _PATH)


class Sender(Protocol):
    """What is needed of the connection by which a file comes."""

    transport: asyncio.Transport | None
    remote: str | None

    def let_go(self, request: bytes = b"") -> None:
        """Take requests again; first ``request``, by the ordinary way."""


class Outcome(Protocol):
    """What became of a file."""

    def get(self) -> StoreReceipt:
        """The receipt.

        Raises:
            RepertoryError: it was not stored.
        """


class Reception:
    """One file on its way in."""

    __slots__ = ("began", "head", "missing", "parts", "user")

    def __init__(self, head: bytes, length: int, user: str) -> None:
        self.head = head
        self.missing = length
        """Bytes that are still to come."""
        self.parts: list[bytes] = []
        self.user = user
        self.began = perf_counter()

    def add(self, data: bytes) -> bytes:
        """Take what came; returns what does not belong to the body any more."""
        length = self.missing
        self.missing -= len(data)
        if self.missing >= 0:
            self.parts.append(data)
            return b""
        self.missing = 0
        self.parts.append(data[:length])
        return data[length:]

    def body(self) -> bytes:
        """The body, which is kept no longer."""
        parts, self.parts = self.parts, []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def request(self) -> bytes:
        """All that has come."""
        return b"".join([self.head, *self.parts])


class Receptions:
    """Receives the plain uploads of one application."""

    def __init__(self, board: Switchboard, dispatcher: Dispatcher, settings: Settings) -> None:
        self._board = board
        self._dispatcher = dispatcher
        most = settings.spool_threshold_mb << 20
        if settings.maximum_request_body_size_mb:
            most = min(most, settings.maximum_request_body_size_mb << 20)
        self._most = 0 if settings.read_only else most
        self._users: dict[bytes, str | None] = {}
        self.patience = min(PATIENCE, settings.http_request_timeout or PATIENCE)
        """Seconds without a byte after which a body is left to aiohttp."""

    def begin(self, connection: Sender, data: bytes) -> Reception | None:
        """Look at the beginning of a request; ``None`` where it has to take the ordinary way."""
        end = data.find(b"\r\n\r\n")
        if end < 0 or not data.startswith(_REQUEST) or not self._dispatcher.may_be_passed_by:
            return None
        block = data[len(_REQUEST) - 2 : end + 2]
        found = _LENGTH.search(block)
        if found is None or not 0 < int(found[1]) <= self._most:
            return None
        others = block[: found.start()] + block[found.end() :]
        if others not in self._users:
            if len(self._users) >= _REMEMBERED:
                self._users.clear()
            self._users[others] = self._look(others)
        user = self._users[others]
        if user is None or not self._dispatcher.is_near_enough(connection.remote):
            return None
        return Reception(data[: end + 4], int(found[1]), user)

    def _look(self, block: bytes) -> str | None:
        """Who sends a head; ``None`` where it says something that is not known here."""
        headers = look_at(block[2:] + b"\r\n", _ALLOWED)
        if headers is None or headers.get("content-type", "").lower().startswith("multipart/"):
            return None
        return self._dispatcher.user_of(headers.get("authorization", ""))

    def store(self, connection: Sender, reception: Reception) -> None:
        """Store what was received whole, and answer."""
        content = reception.body()
        if content.startswith(ZIP_BEGINNINGS):
            connection.let_go(reception.head + content)
            return
        origin = Origin(
            kind=OriginKind.REST_API,
            remote_ip=plain_address(connection.remote or ""),
            http_username=reception.user,
        )
        began = reception.began
        reply = self._board.call(StoreInstance(content=content, origin=origin))
        self._board.on_arrival(reply, lambda it: self._answer(connection, began, it))

    def _answer(self, connection: Sender, began: float, outcome: Outcome) -> None:
        try:
            try:
                body = to_json(views.store_receipt(outcome.get()))
                status, content = 200, json_answer(body)
            except Exception as error:  # noqa: BLE001 - whatever it is, the client is answered
                response = self._dispatcher.failure(_ASKED, error)
                status, content = response.status, written(response)
            took = perf_counter() - began
            if connection.transport is not None:
                connection.transport.write(content)
            self._dispatcher.note(_ASKED.method, _PATH, _PATH, status, took)
        finally:
            connection.let_go()
