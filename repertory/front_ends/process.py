"""One front-end, as the main process sees it."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import structlog

import repertory
from repertory.actors.messages.base import Question
from repertory.actors.messages.dicom import ServeAssociation
from repertory.actors.portal.counterpart import Counterpart
from repertory.actors.portal.line import Line
from repertory.actors.reply import Reply
from repertory.front_ends.letters import (
    Begin,
    End,
    Logged,
    ReportMeters,
    RequestStop,
    SetLevel,
    TellLevel,
)
from repertory.meter_reports import MeterReport

log = structlog.get_logger(__name__)

LAST_MOMENT = 5.0
"""Seconds that a process may take to end after it has said that all is done."""

DIRECT = 16
"""Associations of one front-end that have a line of their own to the index: each takes a file
descriptor here, and of hundreds most wait for their modality."""

_WORDS = frozenset({"debug", "info", "warning", "error", "critical"})


class Office:
    """What front-ends may ask of the main process besides what its actors answer."""

    def __init__(
        self,
        *,
        stop: Callable[[bool], None],
        tell_level: Callable[[str], str],
        set_level: Callable[[str, str], None],
        gone: Callable[["FrontEndProcess"], None],
        add_meters: Callable[[MeterReport], bool],
    ) -> None:
        self.stop = stop
        self.tell_level = tell_level
        self.set_level = set_level
        self.gone = gone
        self.add_meters = add_meters


class FrontEndProcess:
    """Starts a process, speaks with it, and sees it off."""

    def __init__(self, number: int, office: Office, *, arenas: int = 0) -> None:
        """Take its number and who answers for the main process.

        ``arenas`` is how many pools of memory its threads share; 0: as the system has it.
        """
        self.number = number
        self._arenas = arenas
        self.began = time.monotonic()
        self.is_over = False
        self.associations = 0
        """How many of DICOM it serves."""
        self._office = office
        self._counterpart: Counterpart | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._ours: socket.socket | None = None
        self._line: Line | None = None
        self._door: socket.socket | None = None
        self._at_the_door = threading.Lock()
        self._reading: threading.Thread | None = None

    def launch(self) -> None:
        """Start it; it loads what it needs, and waits.

        From a thread that lives as long as the process shall: on Linux it ends with that thread.
        """
        self._ours, theirs = socket.socketpair()
        environment = {**os.environ, "PYTHONPATH": _path()}
        if self._arenas:
            environment.setdefault("MALLOC_ARENA_MAX", str(self._arenas))
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-P", "-m", "repertory.front_ends", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment,
            )

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid if self._process is not None else 0

    def begin(
        self, counterpart: Counterpart, order: Begin, listener: socket.socket, tally: int
    ) -> Reply[None]:
        """Let it serve; the reply comes when it does, or tells why it does not."""
        ours = self._ours
        if ours is None:
            raise RuntimeError("it was not launched")
        self._counterpart = counterpart
        reply: Reply[None] = Reply()
        self._door, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._door.setblocking(False)
        try:
            with theirs:
                socket.send_fds(ours, [b"!"], [listener.fileno(), tally, theirs.fileno()])
        except OSError as error:  # it has died already; whoever reads learns of it, too
            reply.refuse(error)
        line = self._line = Line(ours, self)
        self._reading = threading.Thread(
            target=line.attend, name=f"front-end-{self.number}", daemon=True
        )
        self._reading.start()
        counterpart.relay(line)
        reply.set(line.ask(order))
        return reply

    def tell(self, news: Any) -> None:
        """Tell it something."""
        if self._line is not None:
            self._line.tell(news)

    def hand_on(self, command: ServeAssociation) -> Reply[bool] | None:
        """Let it serve an association; ``None`` where its connection cannot be handed on."""
        line, door, counterpart = self._line, self._door, self._counterpart
        if line is None or door is None or counterpart is None or line.is_ended:
            return None
        with self._at_the_door:  # connections are taken in the order of the letters
            try:
                with ExitStack() as stack:
                    files = [command.descriptor]
                    if self.associations < DIRECT:
                        direct = stack.enter_context(counterpart.open_direct_line())
                        files.append(direct.fileno())
                    socket.send_fds(door, [b"!"], files)
            except OSError:  # it has died, is very slow to take them, or we have no more
                return None
            self.associations += 1
            served: Reply[bool] = line.ask(command)
        served.on_done(self._note_served)
        return served

    def _note_served(self, _served: Reply[bool]) -> None:
        with self._at_the_door:
            self.associations -= 1

    def wind_down(self, grace: float) -> Reply[None]:
        """Let it finish its requests; the reply comes when it has."""
        reply: Reply[None] = Reply()
        if self._line is None:
            reply.set()
        else:
            reply.set(self._line.ask(End(grace=grace)))
        return reply

    def leave(self, patience: float = 0.0) -> int:
        """Hang up, and wait until it has ended, by force if it does not; its exit code."""
        if self._line is not None:
            self._line.close()
        elif self._ours is not None:
            self._ours.close()
        code = self._wait(patience)
        if self._reading is not None and self._reading is not threading.current_thread():
            self._reading.join()
        if self._line is not None:
            self._line.release()
        if self._door is not None:
            self._door.close()
        if self._counterpart is not None:
            self._counterpart.end()
        return code

    def _wait(self, patience: float) -> int:
        if self._process is None:
            return 0
        try:
            return self._process.wait(patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    # Correspondent: in the thread that reads the line

    def answer(self, question: Any) -> Reply[Any]:
        """Answer what it asks."""
        if isinstance(question, Question) and self._counterpart is not None:
            return self._counterpart.answer(question)
        reply: Reply[Any] = Reply()
        if isinstance(question, TellLevel):
            reply.set(self._office.tell_level(question.category))
        elif isinstance(question, ReportMeters):
            reply.set(self._office.add_meters(question.report))
        elif isinstance(question, SetLevel):
            self._office.set_level(question.category, question.level)
            reply.set()
        else:
            reply.refuse(TypeError("no question of ours"))
        return reply

    def hear(self, news: Any) -> None:
        """Do what it tells."""
        if isinstance(news, Logged) and news.level in _WORDS:
            write = getattr(structlog.get_logger(news.logger), news.level)
            write(news.event, **news.fields)
        elif isinstance(news, RequestStop):
            self._office.stop(news.restart)

    def end(self) -> None:
        """It is gone."""
        self._office.gone(self)


def _path() -> str:
    """Where Python finds modules here, so that it finds the same ones there."""
    ours = str(Path(repertory.__file__).parents[1])
    return os.pathsep.join([ours, *(entry or str(Path.cwd()) for entry in sys.path)])
