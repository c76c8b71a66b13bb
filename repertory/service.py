"""The archive as a whole: builds its parts from settings, starts its actors and stops them."""

import os
import threading
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar

import structlog

from repertory.actors.archiving import ArchiverActor
from repertory.actors.base import RepertoryActor
from repertory.actors.clock import Clock, SystemClock
from repertory.actors.crew import ThreadCrew
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.finding_rules import FindingRules
from repertory.actors.hybrid_router import HybridRouterActor, Side
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.integrity import IntegrityActor
from repertory.actors.jobs import JOBS
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.lua.actor import LuaActor
from repertory.actors.messages.base import Event, Question
from repertory.actors.messages.system import ActorDied, CallIn
from repertory.actors.reply import Reply
from repertory.actors.rest_api import FrontEnd, RestApiActor
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.actors.trash import TrashActor
from repertory.building import (
    engine_of,
    file_options_of,
    index_folder,
    lua_options_of,
    main_tags_of,
    store_policy_of,
)
from repertory.conf.settings import Settings
from repertory.errors import CannotStart, RepertoryError, ShuttingDown, Unsupported
from repertory.storage.backup.hold import HOLD_NAME, RemovalHold
from repertory.storage.main_tags import MainDicomTags
from repertory.storing import storages_of

if TYPE_CHECKING:
    from aiohttp import web

log = structlog.get_logger(__name__)

R = TypeVar("R")
E = TypeVar("E", bound=Event)

SCRIPT_THREADS = 4
"""Requests to other servers, and programs, that scripts may wait for at a time."""

STOP_PATIENCE = 60.0
"""Seconds that an actor may take to finish what it has begun when the archive stops."""


class LogLevels(Protocol):
    """What sets up the log of this process: ``repertory.logs`` for the command line."""

    def level_of(self, category: str) -> str:
        """How much a category logs."""

    def set_level(self, category: str, level: str) -> None:
        """Let a category log more or less."""


class Repertory:
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
    ) -> None:
        """Take the settings; nothing is started yet.

        Args:
        settings: the configuration; the defaults where there is none.
        clock: another clock than the computer's, for tests.
        on_failure: called with an actor's name when the archive cannot go on, instead of
            ending ``wait``; the caller should stop it soon, from a thread of its own.
        log_levels: what ``/tools/log-level`` changes; a program that embeds the archive sets up
            its own log, and needs none.
        """
        self.settings = settings or Settings()
        self._own_clock = clock
        self._on_failure = on_failure
        self._log_levels = log_levels
        self._cast: list[tuple[type[RepertoryActor], Ref]] = []
        self._board: Switchboard | None = None
        self._server: Any = None
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

    def start(self) -> None:
        """Start the actors, each after those it may wait for, then the REST API.

        Raises:
            CannotStart: something is in the way; what had been started is stopped again.
        """
        with self._lock:
            if self._board is not None:
                return
            self._stopped.clear()
            self.restart_requested, self.failed = False, None
            board = self._board = Switchboard(clock=self._own_clock or SystemClock())
            board.listen(ActorDied, self._note_death)
            try:
                self._start_cast(board)
                if self.settings.http_server_enabled:
                    self._start_server(board)
            except BaseException:
                self._stop_all()
                raise
            log.info("archive_started", name=self.settings.name, port=self.port)

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

    def _start_cast(self, board: Switchboard) -> None:
        settings = self.settings
        main_tags = main_tags_of(settings)
        engine = engine_of(settings, main_tags)
        policy = store_policy_of(settings)
        finding = FindingRules(
            main_tags=main_tags,
            case_sensitive_pn=settings.case_sensitive_pn,
            storage_access=settings.storage_access_on_find,
            warnings=settings.warnings,
        )
        self._put_on(
            board,
            IndexActor,
            engine=engine,
            policy=policy,
            read_only=settings.read_only,
            log_exports=settings.log_exported_resources,
            removes_at_once=not settings.delayed_deletion.enable,
            retention=settings.trash.retention_days * 86_400,
        )
        for _ in range(settings.index_readers):
            self._put_on(board, IndexReaderActor, engine=engine, finding=finding)
        self._start_storages(board, main_tags)
        self._put_on(
            board,
            ArchiverActor,
            makers=ThreadCrew(settings.archive_threads, name="archiver"),
            compressors=ThreadCrew(settings.archive_threads, name="compressor"),
        )
        jobs: dict[str, Any] = {
            "types": JOBS,
            "concurrent": settings.concurrent_jobs or os.cpu_count() or 1,
            "history_size": settings.jobs_history_size,
            "keeps": settings.save_jobs,
            "read_only": settings.read_only,
        }
        if settings.read_only:
            self._put_on(board, DeletionQueueActor, read_only=True)
            self._put_on(board, IntegrityActor, read_only=True)
            self._put_on(board, JobsActor, **jobs)
            self._start_scripts(board)
            return  # nobody works in the background: what waits, waits for a run that may write
        self._put_on(
            board,
            DeletionQueueActor,
            throttle=settings.delayed_deletion.throttle_delay_ms / 1000,
            hold=RemovalHold(index_folder(settings) / HOLD_NAME),
            at_once=not settings.delayed_deletion.enable,
        )
        self._put_on(board, TrashActor)
        self._put_on(board, StabilityMonitorActor, shortest_age=policy.stable_ages.shortest)
        self._put_on(board, IntegrityActor)
        self._put_on(board, JobsActor, **jobs)
        self._start_scripts(board)

    def _start_storages(self, board: Switchboard, main_tags: MainDicomTags) -> None:
        settings = self.settings
        storages = storages_of(settings, board)
        routed = len(storages.areas) > 1
        sides: dict[int, Side] = {}
        for number, area in storages.areas.items():
            name = storages.names[number]
            ref = self._put_on(
                board,
                StorageActor,
                connected=not routed,
                area=area,
                crew=ThreadCrew(settings.storage_threads, name="storage"),
                main_tags=main_tags,
                options=file_options_of(settings),
                store_dicom=settings.store_dicom,
                unpacking_limit=settings.maximum_request_body_size_mb << 20,
                location=number,
                others={other: it for other, it in storages.areas.items() if other != number},
            )
            sides[number] = Side(name, ref)
        if routed:
            self._put_on(
                board,
                HybridRouterActor,
                sides=sides,
                writer=storages.writer,
                width=settings.advanced_storage.moves_at_a_time,
            )

    def _start_scripts(self, board: Switchboard) -> None:
        self._put_on(board, RestApiActor, make_front_end=partial(self._inner_api, board))
        if self.settings.is_scripted:
            crew = ThreadCrew(SCRIPT_THREADS, name="scripts")
            self._put_on(board, LuaActor, options=lua_options_of(self.settings), crew=crew)

    def _put_on(
        self,
        board: Switchboard,
        actor: type[RepertoryActor],
        *,
        connected: bool = True,
        **parts: Any,
    ) -> Ref:
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
            self._server = None
        board, self._board = self._board, None
        while self._cast:
            actor, ref = self._cast.pop()
            try:
                ref.stop(timeout=STOP_PATIENCE)
            except RepertoryError as error:
                log.error("actor_stuck", actor=actor.__name__, reason=type(error).__name__)  # noqa: TRY400 - no defect
        if board is not None:
            board.clock.close()

    def _note_death(self, event: ActorDied) -> None:
        log.critical("actor_died", actor=event.actor, reason=event.reason)
        self.failed = event.actor
        if self._on_failure is not None:
            self._on_failure(event.actor)
        else:
            # Whoever waits stops the archive; this is the dying actor's own thread.
            self._stopped.set()
