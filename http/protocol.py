"""The archive's own way with what is not HTTP, or not the body that was announced."""

import asyncio
from typing import Any

import structlog
from aiohttp import web

from repertory.errors import BadRequest
from repertory.http.accepting import Turns
from repertory.http.errors import error_answer

log = structlog.get_logger(__name__)


class Protocol(web.RequestHandler):
    """A connection. Where aiohttp answers by itself, it answers in Orthanc's form.

    What could not be read is neither sent back nor logged: it may be a patient's name in a
    malformed address.
    """

    __slots__ = ("_turns",)

    def __init__(self, *words: Any, turns: Turns | None = None, **options: Any) -> None:
        """Take what aiohttp takes, and who is to know how many connections there are."""
        super().__init__(*words, **options)
        self._turns = turns

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        super().connection_made(transport)
        if self._turns is not None:
            self._turns.took()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is gone."""
        super().connection_lost(exc)
        if self._turns is not None:
            self._turns.let_go()

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
