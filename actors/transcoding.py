"""The transcoder: a few processes that give files another transfer syntax."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.pictures import Depict, Picture
from repertory.actors.messages.transcoding import Transcode, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import BadParameter, ShuttingDown, TranscodingFailed, Unsupported
from repertory.storage.pixels.orders import picture_task
from repertory.storage.pixels.processes import Worker, WorkerLost
from repertory.storage.pixels.rules import LARGEST
from repertory.storage.pixels.syntaxes import SYNTAXES

log = structlog.get_logger(__name__)

PATIENCE = 120.0
"""Seconds after which a codec is taken to hang, and its process is ended."""
IDLE_LIMIT = 300.0
"""Seconds after which a process that has nothing to do is ended."""


@message
class WorkersDue(Event):
    """Some worker may have had nothing to do for long; the transcoder tells it to itself."""


@dataclass(slots=True)
class _Idle:
    worker: Worker
    since: float


class TranscoderActor(RepertoryActor):
    """Owns the processes in which codecs run.

    Each thread of the crew waits for one of them; they are started when they are needed. One that
    crashes, or takes too long, costs the file that it had, and no other.
    """

    rank = 1

    def __init__(
        self,
        *,
        board: Switchboard,
        crew: Crew,
        quality: int = 90,
        make_worker: Callable[[], Worker] = Worker,
    ) -> None:
        """Take the crew, which is closed with the actor.

        Args:
            board: the switchboard.
            crew: as many threads as there may be processes.
            quality: of lossy syntaxes, where nobody wants another one.
            make_worker: starts a process.
        """
        super().__init__(board=board)
        self._crew = crew
        self._quality = quality
        self._make_worker = make_worker
        self._lock = threading.Lock()
        self._idle: list[_Idle] = []
        self._busy: set[Worker] = set()
        self._closed = False
        self._looks_after_them = False

    def close(self) -> None:
        """End all processes; who waits for one is told that the archive stops."""
        with self._lock:
            self._closed = True
            busy, idle = list(self._busy), self._idle
            self._idle = []
        for worker in busy:
            worker.kill()
        self._crew.close()
        for it in idle:
            it.worker.end()

    @handles(Transcode)
    def transcode(self, command: Transcode) -> Reply[TranscodedFile]:
        """Leave a file to a process."""
        for syntax in command.syntaxes:
            if syntax not in SYNTAXES:
                raise BadParameter("Unknown transfer syntax.")
        quality = self._quality if command.quality is None else command.quality
        if not 1 <= quality <= 100:
            raise BadParameter("The quality must be from 1 to 100.")
        if len(command.content) > LARGEST:
            raise Unsupported("The file is too large to be transcoded.")
        self._look_after_them()
        return self._crew.do(lambda: self._transcode(command, quality))

    @handles(Depict)
    def depict(self, command: Depict) -> Reply[Picture]:
        """Leave a picture to a process."""
        if len(command.content) > LARGEST:
            raise Unsupported("The file is too large to be shown.")
        self._look_after_them()
        return self._crew.do(lambda: self._depict(command))

    def _look_after_them(self) -> None:
        if not self._looks_after_them:
            self._looks_after_them = True
            self.tell_self(WorkersDue(), after=IDLE_LIMIT)

    @handles(WorkersDue)
    def workers_due(self, _event: WorkersDue) -> None:
        """End the processes that have nothing to do, and look again while there are any."""
        since = self.clock.monotonic() - IDLE_LIMIT
        with self._lock:
            tired = [it for it in self._idle if it.since <= since]
            self._idle = [it for it in self._idle if it.since > since]
            self._looks_after_them = bool(self._idle or self._busy)
        for it in tired:
            it.worker.end()
        if self._looks_after_them:
            self.tell_self(WorkersDue(), after=IDLE_LIMIT)

    def _transcode(self, command: Transcode, quality: int) -> TranscodedFile:
        header, content = self._have_done(
            {
                "targets": command.syntaxes,
                "allow_lossy": command.allow_lossy,
                "quality": quality,
            },
            command.content,
        )
        return TranscodedFile(
            content=content, transfer_syntax=header["syntax"], instance=header["instance"]
        )

    def _depict(self, command: Depict) -> Picture:
        task = {**picture_task(command.order), "head": command.head}
        header, content = self._have_done(task, command.content)
        return Picture(
            content=content,
            media_type=header["media_type"],
            shape=tuple(header["shape"]),
            numbers=header["numbers"],
        )

    def _have_done(self, task: dict[str, Any], given: bytes) -> tuple[dict[str, Any], bytes]:
        """What a process makes of a file; see ``storage.pixels.tasks``."""
        worker = self._take()
        alarm = self.clock.call_after(PATIENCE, worker.kill)
        try:
            header, content = worker.ask(task, given)
        except WorkerLost as error:
            self._lose(worker)
            if self._closed:
                raise ShuttingDown from error
            log.error("transcoding_failed", size=len(given))  # noqa: TRY400 - known
            raise TranscodingFailed from error
        finally:
            alarm.cancel()
        self._give_back(worker)
        if "missing" in header:
            raise BadParameter(header["missing"])
        if "refusal" in header:
            raise Unsupported(header["refusal"])
        return header, content

    def _take(self) -> Worker:
        with self._lock:
            if self._closed:
                raise ShuttingDown
            if self._idle:
                worker = self._idle.pop().worker
                self._busy.add(worker)
                return worker
        try:
            worker = self._make_worker()
        except WorkerLost as error:
            raise TranscodingFailed from error
        if not self._note(worker):
            worker.end()
            raise ShuttingDown
        log.debug("transcoder_started", pid=worker.pid)
        return worker

    def _note(self, worker: Worker) -> bool:
        """Remember a worker that has something to do; whether there is still time for it."""
        with self._lock:
            if not self._closed:
                self._busy.add(worker)
            return not self._closed

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if not self._closed:
                self._idle.append(_Idle(worker, self.clock.monotonic()))
                return
        worker.end()

    def _lose(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
        worker.end()
