"""The archive's own way with what is not HTTP, or not the body that was announced."""

import asyncio
import os
import socket
from typing import Any

import structlog
from aiohttp import web

from repertory.errors import BadRequest
from repertory.http.accepting import Turns
from repertory.http.dispatch import Dispatcher
from repertory.http.errors import error_answer
from repertory.http.receiving import Reception, Receptions
from repertory.http.shortcuts import Shortcuts, body_length

log = structlog.get_logger(__name__)

_ENOUGH = 1 << 16
"""Bytes that may wait while a request is answered, before no more is read."""

_NEEDED = {"_waiter", "_messages", "_next_keepalive_close_time", "_keepalive_timeout"}
CAN_BE_PASSED_BY = set(web.RequestHandler.__slots__) >= _NEEDED
"""Whether this version of aiohttp tells what has to be known of a connection."""

_UNKNOWN = -1


class Protocol(web.RequestHandler):
    """A connection. Where aiohttp answers by itself, it answers in Orthanc's form.

    What could not be read is neither sent back nor logged: it may be a patient's name in a
    malformed address. Requests that come whole, while the connection is idle, may take a shortcut
    past aiohttp.
    """

    __slots__ = (
        "_direct",
        "_dispatcher",
        "_held",
        "_holds",
        "_missing",
        "_reception",
        "_receptions",
        "_shortcuts",
        "_turns",
        "_watch",
        "descriptor",
        "remote",
    )

    def __init__(
        self,
        *words: Any,
        turns: Turns | None = None,
        dispatcher: Dispatcher | None = None,
        shortcuts: Shortcuts | None = None,
        receptions: Receptions | None = None,
        **options: Any,
    ) -> None:
        """Take what aiohttp takes, and who is to know how many connections there are.

        Args:
            words: aiohttp's.
            turns: who counts connections.
            dispatcher: who counts those that are busy.
            shortcuts: who answers requests that aiohttp need not see.
            receptions: who receives files that aiohttp need not see.
            options: aiohttp's.
        """
        super().__init__(*words, **options)
        self._turns = turns
        self._dispatcher = dispatcher
        self._shortcuts = shortcuts if CAN_BE_PASSED_BY and dispatcher is not None else None
        self._receptions = receptions
        self._reception: Reception | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._held: bytearray | None = None
        self._holds = 0
        self._missing = 0
        self._direct: socket.socket | None = None
        self.remote: str | None = None
        self.descriptor = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        super().connection_made(transport)
        if self._turns is not None:
            self._turns.took()
        if self._shortcuts is not None:
            peer = transport.get_extra_info("peername")
            self.remote = peer[0] if isinstance(peer, list | tuple) else None
            found = transport.get_extra_info("socket")
            if found is not None and transport.get_extra_info("ssl_object") is None:
                self.descriptor = found.fileno()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        self.descriptor = -1
        if self._reception is not None:
            self._reception = None
            self._look_away()
            self.let_go()
        if self._direct is not None:
            self._direct.close()
            self._direct = None
        super().connection_lost(exc)
        if self._turns is not None:
            self._turns.let_go()

    def data_received(self, data: bytes) -> None:
        """Something came: a request that may take a shortcut, or something for aiohttp."""
        if self._shortcuts is None or not data:  # aiohttp says so to itself
            super().data_received(data)
        elif self._reception is not None:
            self._receive(self._reception, data)
        elif self._held is not None:
            self._held += data
            if len(self._held) > _ENOUGH and self.transport is not None:
                self.transport.pause_reading()
        elif not self._passes(data):
            self._keep_count(data)
            super().data_received(data)

    def _passes(self, data: bytes) -> bool:
        """Whether a request begins that is taken care of: a whole one, or a file that comes."""
        shortcuts, waiter = self._shortcuts, self._waiter
        if (
            shortcuts is None
            or self._missing
            or waiter is None
            or waiter.done()
            or self._messages
            or self._paused
        ):
            return False
        if data.startswith(b"POST "):
            passes = self._begins_to_receive(data)
        else:
            passes = data.find(b"\r\n\r\n") == len(data) - 4 and shortcuts.take(self, data)
        if passes:
            self._stay_open()
        return passes

    # Files that aiohttp does not see

    def _begins_to_receive(self, data: bytes) -> bool:
        receptions = self._receptions
        reception = None if receptions is None else receptions.begin(self, data)
        if receptions is None or reception is None:
            return False
        self.hold()
        self._reception = reception
        self._receive(reception, data[len(reception.head) :])
        if reception.missing:
            self._look_after(receptions, reception, reception.missing)
        return True

    def _receive(self, reception: Reception, data: bytes) -> None:
        rest = reception.add(data)
        if reception.missing or self._receptions is None or self._held is None:
            return
        self._reception = None
        self._look_away()
        self._held += rest
        self._receptions.store(self, reception)

    def _look_after(self, receptions: Receptions, reception: Reception, before: int) -> None:
        """Leave a body to aiohttp that does not come on; it knows how long to wait."""

        def look() -> None:
            self._watch = None
            if reception.missing < before:
                self._look_after(receptions, reception, reception.missing)
                return
            self._reception = None
            self.let_go(reception.request())

        self._watch = self._loop.call_later(receptions.patience, look)

    def _look_away(self) -> None:
        # What is to be called holds the file, and a second is long: others come meanwhile.
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _keep_count(self, data: bytes) -> None:
        """Know whether what comes next begins a request; once that is not clear it never is."""
        if self._missing == _UNKNOWN:
            return
        if self._missing:
            self._missing -= len(data)
        else:
            end = data.find(b"\r\n\r\n")
            length = body_length(data[:end]) if end >= 0 else _UNKNOWN
            self._missing = length - (len(data) - end - 4) if length >= 0 else _UNKNOWN
        self._missing = max(self._missing, _UNKNOWN)

    # For the shortcuts

    @property
    def direct(self) -> socket.socket:
        """The connection's socket once more, for what transports cannot do.

        Raises:
            OSError: there is no descriptor left.
        """
        if self._direct is None:
            self._direct = socket.socket(fileno=os.dup(self.descriptor))
        return self._direct

    def hold(self) -> None:
        """Take no further request until ``let_go`` was called as often."""
        self._holds += 1
        if self._held is None:
            self._held = bytearray()
            if self._dispatcher is not None:
                self._dispatcher.begin(self)

    def let_go(self, request: bytes = b"") -> None:
        """Take requests again; first ``request``, by aiohttp."""
        self._holds -= 1
        if self._holds:
            return
        held, self._held = self._held, None
        self._stay_open()
        if self._dispatcher is not None:
            self._dispatcher.end(self)
        if self.transport is None:
            return
        if held is not None and len(held) > _ENOUGH:
            self.transport.resume_reading()
        if request:
            self._keep_count(request)
            super().data_received(request)
        if held:
            self.data_received(bytes(held))

    def _stay_open(self) -> None:
        """Wait for the next request as long as KeepAliveTimeout says from now on."""
        if self._keepalive_timeout > 0:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout

    def _process_keepalive(self) -> None:
        """Close a connection that nobody has used for long; one that is answered is used."""
        if self._held is not None:
            self._stay_open()
        super()._process_keepalive()

    # What aiohttp would answer by itself

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request, and close the connection."""
        if isinstance(exc, ConnectionError):
            raise exc  # the client is gone: aiohttp expects just this
        if status < 500:
            log.debug("request_unreadable", remote=request.remote, error=type(exc).__name__)
            response = error_answer(request, BadRequest("The request is not HTTP."))
        else:
            log.error("request_failed", status=status, exc_info=exc)
            response = error_answer(request, exc or RuntimeError(message))
        response.force_close()
        return response

    def log_exception(self, *_: object, **details: object) -> None:
        """Note why a connection is closed.

        That the rest of a body cannot be decoded, which was refused already, is no news.
        """
        error = details.get("exc_info")
        if isinstance(error, web.RequestPayloadError):
            log.debug("body_unreadable", error=type(error).__name__)
        else:
            log.error("connection_failed", exc_info=error)
