"""Every request's way: let in, find its route, answer or explain, in Orthanc's conventions."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter

import structlog
from aiohttp import hdrs, web

from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.errors import (
    ArchiveFull,
    BadRequest,
    Forbidden,
    IndexBusy,
    NoReplyInTime,
    RepertoryError,
    ScriptFailed,
    ShuttingDown,
    UnknownResource,
)
from repertory.http.answers import done
from repertory.http.auth import Guard
from repertory.http.errors import Asked, Row, bare_answer, describe, error_answer, row_of
from repertory.http.filtering import RequestFilter
from repertory.http.routing import Node, RouteTree, split
from repertory.http.xml import converted, prefers_xml

log = structlog.get_logger(__name__)

_OVERRIDABLE = frozenset({"GET", "POST"})
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
_EXPECTED = (ArchiveFull, IndexBusy, NoReplyInTime, ScriptFailed, ShuttingDown)
_TAIL = "tail"

HEALTH = ("/health/live", "/health/ready")
"""What may be asked without a password, and past the filter of the scripts."""

NO_ROUTE = "none"
"""The path of requests that no route answers; clients make up as many as they like."""

PATTERN = f"/{{{_TAIL}:.*}}"
"""The one pattern that aiohttp's router is given."""


@dataclass(slots=True)
class Visit:
    """One request: ``path`` is the pattern of its path, once it is known."""

    path: str = NO_ROUTE


class Dispatcher:
    """Handles each request of the application."""

    def __init__(
        self,
        tree: RouteTree,
        settings: Settings,
        *,
        guarded: bool = True,
        request_filter: RequestFilter | None = None,
        board: Switchboard | None = None,
    ) -> None:
        self._tree = tree
        guard = self._guard = Guard(settings) if guarded else None
        self._check = _let_in if guard is None else guard.check
        self._check_health = _let_in if guard is None else guard.check_health
        self._filter = request_filter
        self._meters = None if board is None else board.meters
        self._tracer = None if board is None else board.tracer
        self._described = settings.http_describe_errors
        self._keep_alive = settings.keep_alive
        self._say = log.info if settings.http_verbose else log.debug
        self._idle: asyncio.Event | None = None
        self.busy: set[asyncio.BaseProtocol] = set()
        """The connections whose requests are being handled."""

    def let_go(self) -> None:
        """From now on, let no connection outlive its request."""
        self._keep_alive = False

    async def finish(self, grace: float) -> None:
        """Wait for the requests that are being handled, ``grace`` seconds at most."""
        self._idle = asyncio.Event()
        if self.busy:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), grace)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request, whatever becomes of it."""
        began, visit = perf_counter(), Visit()
        connection = request.protocol
        self.begin(connection)
        try:
            response = await self._follow(request, visit)
        except ConnectionError:
            log.debug("request_abandoned", method=request.method, path=request.path)
            # Nobody reads it; but aiohttp would log the error that it is.
            return bare_answer(HTTPStatus.BAD_REQUEST)
        finally:
            self.end(connection)
        if not self._keep_alive:
            response.force_close()
        took = perf_counter() - began
        self.note(request.method, request.path, visit.path, response.status, took)
        return response

    def note(self, method: str, path: str, pattern: str, status: int, took: float) -> None:
        """Tell that a request was answered, after ``took`` seconds."""
        if self._meters is not None and self._meters.is_on:
            self._meters.note_request(method, pattern, status, took)
        self._say(
            "request_handled",
            method=method,
            path=path,
            status=status,
            milliseconds=round(took * 1000, 2),
        )

    # For the shortcuts

    @property
    def may_be_passed_by(self) -> bool:
        """Whether a request may be answered without coming here at all."""
        unfiltered = self._filter is None or self._filter.is_idle
        return self._keep_alive and self._tracer is None and unfiltered

    def is_near_enough(self, remote: str | None) -> bool:
        """Whether requests may come from an address."""
        return self._guard is None or self._guard.is_near_enough(remote)

    def knows(self, authorization: str) -> bool:
        """Whether a header Authorization, "" where there is none, is that of a user."""
        return self.user_of(authorization) is not None

    def user_of(self, authorization: str) -> str | None:
        """Whose it is; "" where users need not say, ``None``: nobody's we know."""
        return "" if self._guard is None else self._guard.user_of(authorization)

    def failure(self, asked: Asked, error: Exception) -> web.Response:
        """Log, if that is due, and tell what went wrong with a request."""
        if not isinstance(error, RepertoryError):
            log.error("request_failed", method=asked.method, path=asked.path, exc_info=error)
            return error_answer(asked, error, described=self._described)
        _log_failure(asked, error)
        return error_answer(asked, error, described=self._described)

    def begin(self, connection: asyncio.BaseProtocol) -> None:
        """A connection is busy from now on."""
        self.busy.add(connection)

    def end(self, connection: asyncio.BaseProtocol) -> None:
        """It is not any more."""
        self.busy.discard(connection)
        if self._idle is not None and not self.busy:
            self._idle.set()

    async def _follow(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        """Answer a request, and let the tracer follow it, if there is one."""
        if self._tracer is None:
            return await self._answer(request, visit)
        with self._tracer.request(request.method, request.headers) as span:
            response = await self._answer(request, visit)
            span.name(request.method, visit.path)
            span.end(response.status)
            return response

    async def _answer(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        bare: tuple[type[RepertoryError], ...] = (Forbidden,)
        try:
            await self._admit(request)
            node, named = self._tree.find(split(request.match_info[_TAIL]))
            if node is None:
                raise UnknownResource  # noqa: TRY301 - answered like one of a handler's
            endpoint = node.endpoints.get(_method(request))
            if endpoint is None:
                return _refuse_method(request, node)
            bare = endpoint.bare
            visit.path = endpoint.path
            request.match_info.update(named)
            response = await endpoint.call(request)
        except RepertoryError as error:
            _log_failure(request, error)
            described = self._described and not isinstance(error, bare)
            return error_answer(request, error, described=described)
        except web.HTTPRequestTimeout as late:
            late_answer = describe(request, Row(late.status, 16, "Timeout"))
            late_answer.force_close()
            return late_answer
        except web.RequestPayloadError as error:
            if request.transport is None:
                raise ConnectionResetError("the client is gone") from error
            return error_answer(request, BadRequest("The body cannot be decoded."))
        except ConnectionError:
            raise
        except Exception as error:
            # Whatever a handler got wrong, the client is answered, and we are told.
            log.exception("request_failed", method=request.method, path=request.path)
            return error_answer(request, error, described=self._described)
        accept = request.headers.get(hdrs.ACCEPT)
        if accept is not None and prefers_xml(accept):
            return converted(response)
        return response

    async def _admit(self, request: web.Request) -> None:
        if request.path in HEALTH and request.method in ("GET", "HEAD"):
            self._check_health(request)
            return
        self._check(request)
        if self._filter is not None:
            await self._filter.admit(request, _method(request))


def _let_in(_: web.Request) -> None:
    """Check nothing: it comes from within."""


def _method(request: web.Request) -> str:
    """The method that is meant: a HEAD is a GET, and Orthanc lets a GET or a POST be another."""
    method = request.method
    if method == "HEAD":
        return "GET"
    if method in _OVERRIDABLE:
        override = request.headers.get("X-HTTP-Method-Override")
        if override is None and "_method" in request.query_string:
            override = request.query.get("_method")
        if override is not None:
            method = override.upper()
            if method not in _METHODS:
                raise BadRequest("The method that is to be taken instead is not known.")
    return method


def _refuse_method(request: web.Request, node: Node) -> web.Response:
    if request.method == "OPTIONS":
        response = done()
        methods: Sequence[str] = [*node.endpoints, "OPTIONS"]
        if "GET" in node.endpoints:
            methods = [*methods, "HEAD"]
        response.headers[hdrs.ALLOW] = ",".join(sorted(methods))
    else:
        response = bare_answer(HTTPStatus.METHOD_NOT_ALLOWED)
        response.headers[hdrs.ALLOW] = node.allow
    return response


def _log_failure(request: Asked, error: RepertoryError) -> None:
    status = row_of(error).status
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    expected = isinstance(error, _EXPECTED)
    told = log.warning if expected else log.error
    told(
        "request_failed",
        method=request.method,
        path=request.path,
        status=status,
        error=type(error).__name__,
        exc_info=None if expected else error,
    )
