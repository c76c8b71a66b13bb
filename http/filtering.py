"""Requests that scripts may refuse, before they are looked at."""

import structlog
from aiohttp import web

from repertory.actors.messages.scripting import DescribeFilters, FilterRequest, FiltersChanged
from repertory.actors.switchboard import Switchboard
from repertory.errors import Forbidden
from repertory.http.auth import current_user, plain_address

log = structlog.get_logger(__name__)

REQUEST_FILTER = "IncomingHttpRequestFilter"

PATIENCE = 60.0
"""Seconds after which a filter is not waited for any more; it ends by itself long before."""


class RequestFilter:
    """Asks the scripts, if they have a filter."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._wanted: bool | None = None
        board.listen(FiltersChanged, self._note)

    async def admit(self, request: web.Request, method: str) -> None:
        """Let a request go on.

        Raises:
            Forbidden: the scripts do not.
            ScriptFailed: they cannot say.
            NoReplyInTime: they do not.
        """
        if self._wanted is None:  # scripts were loaded before anybody listened
            filters = await self._board.ask_async(DescribeFilters(), timeout=PATIENCE)
            if self._wanted is None:
                self._wanted = REQUEST_FILTER in filters
        if not self._wanted:
            return
        asked = FilterRequest(
            method=method,
            uri=request.path,
            ip=plain_address(request.remote or ""),
            username=current_user.get(),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
        if not await self._board.ask_async(asked, timeout=PATIENCE):
            log.debug("request_filtered_out", method=method, path=request.path)
            raise Forbidden

    def _note(self, event: FiltersChanged) -> None:
        self._wanted = REQUEST_FILTER in event.names
