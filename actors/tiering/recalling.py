"""Bringing back what is read: one resource after the other, as far as there is room."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from repertory.actors.clock import Clock
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.places import ListMovable, MoveFiles
from repertory.actors.messages.resources import DescribeParent
from repertory.actors.pace import Pace
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.actors.tiering.tasks import RoomOf
from repertory.conf.tiering import RecallSettings, amount
from repertory.errors import ArchiveFull, Refused, RepertoryError, ShuttingDown
from repertory.model import Level, ResourceDescription, ResourceId, ResourceRef
from repertory.places import Cursor, FilesPage, MoveReport
from repertory.tiering import RecallReport

log = structlog.get_logger(__name__)

BATCH = 64
"""Files that come back together."""

BACK_OFF = 60.0
"""Seconds for which nothing comes back after a storage was full."""

_LEVELS = {"None": Level.INSTANCE, "Series": Level.SERIES, "Study": Level.STUDY}


@message
class RecallWanted(Event):
    """A resource is to come back; the actor tells it to itself."""

    id: ResourceId


@message
class RecallListed(Event):
    """The files of a resource that are to come back; the actor tells it to itself."""

    answer: Reply[FilesPage]


@message
class Recalled(Event):
    """What became of some files that were to come back; the actor tells it to itself."""

    page: FilesPage
    answer: Reply[MoveReport]


@message
class RecallRested(Event):
    """The rest after some files is over; the actor tells it to itself."""

    after: Cursor


class Recalls:
    """What waits to come back; all calls come from the actor's own thread.

    A resource waits once, however often it is read meanwhile. What waits is forgotten when the
    archive ends: whoever wants it reads it again.
    """

    def __init__(
        self,
        board: Switchboard,
        clock: Clock,
        settings: RecallSettings,
        room_of: RoomOf,
        tell: Callable[[Event], None],
    ) -> None:
        self._board = board
        self._clock = clock
        self._settings = settings
        self._room_of = room_of
        self._tell = tell
        self._pace = Pace(board, clock, settings.busy_share)
        self._waiting: dict[ResourceId, None] = {}
        self._current: ResourceId | None = None
        self._until = 0.0
        self._report = RecallReport(settings.enable, settings.prefetch)

    @property
    def report(self) -> RecallReport:
        """What came back, and what waits."""
        pending = len(self._waiting) + (self._current is not None)
        return replace(self._report, pending=pending)

    def note(self, read: ResourceRef) -> None:
        """Somebody reads a file: find out what comes back with it."""
        level = _LEVELS[self._settings.prefetch]
        if level is read.level:
            self.want(read.id)
            return
        if self._is_full():
            self._drop(1)
            return

        def tell(reply: Reply[ResourceDescription]) -> None:
            if reply.error is None:
                self._tell(RecallWanted(id=reply.get().id))

        self._board.ask_soon(DescribeParent(level=read.level, id=read.id, at=level)).on_done(tell)

    def want(self, id_: ResourceId) -> None:
        """Let a resource come back, unless it waits or is coming."""
        if id_ == self._current or id_ in self._waiting:
            return
        if self._is_full():
            self._drop(1)
            return
        self._waiting[id_] = None
        self.go_on()

    def go_on(self) -> None:
        """Begin with the next one, if none is coming."""
        if self._current is not None or not self._waiting:
            return
        if not self._has_room():
            self._give_up("There is less room than MinimumFree on the storage to come back to.")
            return
        self._current = next(iter(self._waiting))
        del self._waiting[self._current]
        self._ask(Cursor())

    def listed(self, event: RecallListed) -> None:
        """Move the files that were found."""
        error = event.answer.error
        if error is not None:
            self._fail(error, 1)
            return
        page = event.answer.get()
        if not page.files:
            self._done()
            return
        self._pace.begin()
        moving = MoveFiles(files=tuple(page.files), target=self._settings.target)
        self._board.ask_soon(moving).on_done(
            lambda reply: self._tell(Recalled(page=page, answer=reply))
        )

    def recalled(self, event: Recalled) -> None:
        """Note what came back, and go on with the rest."""
        error = event.answer.error
        if error is not None:
            self._fail(error, len(event.page.files))
            return
        it, report = event.answer.get(), self._report
        self._report = replace(
            report,
            files=report.files + it.moved,
            size=report.size + it.size,
            failed=report.failed + len(it.failures),
            problem=it.failures[0].reason if it.failures else report.problem,
        )
        if it.moved:
            log.debug("files_recalled", count=it.moved)
        self._pace.end(0)
        rest = self._pace.rest()
        if rest:
            rested = RecallRested(after=event.page.cursor)
            self._clock.call_after(rest, lambda: self._tell(rested))
        else:
            self.rested(event.page.cursor)

    def rested(self, after: Cursor) -> None:
        """Go on with what comes after some files."""
        if after.passed:
            self._done()
        else:
            self._ask(after)

    def _ask(self, after: Cursor) -> None:
        if self._current is None:
            return
        question = ListMovable(
            ids=(self._current,),
            after=after,
            target=self._settings.target,
            source=self._settings.source,
            limit=BATCH,
        )
        self._board.ask_soon(question).on_done(lambda reply: self._tell(RecallListed(answer=reply)))

    def _done(self) -> None:
        self._current = None
        self.go_on()

    def _fail(self, error: BaseException, files: int) -> None:
        self._current = None
        if isinstance(error, ShuttingDown):
            return
        if isinstance(error, ArchiveFull):
            self._report = replace(self._report, failed=self._report.failed + files)
            self._give_up("There is no room on the storage to come back to.")
            return
        known = isinstance(error, RepertoryError)
        self._report = replace(
            self._report,
            failed=self._report.failed + files,
            problem=str(error) if known else "It failed by a defect; see the log.",
        )
        level = log.warning if known and not isinstance(error, Refused) else log.error
        level("recall_failed", error=type(error).__name__)
        self.go_on()

    def _give_up(self, problem: str) -> None:
        """Let nothing come back for a while: it would be the same with all that waits."""
        dropped = len(self._waiting)
        self._waiting.clear()
        self._until = self._clock.monotonic() + BACK_OFF
        self._report = replace(
            self._report, problem=problem, dropped=self._report.dropped + dropped
        )
        log.warning("recall_given_up", dropped=dropped)

    def _drop(self, count: int) -> None:
        self._report = replace(self._report, dropped=self._report.dropped + count)

    def _is_full(self) -> bool:
        rests = self._clock.monotonic() < self._until
        return rests or len(self._waiting) >= self._settings.maximum_pending

    def _has_room(self) -> bool:
        if not self._settings.minimum_free:
            return True
        room = self._room_of(self._settings.target)
        return room is not None and room.free >= amount(self._settings.minimum_free).of(room.total)
