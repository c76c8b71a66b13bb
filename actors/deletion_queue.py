"""Removes the files of deleted resources, at its own pace."""

from collections import deque
from functools import partial
from typing import Protocol

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.clock import Appointment
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    ForgetReleased,
    RemoveAttachment,
    RemoveAttachments,
    RemoveReleased,
)
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.deletion import (
    DescribeBacklog,
    DescribeDeletionQueue,
    FlushReleased,
    PauseRemovals,
    RecordFailedRemovals,
    RecordPause,
    ResumeRemovals,
)
from repertory.actors.removal_absence import Absence, RemovalAbsence
from repertory.actors.removal_pace import Pace
from repertory.actors.removal_sharing import PauseRecorded, RemovalSharing
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.deletion import FIRST_RETRY, LAST_RETRY, Backlog, DeletionQueueState, ReleasedFile
from repertory.errors import Forbidden, RepertoryError, StorageUnavailable

log = structlog.get_logger(__name__)

_HOLD_PAUSE = 2.0
_FAILURES_TOLD = 100


class Hold(Protocol):
    """Whether somebody copies the archive's files (``repertory.storage.backup.hold``)."""

    def is_held(self) -> bool:
        """Whether released files must stay for now."""


@message
class RemovalDue(Event):
    """The next file may be removed; the queue tells it to itself."""


@message
class RemovalEnded(Event):
    """The storage removed files, or could not; the queue tells it to itself."""

    files: tuple[ReleasedFile, ...]
    error: BaseException | None


@message
class RetryDue(Event):
    """What could not be removed may be tried again; the queue tells it to itself."""


class DeletionQueueActor(RemovalAbsence, RemovalSharing, RepertoryActor):
    """Removes released files, first released first, one after the other.

    The index holds the queue. A file leaves it after it is gone from the storage area, so a crash
    makes the next start remove some files twice, which does no harm, and none never. A file that
    cannot be removed stays in the queue, holds up none behind it, and is tried again after a
    growing delay; so are, as a whole, those of a storage that cannot be reached. While somebody
    copies the files of the archive, all stay.

    ``_cursor`` is the number of the last file that this run has looked at: what lies behind it and
    is still there has failed, or lies in a storage that is passed over. ``_tried`` is the highest
    number that it ever was: what failed up to there is tried again when it is due. A flush puts
    both back to the beginning.
    """

    rank = 4

    def __init__(
        self,
        *,
        board: Switchboard,
        throttle: float = 0.0,
        hold: Hold | None = None,
        at_once: bool = False,
        read_only: bool = False,
        together: int = 1,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        throttle: seconds between two files (``ThrottleDelayMs``).
        hold: who may want that nothing is removed.
        at_once: whether requests wait for their files to go: then nothing pauses the removal.
        read_only: whether to remove nothing at all, and only tell what waits.
        together: how many files the storage removes by one request; where it may pause between
            files, one.
        shared: whether other nodes remove files of the same archive.
        """
        super().__init__(board=board)
        self._throttle = 0.0 if at_once else throttle
        self._hold = hold
        self._at_once = at_once
        self._read_only = read_only
        self._shared = shared
        self._node = ""
        self._is_flushed = False
        self._is_held = False
        self._is_paused = False
        self._cursor = self._tried = 0
        self._absences: dict[int, Absence] = {}
        self._watch: Appointment | None = None
        self._began = 0.0
        self._flush_to = 0
        self._alarm: Appointment | None = None
        self._is_told = False
        self._together = 1 if self._throttle else together
        self._singly = 0
        self._under_way: tuple[ReleasedFile, ...] = ()
        self._batch: deque[ReleasedFile] = deque()
        self._gone: list[int] = []
        self._failed: list[tuple[int, str]] = []
        self._retry_alarm: Appointment | None = None
        self._waiting: list[tuple[int, Reply[None]]] = []
        self._pace = Pace()

    def open(self) -> None:
        """Go on where the last run stopped."""
        if self._shared:
            self._join_nodes()
        self._is_paused = not self._at_once and self.board.ask(DescribeBacklog()).is_paused
        self._work()

    def close(self) -> None:
        """Take what is gone off the queue; whoever waits is not kept waiting."""
        try:
            self._settle()
        except RepertoryError as error:
            # What is gone is only removed again by the next run, which does no harm.
            log.warning("removal_postponed", error=type(error).__name__)
        self._answer()

    @handles(AttachmentsReleased)
    def attachments_released(self, _event: AttachmentsReleased) -> None:
        """There is something to remove."""
        self._work()

    @handles(RemoveReleased)
    def remove_released(self, _command: RemoveReleased) -> Reply[None]:
        """Answer when everything that waits now was tried."""
        reply: Reply[None] = Reply()
        self._waiting.append((self.board.ask(DescribeBacklog()).last, reply))
        if self._is_stopped or self._is_held:
            self._answer()
        self._hurry()
        return reply

    @handles(FlushReleased)
    def flush_released(self, _command: FlushReleased) -> None:
        """Begin anew, and go on without a pause to what is now the end."""
        self._flush_to = self.board.ask(DescribeBacklog()).last
        self._settle()
        self._batch.clear()
        self._cursor, self._tried, self._is_flushed = 0, 0, True
        self._ask_absent()
        self._hurry()

    @handles(PauseRemovals)
    def pause_removals(self, _command: PauseRemovals) -> Reply[None]:
        """Stop after the file under way."""
        return self._pause(is_paused=True)

    @handles(ResumeRemovals)
    def resume_removals(self, _command: ResumeRemovals) -> Reply[None]:
        """Go on."""
        return self._pause(is_paused=False)

    @handles(PauseRecorded)
    def pause_recorded(self, event: PauseRecorded) -> None:
        """Stop, or go on; what was listed stays listed."""
        self._is_paused = event.is_paused
        if self._is_stopped:
            self._answer()
        self._work()

    @handles(DescribeDeletionQueue)
    def describe_deletion_queue(self, _query: DescribeDeletionQueue) -> Reply[DeletionQueueState]:
        """What waits; the index counts it."""
        # What is gone but not forgotten yet counts no more.
        self._settle()
        return self.board.ask_soon(DescribeBacklog(failures=_FAILURES_TOLD)).then(self._state)

    @handles(RetryDue)
    def retry_due(self, _event: RetryDue) -> None:
        """Try again what failed."""
        self._retry_alarm = None
        self._work()

    @handles(RemovalDue)
    def removal_due(self, _event: RemovalDue) -> None:
        """Have files removed, or look what there is to remove."""
        self._is_told, self._alarm = False, None
        if self._under_way or (self._is_stopped and self._batch):
            return
        try:
            if self._batch or self._fill():
                self._begin(self._next())
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue goes on
            # The index cannot be asked just now: nothing is lost, the queue is in it.
            log.warning("removal_postponed", error=type(error).__name__)
            self._work(after=FIRST_RETRY)

    @handles(RemovalEnded)
    def removal_ended(self, event: RemovalEnded) -> None:
        """Note what became of a file, and go on to the next."""
        if event.files is self._under_way:  # and not passed over meanwhile, for it was slow
            self._under_way = ()
        error = event.error
        if isinstance(error, StorageUnavailable):
            self._doubt(event.files, error)
        else:
            self._take_up(event.files[0].location)
            self._put_back(event.files, error)
        if error is None:
            for file in event.files:
                log.debug("attachment_removed", uuid=file.uuid)
                self._gone.append(file.number)
                self._pace.note(self.clock.monotonic())
        if self._throttle:
            try:
                self._settle()
            except RepertoryError as failure:
                log.warning("removal_postponed", error=type(failure).__name__)
        self._work(after=0.0 if self._is_hurried else self._throttle)

    @property
    def _is_hurried(self) -> bool:
        return self._flush_to > 0 or bool(self._waiting)

    @property
    def _is_stopped(self) -> bool:
        """Whether nothing is to be removed, unless it is flushed."""
        return self._read_only or (self._is_paused and not self._flush_to)

    def _fill(self) -> bool:
        """Find out which files are next; whether there are any that may go."""
        self._settle()
        self._answer(up_to=min(self._cursor, self._known_to))
        if self._cursor >= self._flush_to:
            self._flush_to = 0
        if self._is_stopped:
            self._answer()
            return False
        retries, fresh = self._retries(), self._fresh()
        if self._is_paused:
            fresh = tuple(file for file in fresh if file.number <= self._flush_to)
        if not retries and not fresh:
            self._rest()
            return False
        # Only now, with the list read: a backup that begins later reads an index that
        # lists none of these files any more.
        if self._must_wait():
            self._work(after=_HOLD_PAUSE)
            return False
        self._batch.extend(failure.file for failure in retries)
        self._batch.extend(fresh)
        if fresh:
            self._cursor = fresh[-1].number
            self._tried = max(self._tried, self._cursor)
        return True

    def _next(self) -> tuple[ReleasedFile, ...]:
        """The files that go next: some, or one at a time where some could not go together."""
        number = 1 if self._singly else min(self._together, len(self._batch))
        self._singly = max(self._singly - 1, 0)
        taken = [self._batch.popleft()]
        # One request goes to one storage.
        while self._batch and len(taken) < number and self._batch[0].location == taken[0].location:
            taken.append(self._batch.popleft())
        return tuple(taken)

    def _begin(self, files: tuple[ReleasedFile, ...]) -> None:
        """Have files removed; the mailbox stays open meanwhile."""
        self._under_way = files
        self._begin_watch()
        removal: RemoveAttachment | RemoveAttachments
        if len(files) == 1:
            it = files[0]
            removal = RemoveAttachment(
                uuid=it.uuid, content_type=it.content_type, location=it.location
            )
        else:
            removal = RemoveAttachments(files=files)
        self.board.ask_soon(removal).on_done(partial(self._tell_end, files))

    def _tell_end(self, files: tuple[ReleasedFile, ...], reply: Reply[None]) -> None:
        self.board.tell(self.actor_ref, RemovalEnded(files=files, error=reply.error))

    def _work(self, after: float = 0.0) -> None:
        """Look after the next file then, if nobody does before."""
        if self._is_told or self._under_way or self._alarm is not None:
            return
        if after > 0:
            self._alarm = self.clock.call_after(after, self._tell_due)
        else:
            self._is_told = True
            self.tell_self(RemovalDue())

    def _tell_due(self) -> None:
        self.board.tell(self.actor_ref, RemovalDue())

    def _hurry(self) -> None:
        """Look after the next file now, whatever pause was being made."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._work()

    def _pause(self, *, is_paused: bool) -> Reply[None]:
        if self._at_once:
            raise Forbidden("Removals cannot pause: requests wait for them.")

        def note(_: None) -> None:
            self.board.tell(self.actor_ref, PauseRecorded(is_paused=is_paused))

        return self.board.ask_soon(RecordPause(is_paused=is_paused)).then(note)

    def _must_wait(self) -> bool:
        """Whether somebody copies files; whoever waits for the removal is not kept waiting."""
        was_held, self._is_held = self._is_held, self._hold is not None and self._hold.is_held()
        if self._is_held:
            self._answer()
        if self._is_held and not was_held:
            log.info("removals_held")
        if was_held and not self._is_held:
            log.info("removals_resumed")
        return self._is_held

    def _answer(self, up_to: float = float("inf")) -> None:
        """Answer whoever waits for files up to a number."""
        answered = [reply for last, reply in self._waiting if last <= up_to]
        self._waiting = [(last, reply) for last, reply in self._waiting if last > up_to]
        for reply in answered:
            reply.set(None)

    def _rest(self) -> None:
        """Everything was tried: wait for the bell, or for what failed to be due."""
        self._answer(up_to=self._known_to)
        self._flush_to = 0
        if self._retry_alarm is not None:
            self._retry_alarm.cancel()
        for failure in self._next_retry():
            delay = min(max(failure.due - self.clock.now(), FIRST_RETRY), LAST_RETRY)
            self._retry_alarm = self.tell_self(RetryDue(), after=delay)

    def _settle(self) -> None:
        """Tell the index what is gone, and what could not go."""
        if self._gone:
            gone = tuple(self._gone)
            self.board.ask(ForgetReleased(numbers=gone))
            log.info("attachments_removed", count=len(gone))
            self._gone.clear()
        if self._failed:
            self.board.ask(RecordFailedRemovals(failures=tuple(self._failed)))
            self._failed.clear()

    def _state(self, backlog: Backlog) -> DeletionQueueState:
        rate = self._pace.rate(self.clock.monotonic())
        left = backlog.files - backlog.failed
        remaining = 0.0 if not left else None
        can_tell = rate and not self._is_stopped and not self._is_held and not self._absent
        if left and can_tell:
            remaining = left / rate
        oldest = backlog.oldest
        return DeletionQueueState(
            backlog=backlog,
            is_paused=self._pauses(backlog),
            is_held=self._is_held,
            age=None if oldest is None else max(self.clock.now() - oldest, 0.0),
            rate=rate,
            remaining=remaining,
            absent=self._absent,
        )
