"""The archive as a whole: builds its parts from settings, starts its actors and stops them."""

import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import structlog

from repertory.actors.base import RepertoryActor
from repertory.actors.clock import Clock, SystemClock
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.messages.base import Event, Question
from repertory.actors.messages.dicom import DescribeDicomServer
from repertory.actors.messages.system import ActorDied, CallIn
from repertory.actors.reply import Reply
from repertory.actors.rest_api import FrontEnd
from repertory.actors.switchboard import Ref, Switchboard
from repertory.actors.targets.base import Target
from repertory.casting import Casting
from repertory.conf.settings import Settings
from repertory.errors import CannotStart, RepertoryError, ShuttingDown, Unsupported
from repertory.events import ArchiveEvent
from repertory.metering import carry_contexts, count_jobs
from repertory.meters import Meters
from repertory.scripting import Scripts
from repertory.subscribing import C, Subscriptions
from repertory.tracing import OpenTelemetryTracer, tracer_of

if TYPE_CHECKING:
    from aiohttp import web

    from repertory.front_ends.keeper import FrontEnds

log = structlog.get_logger(__name__)

R = TypeVar("R")
E = TypeVar("E", bound=Event)

STOP_PATIENCE = 60.0
"""Seconds that an actor may take to finish what it has begun when the archive stops."""


class LogLevels(Protocol):
    """What sets up the log of this process: ``repertory.logs`` for the command line."""

    def level_of(self, category: str) -> str:
        """How much a category logs."""

    def set_level(self, category: str, level: str) -> None:
        """Let a category log more or less."""

    def counts(self) -> Mapping[str, int]:
        """How many errors (``error``) and warnings (``warning``) were logged."""


class Repertory(Casting):
    """An archive: its actors, and the REST API if the settings want it.

    Several archives live in one process without knowing of each other. ``start`` and ``stop`` may
    be called from any thread but the actors' own; ``with Repertory(settings) as archive:`` does
    both. Stopped, an archive can be started again.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Clock | None = None,
        on_failure: Callable[[str], None] | None = None,
        log_levels: "LogLevels | None" = None,
        targets: Sequence[Target] = (),
    ) -> None:
        """Take the settings; nothing is started yet.

        Args:
        settings: the configuration; the defaults where there is none.
        clock: another clock than the computer's, for tests.
        on_failure: called with an actor's name when the archive cannot go on, instead of
            ending ``wait``; the caller should stop it soon, from a thread of its own.
        log_levels: what ``/tools/log-level`` changes; a program that embeds the archive sets up
            its own log, and needs none.
        targets: whom to tell of events, besides the webhooks of the settings.
        """
        self.settings = settings or Settings()
        self._own_clock = clock
        self._on_failure = on_failure
        self._log_levels = log_levels
        self._targets = tuple(targets)
        self._tracer: OpenTelemetryTracer | None = None
        self._cast: list[tuple[type[RepertoryActor], Ref]] = []
        self._board: Switchboard | None = None
        self._server: Any = None
        self._front_ends: FrontEnds | None = None
        self._subscriptions = Subscriptions()
        self._filter_functions = FilterFunctions()
        self._scripts = Scripts(
            self, self._subscriptions, self._filter_functions, self.settings.scripts
        )
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.restart_requested = False
        """Whether the archive was asked to start anew, once it is stopped (``/tools/reset``)."""
        self.failed: str | None = None
        """The actor whose death ended the archive, if one did."""

    @property
    def board(self) -> Switchboard:
        """The switchboard of the running archive.

        Raises:
            ShuttingDown: it is not running.
        """
        if self._board is None:
            raise ShuttingDown("The archive is not running.")
        return self._board

    @property
    def port(self) -> int:
        """The TCP port of the REST API, 0 where it is not served."""
        return self._server.port if self._server is not None else 0

    @property
    def dicom_port(self) -> int:
        """The TCP port of the DICOM protocol, 0 where it is not served."""
        if not self.settings.dicom_server_enabled:
            return 0
        return self.board.ask(DescribeDicomServer()).port

    def start(self) -> None:
        """Start the actors, each after those it may wait for, then the REST API.

        Raises:
            CannotStart: something is in the way; what had been started is stopped again.
        """
        with self._lock:
            if self._board is not None:
                return
            self._stopped.clear()
            self._tracer = tracer_of(self.settings.tracing)
            self.restart_requested, self.failed = False, None
            board = self._board = Switchboard(
                clock=self._own_clock or SystemClock(),
                meters=Meters(is_on=self.settings.metrics_enabled),
                tracer=self._tracer,
            )
            if board.meters is not None and self._log_levels is not None:
                board.meters.logged = self._log_levels.counts
            board.listen(ActorDied, self._note_death)
            count_jobs(board)
            try:
                front_ends = self._prepare_front_ends()
                self._start_cast(board)
                if front_ends is not None:
                    front_ends.start(board)
                elif self.settings.http_server_enabled:
                    self._start_server(board)
            except BaseException:
                self._stop_all()
                raise
            log.info("archive_started", name=self.settings.name, port=self.port)
            self._scripts.begin()

    def stop(self) -> None:
        """Take no more requests, finish those that run, and stop the actors in reverse."""
        with self._lock:
            if self._board is not None:
                self._stop_all()
                log.info("archive_stopped", name=self.settings.name)
        self._stopped.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def ask(self, question: Question[R], *, timeout: float | None = None) -> R:
        """Ask the archive, and wait for the answer; see ``repertory.actors.messages``."""
        return self.board.ask(question, timeout=timeout)

    def ask_soon(self, question: Question[R]) -> Reply[R]:
        """Ask the archive; the ``Reply`` will hold the answer."""
        return self.board.ask_soon(question)

    async def ask_async(self, question: Question[R], *, timeout: float | None = None) -> R:
        """Ask the archive, and await the answer."""
        return await self.board.ask_async(question, timeout=timeout)

    def on(self, *kinds: type[ArchiveEvent], main_tags: bool = False) -> Callable[[C], C]:
        """Call a function for each event of some classes of ``repertory.events``, in their order.

        ``archive.on(StudyStabilized)(function)``, or as a decorator; before the start or after.
        Each function is called in a thread of its own, also a coroutine function.

        Args:
        kinds: the classes; ``ArchiveEvent`` is every event.
        main_tags: whether the events tell the main DICOM tags, which is patient data.

        Raises:
            TypeError: it is no such class.
        """
        return self._subscriptions.on(kinds, main_tags=main_tags)

    def filter(self, name: str) -> Callable[[C], C]:
        """Let a function decide what comes in, or change queries of the DICOM protocol.

        ``archive.filter("ReceivedInstanceFilter")(function)``, or as a decorator; before the start
        or after. Several threads may call the function at once.

        Args:
        name: what it is. ``ReceivedInstanceFilter`` gets a ``FilterInstance``, and returns whether
            the instance is let in, or the DICOM file that is kept in its place.
            ``IncomingCStoreInstanceFilter`` gets the same of what comes by the DICOM protocol, and
            returns a status, 0 to let it in. ``IncomingHttpRequestFilter`` gets a
            ``FilterRequest``, and returns whether the request is let in.
            ``IncomingFindRequestFilter``, ``IncomingWorklistRequestFilter`` and
            ``OutgoingFindRequestFilter`` get a query, tags by number, and from whom it comes
            (``RemoteIp``, ``RemoteAet``, ``CalledAet``) or to which title it goes; they return the
            query that counts.

        Raises:
            ValueError: there is no such filter.
        """
        return self._filter_functions.on(name)

    def off(self, callback: Callable[..., Any]) -> bool:
        """Call a function no more, for events or as a filter; whether it was registered."""
        was_filter = self._filter_functions.off(callback)
        return self._subscriptions.off(callback) or was_filter

    def app(self) -> "web.Application":
        """The REST API as an aiohttp application, to be mounted in another one."""
        from repertory.http.app import make_app  # noqa: PLC0415 - a program without HTTP needs none

        return make_app(self.board, self.settings, control=self)

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the archive is to be stopped; what the process should answer then.

        Returns:
            0, or 1 where an actor died.

        Raises:
            TimeoutError: ``timeout`` seconds went by, and the archive still runs.
        """
        if not self._stopped.wait(timeout):
            raise TimeoutError
        return 0 if self.failed is None else 1

    def request_shutdown(self, *, restart: bool = False) -> None:
        """Let ``wait`` return, so that whoever runs the archive stops it."""
        self.restart_requested = restart
        self._stopped.set()

    # What the REST API asks for (http.bridge.Control)

    def shutdown(self) -> None:
        """Stop the archive."""
        self.request_shutdown()

    def reset(self) -> None:
        """Stop the archive and start it anew from its configuration."""
        self.request_shutdown(restart=True)

    def log_level(self, category: str) -> str:
        """How much a category logs."""
        return self._log_levels.level_of(category) if self._log_levels else "default"

    def set_log_level(self, category: str, level: str) -> None:
        """Let a category log more or less.

        Raises:
            Unsupported: the log belongs to the program that embeds the archive.
        """
        if self._log_levels is None:
            raise Unsupported("The log is set up by the program that runs the archive.")
        self._log_levels.set_level(category, level)
        if self._front_ends is not None:
            self._front_ends.spread_level(category, level)

    def _put_on(
        self,
        board: Switchboard,
        actor: type[RepertoryActor],
        *,
        connected: bool = True,
        **parts: Any,
    ) -> Ref:
        carry_contexts(board, parts.values())
        ref = actor.start(board=board, **parts)
        self._cast.append((actor, ref))
        if connected:
            board.connect(ref, actor)
        try:
            ref.ask(CallIn())
        except RepertoryError:
            raise
        except Exception as error:
            log.exception("start_failed", actor=actor.__name__)
            raise CannotStart(f"{actor.__name__} could not start; see the log.") from error
        return ref

    def _inner_api(self, board: Switchboard) -> FrontEnd:
        from repertory.http.inner import InnerApi  # noqa: PLC0415 - see `app`

        return InnerApi(board, self.settings, control=self)

    def _prepare_front_ends(self) -> "FrontEnds | None":
        """Start the processes that will serve the REST API, if there are to be any."""
        if not self.settings.front_end_processes:
            return None
        from repertory.front_ends.keeper import FrontEnds, reason_against  # noqa: PLC0415 - `app`

        if reason := reason_against(self.settings):
            log.warning("front_ends_left_out", reason=reason)
            return None
        front_ends = self._server = self._front_ends = FrontEnds(self.settings, self)
        front_ends.prepare()
        return front_ends

    def _start_server(self, board: Switchboard) -> None:
        from repertory.http.server import HttpServer  # noqa: PLC0415 - see `app`

        server = HttpServer(board, self.settings, control=self)
        server.start()
        self._server = server

    def _stop_all(self) -> None:
        if self._server is not None:
            try:
                self._server.stop()
            except Exception:  # the actors have to stop all the same
                log.exception("http_server_stuck")
            self._server = self._front_ends = None
        self._scripts.end()
        for name in self._subscriptions.stop():
            log.warning("callback_stuck", callback=name)
        self._scripts.forget()
        board, self._board = self._board, None
        while self._cast:
            actor, ref = self._cast.pop()
            try:
                ref.stop(timeout=STOP_PATIENCE)
            except RepertoryError as error:
                log.error("actor_stuck", actor=actor.__name__, reason=type(error).__name__)  # noqa: TRY400 - no defect
        if board is not None:
            board.clock.close()
        if self._tracer is not None:
            self._tracer.close()
            self._tracer = None

    def _note_death(self, event: ActorDied) -> None:
        log.critical("actor_died", actor=event.actor, reason=event.reason)
        self.failed = event.actor
        if self._on_failure is not None:
            self._on_failure(event.actor)
        else:
            # Whoever waits stops the archive; this is the dying actor's own thread.
            self._stopped.set()
