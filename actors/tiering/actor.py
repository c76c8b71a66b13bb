"""Moves files between storages by rules, and back when they are read."""

from collections import deque
from collections.abc import Sequence

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.duty import OnDuty
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.housekeeping import RecordState
from repertory.actors.messages.tiering import (
    DescribeKeptTiering,
    DescribeTiering,
    FarFileRead,
    FilesRead,
    FindReadStudies,
    PauseTiering,
    PlanTiering,
    RecordAccesses,
    ResumeTiering,
    RunTiering,
)
from repertory.actors.pace import Pace
from repertory.actors.reply import Reply
from repertory.actors.schedule import LocalTime, Schedule, local_time
from repertory.actors.stepping import Stepping
from repertory.actors.switchboard import Switchboard
from repertory.actors.tiering.passing import Hand, Passing
from repertory.actors.tiering.planning import Planning
from repertory.actors.tiering.progress import Kept, Pass
from repertory.actors.tiering.recalling import (
    Recalled,
    RecallListed,
    RecallRested,
    Recalls,
    RecallWanted,
)
from repertory.actors.tiering.tasks import RoomOf, tasks_of
from repertory.conf.tiering import TieringSettings
from repertory.errors import IndexFailed, RepertoryError, ShuttingDown
from repertory.nodes import TIERING
from repertory.tiering import PassReport, StudyRead, TierFailure, TieringStatus

log = structlog.get_logger(__name__)

HOUR = 3600
"""How exactly the time of a read is kept, in seconds."""

ROOM_CHECK = 60.0
"""Seconds after which the rules that make room look at their disks again."""

LONGEST_SLEEP = 3600.0
"""Seconds after which to look at the wall clock again: somebody may have set it."""

FAILURES_KEPT = 100


@message
class TierDue(Event):
    """The next step may be taken; only the last ``turn`` counts.

    One that has ``rested`` does not rest again. The actor tells it to itself.
    """

    turn: int
    rested: bool


@message
class PlanDue(Event):
    """A plan may go on; the actor tells it to itself."""


class TieringActor(Passing, OnDuty, Stepping, RepertoryActor):
    """Makes passes over the rules, some files at a time, and brings back what is read.

    A file is moved as ``MoveStorage`` does: whatever ends the archive, it lies somewhere, once. The
    index keeps at which study a pass is; what was moved since then is passed over by the next run.
    """

    rank = 5
    duty = TIERING

    def __init__(
        self,
        *,
        board: Switchboard,
        settings: TieringSettings,
        storages: Sequence[str],
        room_of: RoomOf,
        pause: float = 0.0,
        local: LocalTime = local_time,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        settings: the section ``Tiering``.
        storages: the names of all storages.
        room_of: tells how much room there is on the disk of one; ``None`` where it is no disk.
        pause: seconds to rest after each step (``AdvancedStorage.MoveThrottleMs``).
        local: tells the time on the wall, for the schedule.
        shared: whether other nodes move files of the same archive: one at a time makes passes.
        """
        super().__init__(board=board)
        self._shared = shared
        self._settings = settings
        self._tasks = tasks_of(settings.rules, storages, settings.recall)
        self._plan = [(task.rule.name, task.source) for task in self._tasks]
        self._room_of = room_of
        self._pause = pause
        self._schedule = Schedule(settings.schedule, local)
        self._pace = Pace(board, self.clock, settings.busy_share)
        self._recalls = Recalls(
            board,
            self.clock,
            settings.recall,
            room_of,
            lambda event: self.board.tell(self.actor_ref, event),
        )
        self._kept = Kept(0.0)
        self._paused = self._at_once = self._under_way = self._is_new = False
        self._hand = Hand()
        self._next_pass = self._next_look = 0.0
        self._failures: deque[TierFailure] = deque(maxlen=FAILURES_KEPT)
        self._planning: Planning | None = None

    def open(self) -> None:
        """Take up the pass that was under way."""
        self._open_duty()

    def _resume_duty(self) -> None:
        self._read_kept()
        if self._kept.current is not None:
            log.info("tiering_resumed")
        elif self._is_new:
            self._keep()
        self._go_on()

    def _read_kept(self) -> None:
        kept = self.board.ask(DescribeKeptTiering())
        self._is_new = not kept.text
        self._paused = kept.is_paused
        self._kept = Kept.of(kept.text, self.clock.now(), self._plan)
        if self._kept.whole:
            self._next_pass = self._kept.whole + self._interval

    def _stand_down(self) -> None:
        self._cancel_step()
        self._hand = Hand()
        self._under_way = self._at_once = False

    def close(self) -> None:
        """Nothing is lost: what was not moved lies where it was."""
        self._cancel_step()
        if self._planning is not None:
            self._planning.outcome.refuse(ShuttingDown())

    @property
    def _interval(self) -> float:
        return self._settings.interval_minutes * 60

    # What others want

    @handles(DescribeTiering)
    def describe_tiering(self, _query: DescribeTiering) -> TieringStatus:
        """How far it is."""
        self._catch_up()
        return self._status()

    @handles(PlanTiering)
    def plan_tiering(self, _query: PlanTiering) -> Reply[PassReport]:
        """What a pass would do; whoever asks while that is found out gets the same answer."""
        if self._planning is None:
            self._planning = Planning(
                board=self.board,
                tasks=self._tasks,
                room_of=self._room_of,
                now=self.clock.now(),
                since=self._kept.since,
            )
            self.tell_self(PlanDue())
        return self._planning.outcome

    @handles(PlanDue)
    def plan_due(self, _event: PlanDue) -> None:
        """Look at some more studies."""
        planning = self._planning
        if planning is None:
            return
        self._planning = None
        try:
            goes_on = planning.step()
        except RepertoryError as error:
            planning.outcome.refuse(error)
            return
        except Exception:
            planning.outcome.refuse(IndexFailed())
            raise
        if goes_on:
            self._planning = planning
            self.tell_self(PlanDue())

    @handles(RunTiering)
    def run_tiering(self, _command: RunTiering) -> TieringStatus:
        """Begin a pass, or go on whatever the schedule says."""
        self._assume()
        if self._paused:
            self._set_paused(paused=False)
        self._at_once = True
        if self._kept.current is None:
            self._begin(range(len(self._tasks)))
        self._go_on()
        return self._status()

    @handles(PauseTiering)
    def pause_tiering(self, _command: PauseTiering) -> TieringStatus:
        """Move nothing more."""
        self._assume()
        self._set_paused(paused=True)
        self._at_once = False
        return self._status()

    @handles(ResumeTiering)
    def resume_tiering(self, _command: ResumeTiering) -> TieringStatus:
        """Go on."""
        self._assume()
        self._set_paused(paused=False)
        self._go_on()
        return self._status()

    # What is read

    @handles(FilesRead)
    def files_read(self, event: FilesRead) -> None:
        """Remember the hour, of each study of which the index knows an earlier one only."""
        hour = int(self.clock.now() // HOUR * HOUR)

        def record(found: Reply[tuple[StudyRead, ...]]) -> None:
            if found.error is None:
                new = tuple(it.number for it in found.get() if it.read_at < hour)
                if new:
                    self.board.ask_soon(RecordAccesses(studies=new, at=hour))

        # Nobody waits: should the index be busy, the next read of the study is noted.
        self.board.ask_soon(FindReadStudies(read=event.resources)).on_done(record)

    @handles(FarFileRead)
    def far_file_read(self, event: FarFileRead) -> None:
        """Let it come back."""
        self._recalls.note(event.resource)

    @handles(RecallWanted)
    def recall_wanted(self, event: RecallWanted) -> None:
        """Let a series or a study come back."""
        self._recalls.want(event.id)

    @handles(RecallListed)
    def recall_listed(self, event: RecallListed) -> None:
        """Move what was found."""
        self._recalls.listed(event)

    @handles(Recalled)
    def recalled(self, event: Recalled) -> None:
        """Go on with what is to come back, at once or after a rest."""
        self._recalls.recalled(event)

    @handles(RecallRested)
    def recall_rested(self, event: RecallRested) -> None:
        """Go on with what is to come back."""
        self._recalls.rested(event.after)

    # One step after the other

    @handles(TierDue)
    def tier_due(self, event: TierDue) -> None:
        """Take the next step, unless this is not the time for it."""
        if event.turn != self._turn or self._under_way or self._paused or not self._is_on:
            return
        now = self.clock.now()
        if not self._at_once and not self._schedule.is_open(now):
            opening = self._schedule.next_opening(now)
            if opening is not None:
                self._go_on(after=min(max(opening - now, 1.0), LONGEST_SLEEP))
            return
        if self._kept.current is None:
            self._guarded(lambda: self._look(now))
            return
        rest = 0.0 if event.rested else self._pace.rest()
        if rest:
            self._go_on(after=rest, rested=True)
            return
        self._pace.begin()
        self._guarded(self._step)

    def _look(self, now: float) -> None:
        """Begin a pass if it is time, or if a disk is too full."""
        if now >= self._next_pass or self._next_pass > now + self._interval:
            self._begin(range(len(self._tasks)))
            self._go_on()
            return
        tight = [
            place
            for place, task in enumerate(self._tasks)
            if now >= self._next_look and task.makes_room and self._missing(task) > 0
        ]
        if tight:
            self._next_look = now + ROOM_CHECK
            self._begin(tight)
            self._go_on()
            return
        makes_room = any(task.makes_room for task in self._tasks)
        longest = ROOM_CHECK if makes_room else LONGEST_SLEEP
        self._go_on(after=min(max(self._next_pass - now, 1.0), longest))

    def _begin(self, tasks: Sequence[int]) -> None:
        self._keep(current=Pass(self.clock.now(), list(tasks)))
        self._hand = Hand()
        log.debug("tiering_begun", tasks=len(tasks))

    # The rest

    def _status(self) -> TieringStatus:
        now = self.clock.now()
        current = self._kept.current
        rule = ""
        if current is not None and current.task is not None:
            rule = self._tasks[current.task].rule.name
        rooms = {task.source: self._room_of(task.source) for task in self._tasks if task.makes_room}
        return TieringStatus(
            condition=self._condition(now),
            is_paused=self._paused,
            rule=rule,
            problem=self._problem,
            current=None if current is None else current.report(),
            last=self._kept.last,
            next_pass=None if self._paused or current is not None else max(self._next_pass, now),
            recall=self._recalls.report,
            room={name: room for name, room in rooms.items() if room is not None},
            failures=tuple(self._failures),
        )

    def _condition(self, now: float) -> str:
        if self._paused:
            return "Paused"
        if not self._at_once and not self._schedule.is_open(now):
            return "WaitingForHours"
        return "Idle" if self._kept.current is None else "Running"

    def _set_paused(self, *, paused: bool) -> None:
        self.board.ask(RecordState(name="tiering", paused=paused))
        self._paused = paused
        if paused:
            log.info("tiering_paused")
        else:
            log.info("tiering_unpaused")

    def _step_due(self, turn: int, *, rested: bool) -> TierDue:
        return TierDue(turn=turn, rested=rested)

    def _note_postponed(self, error: RepertoryError) -> None:
        log.warning("tiering_postponed", error=type(error).__name__)
