"""Storages that the deletion queue cannot reach: what lies there waits, and holds up nothing."""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from repertory.actors.base import handles
from repertory.actors.clock import Appointment, Clock
from repertory.actors.messages.base import Event, Message, message
from repertory.actors.messages.health import ProbeStorage
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Ref, Switchboard
from repertory.deletion import FIRST_RETRY, LAST_RETRY, AbsentStorage, ReleasedFile
from repertory.errors import RepertoryError, ShuttingDown

log = structlog.get_logger(__name__)

SLOW = 10.0
"""Seconds after which what lies in other storages does not wait for a removal any more."""


@message
class RemovalWatched(Event):
    """A removal may be slow; the queue tells it to itself."""


@message
class AbsenceDue(Event):
    """A storage that could not be reached may be asked again; the queue tells it to itself."""

    location: int


@message
class StorageProbed(Event):
    """A storage answers, or does not (``error``); the queue tells it to itself.

    ``files`` are those because of which it was asked, which it did not remove (``cause``).
    """

    location: int
    files: tuple[ReleasedFile, ...]
    cause: BaseException | None
    error: BaseException | None


@dataclass(slots=True)
class Absence:
    """A storage whose files are passed over.

    ``first`` is the lowest number that one of them may have. ``pause`` is how many seconds pass
    between the last two times that it is asked, 0 while it is not known that it cannot be reached:
    it is slow, or asked for the first time. ``alarm`` rings when it is asked again; ``is_asked`` is
    whether its answer is awaited.
    """

    first: int
    pause: float = 0.0
    since: float = 0.0
    due: float = 0.0
    reason: str = ""
    alarm: Appointment | None = None
    is_asked: bool = False


class RemovalAbsence:
    """A part of ``DeletionQueueActor``: storages that cannot be reached.

    Whether it is the storage or a file, a removal that failed does not tell; so the storage is
    asked to write something. Does it refuse that too, its files are passed over, all of them, and
    it is asked again after a growing pause. No failure is noted of any of them. A storage that is
    only slow keeps the files of others waiting no longer than ``SLOW``.

    ``_cursor`` goes back to the first of the files once the storage is there.
    """

    actor_ref: Ref
    board: Switchboard
    clock: Clock
    _absences: dict[int, Absence]
    _batch: deque[ReleasedFile]
    _began: float
    _cursor: int
    _failed: list[tuple[int, str]]
    _singly: int
    _under_way: tuple[ReleasedFile, ...]
    _watch: Appointment | None

    if TYPE_CHECKING:

        def _work(self, after: float = 0.0) -> None: ...
        def tell_self(self, message: Message, *, after: float = 0.0) -> Appointment | None:
            """See ``RepertoryActor``."""

    @handles(RemovalWatched)
    def removal_watched(self, _event: RemovalWatched) -> None:
        """Go on with other storages if one has taken long, and is at it still."""
        self._watch = None
        if not self._under_way:
            return
        left = SLOW - (self.clock.monotonic() - self._began)
        if left > 0:
            self._watch = self.tell_self(RemovalWatched(), after=left)
            return
        self._pass_over(self._under_way)
        self._under_way = ()
        self._work()

    @handles(AbsenceDue)
    def absence_due(self, event: AbsenceDue) -> None:
        """Ask a storage again."""
        absence = self._absences.get(event.location)
        if absence is not None:
            absence.alarm = None
            self._probe(event.location)

    @handles(StorageProbed)
    def storage_probed(self, event: StorageProbed) -> None:
        """Go on with the files of a storage, or pass them over for some more time."""
        absence, error = self._absences.get(event.location), event.error
        if absence is None or isinstance(error, ShuttingDown):
            return
        absence.is_asked = False
        if error is not None:
            self._put_off(event.location, absence, error)
        else:
            self._take_up(event.location)
            self._put_back(event.files, event.cause)
        self._work()

    @property
    def _without(self) -> tuple[int, ...]:
        """The storages whose files are passed over."""
        return tuple(self._absences)

    @property
    def _absent(self) -> tuple[AbsentStorage, ...]:
        """Those of them that are known to be out of reach."""
        return tuple(
            AbsentStorage(location, it.since, it.reason, it.due)
            for location, it in self._absences.items()
            if it.pause
        )

    @property
    def _known_to(self) -> float:
        """The number up to which it is known what became of the files that were tried."""
        firsts = [it.first - 1 for it in self._absences.values() if not it.pause]
        return min(firsts, default=float("inf"))

    def _begin_watch(self) -> None:
        self._began = self.clock.monotonic()
        if self._watch is None:
            self._watch = self.tell_self(RemovalWatched(), after=SLOW)

    def _pass_over(self, files: tuple[ReleasedFile, ...]) -> None:
        """Let the files of a storage be, those that were to go next, too; they stay listed."""
        location = files[0].location
        singles = islice(self._batch, self._singly)
        self._singly = sum(it.location != location for it in singles)
        others = deque(it for it in self._batch if it.location != location)
        mine = [*files, *(it for it in self._batch if it.location == location)]
        self._batch = others
        first = min(self._cursor + 1, *(it.number for it in mine))
        absence = self._absences.setdefault(location, Absence(first))
        absence.first = min(absence.first, first)

    def _doubt(self, files: tuple[ReleasedFile, ...], cause: BaseException) -> None:
        """Find out whether it is their storage that cannot be reached."""
        self._pass_over(files)
        self._probe(files[0].location, files, cause)

    def _probe(
        self,
        location: int,
        files: tuple[ReleasedFile, ...] = (),
        cause: BaseException | None = None,
    ) -> None:
        absence = self._absences[location]
        if absence.is_asked:
            return
        absence.is_asked = True

        def tell(reply: Reply[None]) -> None:
            event = StorageProbed(location=location, files=files, cause=cause, error=reply.error)
            self.board.tell(self.actor_ref, event)

        self.board.ask_soon(ProbeStorage(location=location)).on_done(tell)

    def _ask_absent(self) -> None:
        """Ask those that rest now, whatever their pauses."""
        for location, absence in self._absences.items():
            if absence.alarm is not None:
                absence.alarm.cancel()
                absence.alarm = None
                self._probe(location)

    def _put_off(self, location: int, absence: Absence, error: BaseException) -> None:
        now = self.clock.now()
        if not absence.pause:
            absence.since = now
            log.warning("storage_avoided", location=location, error=type(error).__name__)
        absence.pause = min(absence.pause * 2 or FIRST_RETRY, LAST_RETRY)
        absence.due = now + absence.pause
        absence.reason = _reason(error)
        absence.alarm = self.tell_self(AbsenceDue(location=location), after=absence.pause)

    def _take_up(self, location: int) -> None:
        """Pass the files of a storage over no more, if that was done."""
        absence = self._absences.pop(location, None)
        if absence is None:
            return
        self._cursor = min(self._cursor, absence.first - 1)
        if absence.alarm is not None:
            absence.alarm.cancel()
        if absence.pause:
            seconds = round(self.clock.now() - absence.since, 1)
            log.info("storage_returned", location=location, seconds=seconds)

    def _put_back(self, files: tuple[ReleasedFile, ...], cause: BaseException | None) -> None:
        """Try each of some files that could not go together; note why one alone could not."""
        if cause is None:
            return
        if len(files) > 1:
            # Which one it was, only asking for each tells.
            self._batch.extendleft(reversed(files))
            self._singly += len(files)
            return
        (file,) = files
        log.warning("removal_failed", uuid=file.uuid, error=type(cause).__name__)
        self._failed.append((file.number, _reason(cause)))


def _reason(error: BaseException) -> str:
    """Why a file could not be removed; only our own errors are known to name no path."""
    return str(error) if isinstance(error, RepertoryError) else "The storage failed."
