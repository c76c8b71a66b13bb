"""Requests that scripts may refuse, before they are looked at."""

from contextlib import suppress
from typing import Any

import structlog
from aiohttp import web

from repertory.actors.messages.scripting import (
    INCOMING_REQUEST,
    DescribeFilters,
    FilterRequest,
    FiltersChanged,
)
from repertory.actors.switchboard import NobodyHandles, Switchboard
from repertory.errors import Forbidden
from repertory.http.auth import current_user, plain_address

log = structlog.get_logger(__name__)

PATIENCE = 60.0
"""Seconds after which a filter is not waited for any more; it ends by itself long before."""


class RequestFilter:
    """Asks the scripts, if they have a filter."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._wanted: bool | None = None
        board.listen(FiltersChanged, self._note)
        # Or the first requests could not take a shortcut.
        board.ask_soon(DescribeFilters()).on_done(self._learn)

    async def admit(self, request: web.Request, method: str) -> None:
        """Let a request go on.

        Raises:
            Forbidden: the scripts do not.
            ScriptFailed: they cannot say.
            NoReplyInTime: they do not.
        """
        if self._wanted is None:  # scripts were loaded before anybody listened
            reply = self._board.ask_soon(DescribeFilters())
            with suppress(NobodyHandles):
                await self._board.arrival(reply, timeout=PATIENCE)
            self._learn(reply)
        if not self._wanted:
            return
        asked = FilterRequest(
            method=method,
            uri=request.path,
            ip=plain_address(request.remote or ""),
            username=current_user.get(),
            headers={name.lower(): value for name, value in request.headers.items()},
            query=dict(request.query),
        )
        if not await self._board.ask_async(asked, timeout=PATIENCE):
            log.debug("request_filtered_out", method=method, path=request.path)
            raise Forbidden

    @property
    def is_idle(self) -> bool:
        """Whether it is known that there is no filter."""
        return self._wanted is False

    def _learn(self, reply: Any) -> None:
        if self._wanted is not None:
            return  # what was told meanwhile is newer
        if reply.error is None:
            self._wanted = INCOMING_REQUEST in reply.get()
        elif isinstance(reply.error, NobodyHandles):
            self._wanted = False  # an application of its own has no scripts

    def _note(self, event: FiltersChanged) -> None:
        self._wanted = INCOMING_REQUEST in event.names
