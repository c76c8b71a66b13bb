"""The keeper of the front-ends: starts them, replaces those that die, and stops them."""

import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import structlog

from repertory.actors.messages.dicom import ServeAssociation
from repertory.actors.portal.counterpart import Counterpart
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.errors import CannotStart, RepertoryError
from repertory.front_ends.casting import serves_associations
from repertory.front_ends.handing import stand_at_the_door
from repertory.front_ends.letters import Begin, LevelSet
from repertory.front_ends.process import LAST_MOMENT, FrontEndProcess, Office
from repertory.front_ends.tally import MainTurns, Tally
from repertory.http import bridge as http
from repertory.http.server import HttpServer, listen, make_tls
from repertory.logs import CATEGORIES
from repertory.meter_reports import MeterReport, Reports

log = structlog.get_logger(__name__)

START_PATIENCE = 60.0
"""Seconds that a front-end may take until it serves."""

_YOUNG = 10.0
"""Seconds of life after which a front-end's death is no longer that of one that cannot live."""

_FIRST_DELAY, _LAST_DELAY = 0.1, 10.0

_ARENAS = 2
"""Pools of memory that the threads of a front-end share at most; most of the work is its loop's."""


class Control(http.Control, Protocol):
    """What the REST API may have done to the process, where the log answers at once."""

    def request_shutdown(self, *, restart: bool = False) -> None:
        """Stop the archive, or start it anew."""

    def log_level(self, category: str) -> str:
        """How much a category logs."""

    def set_log_level(self, category: str, level: str) -> None:
        """Let a category log more or less, here and in the front-ends (``spread_level``)."""


def reason_against(settings: Settings) -> str:
    """Why there can be no front-ends although the settings want some; "" where they can be."""
    if not settings.http_server_enabled:
        return "HttpServerEnabled is false"
    if sys.platform == "win32" or not hasattr(socket, "send_fds"):
        return "this system cannot hand sockets to other processes"
    return ""


class FrontEnds:
    """Several processes that serve the REST API on one socket.

    This one serves a single client itself. Its thread starts the processes and lives as long as
    they do.
    """

    def __init__(self, settings: Settings, control: Control) -> None:
        """Take how many, and who controls the process; nothing is started yet."""
        self._settings = settings
        self._count = settings.front_end_processes
        self._control = control
        self._mail: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._processes: dict[int, FrontEndProcess] = {}
        self._failures: dict[int, int] = {}
        self._board: Switchboard | None = None
        self._listener: socket.socket | None = None
        self._tally_file = -1
        self._tally: Tally | None = None
        self._turns: MainTurns | None = None
        self._server: HttpServer | None = None
        self._reports: Reports | None = None
        self._office = Office(
            stop=lambda restart: control.request_shutdown(restart=restart),
            tell_level=control.log_level,
            set_level=control.set_log_level,
            gone=lambda process: self._mail.put(partial(self._replace, process)),
            add_meters=self._add_meters,
        )
        self.port = 0
        """The port that is listened on."""

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [process.pid for process in self._processes.values()]

    def prepare(self) -> None:
        """Start the processes, which load what they need while the archive starts."""
        self._thread = threading.Thread(target=self._keep, name="front-ends", daemon=True)
        self._thread.start()
        launched = threading.Event()
        for number in range(self._count):
            self._mail.put(partial(self._add, number))
        self._mail.put(launched.set)
        launched.wait()

    def start(self, board: Switchboard) -> None:
        """Listen, and let them serve from now on.

        Raises:
            CannotStart: the port is taken, the certificate cannot be read, and so on.
        """
        make_tls(self._settings)  # its reasons are told once, not by each of them
        self._listener = listen(self._settings)
        self.port = self._listener.getsockname()[1]
        self._board = board
        if board.meters is not None:
            self._reports = Reports(board.meters)
        self._tally_file = Tally.make_file(self._count)
        self._tally = Tally(self._tally_file, self._count)
        self._tally.mark_absent(self._tally.main)
        board.count_visits_of(self._tally.visits)
        begun = [self._begin(process) for process in tuple(self._processes.values())]
        for reply in begun:
            try:
                reply.get(timeout=START_PATIENCE)
            except RepertoryError:
                raise
            except Exception as error:
                raise CannotStart("A front-end process could not start; see the log.") from error
        self._serve_too(board, self._listener, self._tally)
        if serves_associations(self._settings):
            stand_at_the_door(board, self._hand_on)
        log.info("front_ends_started", port=self.port, count=self._count)

    def _serve_too(self, board: Switchboard, listener: socket.socket, tally: Tally) -> None:
        """Serve in this process, too: whoever is alone."""
        self._turns = MainTurns(tally, time.monotonic)
        self._server = HttpServer(
            board, self._settings, self._control, listener=listener, turns=self._turns
        )
        self._server.start()

    def stop(self, grace: float = 10.0) -> None:
        """Take no more requests, let running ones finish, and end; to stop twice does no harm."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._mail.put(partial(self._end_all, grace))
        self._mail.put(None)
        if self._server is not None:
            self._server.stop(grace)
        thread.join()
        if self._turns is not None:
            self._turns.leave()
        if self._listener is not None:
            self._listener.close()
        if self._tally is not None:
            if self._board is not None:
                total = self._tally.visits()
                self._board.count_visits_of(lambda: total)
            self._tally.close()
            os.close(self._tally_file)
            log.info("front_ends_stopped", port=self.port)

    def _hand_on(self, command: ServeAssociation) -> Reply[bool] | None:
        """Let the front-end that serves the fewest associations serve one more.

        One that is alone is the main process's own, as a client of the REST API is.
        """
        if self._stopping.is_set() or command.is_alone:
            return None
        able = [process for process in tuple(self._processes.values()) if not process.is_over]
        for process in sorted(able, key=lambda it: it.associations):
            if (served := process.hand_on(command)) is not None:
                return served
        return None

    # The keeper's thread

    def _keep(self) -> None:
        while (work := self._mail.get()) is not None:
            try:
                work()
            except Exception:  # the others are still to be kept
                log.exception("front_end_neglected")

    def _add(self, number: int) -> None:
        self._launch(number)

    def _launch(self, number: int) -> FrontEndProcess:
        process = self._processes[number] = FrontEndProcess(
            number, self._office, arenas=min(self._settings.malloc_arena_max, _ARENAS)
        )
        process.launch()
        return process

    def _begin(self, process: FrontEndProcess) -> Reply[None]:
        board, listener = self._board, self._listener
        if board is None or listener is None:
            raise CannotStart("The front-ends were not started.")
        counterpart = Counterpart(board)
        order = Begin(
            settings=self._settings,
            kinds=counterpart.kinds(),
            number=process.number,
            count=self._count,
            patience=board.patience,
            levels={category: self._control.log_level(category) for category in CATEGORIES},
            metered=board.meters is not None and board.meters.is_on,
        )
        return process.begin(counterpart, order, listener, self._tally_file)

    def _replace(self, dead: FrontEndProcess) -> None:
        """One has died: start another one in its place, later if it does not live long."""
        number = dead.number
        if self._stopping.is_set() or dead.is_over:
            return
        dead.is_over = True
        if self._reports is not None:
            self._reports.forget(number)
        if self._tally is not None:
            self._tally.mark_absent(number)
        code = dead.leave()
        lived = time.monotonic() - dead.began
        log.error("front_end_died", front_end=number, code=code, seconds=round(lived, 1))
        failures = self._failures.get(number, 0) + 1 if lived < _YOUNG else 0
        self._failures[number] = failures
        if failures > 1:
            delay = min(_FIRST_DELAY * 2**failures, _LAST_DELAY)
            timer = threading.Timer(delay, lambda: self._mail.put(partial(self._revive, dead)))
            timer.daemon = True
            timer.start()
        else:
            self._revive(dead)

    def _revive(self, dead: FrontEndProcess) -> None:
        if self._stopping.is_set() or self._processes.get(dead.number) is not dead:
            return
        process = self._launch(dead.number)
        self._begin(process).on_done(partial(self._look_after, process))

    def _look_after(self, process: FrontEndProcess, begun: Reply[None]) -> None:
        if begun.error is None:
            log.info("front_end_replaced", front_end=process.number)
        elif not self._stopping.is_set():
            log.error(
                "front_end_not_begun",
                front_end=process.number,
                reason=str(begun.error) or type(begun.error).__name__,
            )
            self._mail.put(partial(self._replace, process))

    def _add_meters(self, report: MeterReport) -> bool:
        return self._reports is not None and self._reports.add(report)

    def spread_level(self, category: str, level: str) -> None:
        """Let a category log more or less in all front-ends."""
        for process in tuple(self._processes.values()):
            for each in [category] if category else CATEGORIES:
                process.tell(LevelSet(category=each, level=level))

    def _end_all(self, grace: float) -> None:
        processes = tuple(self._processes.values())
        ending = [process.wind_down(grace) for process in processes]
        deadline = time.monotonic() + grace + LAST_MOMENT
        for process, reply in zip(processes, ending, strict=True):
            patience = LAST_MOMENT
            try:
                reply.get(timeout=max(deadline - time.monotonic(), 0.0))
            except Exception as error:  # noqa: BLE001 - it ends in any case
                patience = 0.0
                log.warning(
                    "front_end_cut_off", front_end=process.number, reason=type(error).__name__
                )
            process.leave(patience)
        self._processes.clear()
