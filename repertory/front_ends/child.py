"""A front-end's life: begins and ends with the main process, whatever ends that."""

import asyncio
import contextlib
import ctypes
import faulthandler
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from importlib.abc import MetaPathFinder
from typing import Any

import structlog

from repertory import logs
from repertory.actors.clock import SystemClock
from repertory.actors.messages.base import Event
from repertory.actors.messages.dicom import ServeAssociation
from repertory.actors.messages.system import ActorDied
from repertory.actors.portal.line import Line
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import CannotStart, RepertoryError, ShuttingDown
from repertory.front_ends.casting import FrontEndCast
from repertory.front_ends.letters import (
    Begin,
    End,
    LevelSet,
    Logged,
    ReportMeters,
    RequestStop,
    SetLevel,
    TellLevel,
)
from repertory.front_ends.tally import SharedTurns, Tally
from repertory.http.server import HttpServer
from repertory.meter_reports import take
from repertory.meters import Meters

log = structlog.get_logger(__name__)

VISITS_PACE = 0.25
"""Seconds between two times that the other processes learn how much is asked here."""

METERS_PACE = 1.0
"""Seconds between two reports of what the meters have noted."""

_NOT_NEEDED = ("PIL", "gdcm", "jpeg_ls", "numpy", "openjpeg", "pylibjpeg", "requests", "tqdm")
"""What pydicom loads where it is installed: for pixels, 30 MB in each process, and to download its
own examples, 5 MB. No front-end decodes pixels; the main process does, and its transcoders."""

_PR_SET_PDEATHSIG = 1
"""prctl(2)"""


def run(descriptor: int) -> int:
    """Be a front-end; ``descriptor`` is our end of the line. Returns the exit code."""
    _stay_out_of_signals()
    sys.meta_path.insert(0, _LeftOut())
    end = socket.socket(fileno=descriptor)
    _die_with_parent()
    order, descriptors, _, _ = socket.recv_fds(end, 1, 3)
    if not order:
        return 1  # the main process ended before it had any use for us
    listener, tally, door = descriptors
    front_end = FrontEnd(
        end, socket.socket(fileno=listener), tally, door=socket.socket(fileno=door)
    )
    return front_end.serve()


class _LeftOut(MetaPathFinder):
    """Has Python not find what is not needed.

    ``None`` among the modules would do the same, but psycopg takes that for a loaded NumPy.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002 - as Python has it
        """Refuse a module, or leave it to others."""
        if fullname in _NOT_NEEDED:
            raise ModuleNotFoundError(f"{fullname} is not for front-ends", name=fullname)


def _stay_out_of_signals() -> None:
    """Leave signals to the main process, which says when to stop."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    with contextlib.suppress(AttributeError, OSError, ValueError):
        faulthandler.enable()
        faulthandler.register(signal.SIGUSR1, all_threads=True)


def _die_with_parent() -> None:
    """Be killed with the main process; where the system cannot, the end of the line tells."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent or parent == 1:
            os._exit(1)  # it ended just before


class FrontEnd:
    """Serves until it is told to end, or the line breaks."""

    def __init__(
        self, end: socket.socket, listener: socket.socket, tally: int, *, door: socket.socket
    ) -> None:
        """Take our end of the line, the listening socket, and the descriptor of the tally.

        By the ``door`` come the connections of associations, each before its letter, and
        with some a line to the index.
        """
        self._listener = listener
        self._door = door
        self._tally = tally
        self._orders: queue.SimpleQueue[tuple[Any, Reply[Any]]] = queue.SimpleQueue()
        self._line = Line(end, self)
        self._board: Switchboard | None = None
        self._cast: FrontEndCast | None = None
        self._server: HttpServer | None = None
        self._turns: SharedTurns | None = None
        self._is_ending = False
        self._number: int | None = None

    def serve(self) -> int:
        """Do what the main process asks for; the exit code."""
        logs.relay(self._relay_log)
        threading.Thread(target=self._line.attend, name="portal", daemon=True).start()
        while True:
            order, reply = self._orders.get()
            try:
                if isinstance(order, Begin):
                    self._begin(order)
                else:
                    self._end(order)
                reply.set()
            except RepertoryError as error:
                reply.refuse(error)
            except Exception as error:
                log.exception("start_failed", actor=type(self).__name__)
                reply.refuse(CannotStart(f"A front-end could not start: {type(error).__name__}."))

    # Correspondent: in the thread that reads the line

    def answer(self, question: Any) -> Reply[Any]:
        """Take an order, or an association."""
        if isinstance(question, ServeAssociation) and self._board is not None:
            _, (descriptor, *direct), _, _ = socket.recv_fds(self._door, 1, 2)
            line = direct[0] if direct else -1
            return self._board.ask_soon(replace(question, descriptor=descriptor, line=line))
        reply: Reply[Any] = Reply()
        self._orders.put((question, reply))
        return reply

    def hear(self, news: Any) -> None:
        """Take note of what happens in the main process."""
        if isinstance(news, LevelSet):
            logs.set_level(news.category, news.level)
        elif self._board is not None and isinstance(news, Event):
            if isinstance(news, ActorDied):
                self._board.dead = news.actor
            self._board.publish(news)

    def end(self) -> None:
        """The main process is gone, or has hung up: there is nobody to answer for."""
        os._exit(0 if self._is_ending else 1)

    # What it is told to do

    def _begin(self, order: Begin) -> None:
        for category, level in order.levels.items():
            logs.set_level(category, level)
        self._number = order.number
        meters = Meters(is_on=order.metered)
        meters.are_told_elsewhere = True
        board = Switchboard(clock=SystemClock(), patience=order.patience, meters=meters)
        self._board = board
        self._cast = FrontEndCast(
            board, self._line, order.settings, number=order.number, count=order.count
        )
        self._cast.start(order.kinds)
        self._turns = SharedTurns(Tally(self._tally, order.count), order.number, time.monotonic)
        self._server = HttpServer(
            board,
            order.settings,
            RemoteControl(self._line),
            listener=self._listener,
            turns=self._turns,
            companion=self._line,
        )
        self._server.start()
        self._note_visits()
        self._report_meters()

    def _note_visits(self) -> None:
        if self._board is not None and self._turns is not None:
            self._turns.note_visits(self._board.visits)
            self._board.clock.call_after(VISITS_PACE, self._note_visits)

    def _report_meters(self) -> None:
        board = self._board
        if board is not None and board.meters is not None and not self._line.is_ended:
            self._report(board.meters).on_done(partial(self._note_metered, board.meters))
            board.clock.call_after(METERS_PACE, self._report_meters)

    def _report(self, meters: Meters) -> Reply[bool]:
        kinds = frozenset() if self._cast is None else self._cast.answered_here
        return self._line.ask(ReportMeters(report=take(meters, kinds, self._number or 0)))

    def _note_metered(self, meters: Meters, wanted: Reply[bool]) -> None:
        if wanted.error is None:
            meters.is_on = wanted.get()

    def _end(self, order: End) -> None:
        self._is_ending = True
        if self._server is not None:
            self._server.stop(order.grace)
        if self._board is not None and self._board.meters is not None:
            self._report(self._board.meters)
        if self._cast is not None:
            self._cast.stop()

    def _relay_log(self, logger: str, level: str, event: str, fields: dict[str, Any]) -> None:
        fields["front_end"] = self._number
        try:
            self._line.tell(Logged(logger=logger, level=level, event=event, fields=fields))
        except Exception:  # noqa: BLE001 - a field that cannot be handed on
            plain = {name: str(value) for name, value in fields.items()}
            self._line.tell(Logged(logger=logger, level=level, event=event, fields=plain))


class RemoteControl:
    """What the REST API does to the archive's process, from another one (``http.bridge``)."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def shutdown(self) -> None:
        """Stop the archive."""
        self._line.tell(RequestStop(restart=False))

    def reset(self) -> None:
        """Stop the archive and start it anew."""
        self._line.tell(RequestStop(restart=True))

    def log_level(self, category: str) -> Awaitable[str]:
        """How much a category logs."""
        return _awaited(self._line.ask(TellLevel(category=category)))

    def set_log_level(self, category: str, level: str) -> Awaitable[None]:
        """Let a category log more or less, in all processes."""
        return _awaited(self._line.ask(SetLevel(category=category, level=level)))


async def _awaited(reply: Reply[Any]) -> Any:
    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()

    def arrive() -> None:
        if not arrived.done():
            arrived.set_result(None)

    def wake(_: Reply[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(arrive)

    reply.on_done(wake)
    try:
        async with asyncio.timeout(10.0):
            await arrived
    except TimeoutError:
        raise ShuttingDown from None
    return reply.get()
