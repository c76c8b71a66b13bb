"""Puts the archive in order after its configuration has changed, study by study."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.clock import Appointment
from repertory.actors.housekeeper_answers import HousekeeperAnswers
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.housekeeping import (
    DescribeKeptState,
    DoChores,
    FindPortions,
    PauseHousekeeping,
    PutStudyFirst,
    RecordState,
    ResumeHousekeeping,
    RunHousekeeping,
    SetStudyFirst,
)
from repertory.actors.pace import Pace
from repertory.actors.passes import PassState, chores_of, completed_by
from repertory.actors.reply import Reply
from repertory.actors.schedule import LocalTime, Schedule, local_time
from repertory.actors.switchboard import Switchboard
from repertory.actors.triggers import TRIGGERS
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.errors import RepertoryError, ShuttingDown
from repertory.housekeeping import (
    Chores,
    ChoresReceipt,
    Configuration,
    Finding,
    HousekeepingStatus,
    Portion,
    PortionWanted,
    Position,
)
from repertory.model import Compression, Level

log = structlog.get_logger(__name__)

TASKS, SIZE, STUDIES = 20, 16 << 20, 20
"""Instances, and bytes of their files, of one step: one at least; and studies, if not throttled."""

LONGEST_SLEEP = 3600.0
"""Seconds after which to look at the wall clock again: somebody may have set it."""

_FIRST_RETRY, _LAST_RETRY = 1.0, 300.0


@message
class StudyDue(Event):
    """The next step may be taken; the housekeeper tells it to itself.

    Only the last ``turn`` counts; one that has ``rested`` does not rest again.
    """

    turn: int
    rested: bool


@message
class ChoresDone(Event):
    """The answer to a step has come; the housekeeper tells it to itself."""

    state: PassState
    portions: tuple[Portion, ...]
    answer: Reply[tuple[ChoresReceipt, ...]]


class HousekeeperActor(HousekeeperAnswers, RepertoryActor):
    """Makes passes over the archive, in order of arrival, a few instances at a time.

    The index keeps how far a pass is, and records each step together with it: whatever ends the
    archive, the next run goes on with the next instance. Between two steps, the housekeeper looks
    whether it is to pause, whether its hours are over and whether requests are being served.
    Studies that fail are set aside, and tried again after a growing delay until they succeed.
    """

    rank = 5

    def __init__(
        self,
        *,
        board: Switchboard,
        settings: HousekeeperSettings,
        configuration: Configuration,
        form: Compression = Compression.NONE,
        local: LocalTime = local_time,
        studies: int = STUDIES,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        settings: the section ``Housekeeper``.
        configuration: what the archive is to be brought in line with.
        form: the form that new files get.
        local: tells the time on the wall, for the schedule.
        studies: how many studies one step has at most; where they are throttled, one.
        """
        super().__init__(board=board)
        self._settings = settings
        self._now = configuration
        self._form = form
        self._studies = 1 if settings.throttle_delay else studies
        self._schedule = Schedule(settings.schedule, local)
        self._pace = Pace(board, self.clock, settings.busy_share)
        limit = settings.limit_main_dicom_tags_reconstruct_level
        self._levels = frozenset(level for level in Level if limit in ("All", level.word))
        self._name = ""
        self._state = PassState()
        self._chores = Chores()
        self._paused = False
        self._at_once = False
        self._under_way = False
        self._rests = False
        self._turn = 0
        self._alarm: Appointment | None = None
        self._problem = ""
        self._retry = _FIRST_RETRY
        self._waiting: list[tuple[RunHousekeeping, Reply[HousekeepingStatus]]] = []

    def open(self) -> None:
        """Take up the pass that was under way, or find out whether one is necessary."""
        kept = self.board.ask(DescribeKeptState(number=self._settings.global_property_id))
        self._name, self._paused = kept.name, kept.is_paused
        state = self._state = PassState.of(kept.text)
        findings = self._look()
        if self._settings.force:
            self._begin(kept.last_study, everything=True, files=False)
        elif state.runs and state.current == self._now:
            self._chores = self._chores_of(findings, state)
            log.info("housekeeping_resumed", done=state.done)
        elif state.runs or any(finding.fires for finding in findings):
            everything = kept.is_adopted and state.completed is None
            self._begin(kept.last_study, everything=everything, files=False)
        self._go_on()

    def close(self) -> None:
        """Nothing is lost: the index knows."""
        if self._alarm is not None:
            self._alarm.cancel()
        for _, reply in self._waiting:
            reply.refuse(ShuttingDown())

    # What others want

    @handles(PauseHousekeeping)
    def pause_housekeeping(self, _command: PauseHousekeeping) -> Reply[HousekeepingStatus]:
        """Do no more until somebody wants it."""
        self._set_paused(paused=True)
        self._at_once = False
        self._pace.forget()
        return self._status()

    @handles(ResumeHousekeeping)
    def resume_housekeeping(self, _command: ResumeHousekeeping) -> Reply[HousekeepingStatus]:
        """Go on."""
        self._set_paused(paused=False)
        self._go_on()
        return self._status()

    @handles(RunHousekeeping)
    def run_housekeeping(self, command: RunHousekeeping) -> Reply[HousekeepingStatus]:
        """Go on whatever the schedule says, or begin over everything."""
        reply: Reply[HousekeepingStatus] = Reply()
        if command.force and self._under_way:
            self._waiting.append((command, reply))  # or the step under way would have the last word
        else:
            self._run(command, reply)
        return reply

    @handles(PutStudyFirst)
    def put_study_first(self, command: PutStudyFirst) -> Reply[HousekeepingStatus]:
        """Take a study before all others."""
        files = self._settings.force_reconstruct_files
        form = self._chores.form or (self._form if files else None)
        self.board.ask(SetStudyFirst(name=self._name, id=command.id, form=form))
        self._go_on()
        return self._status()

    # One step after the other

    @handles(StudyDue)
    def study_due(self, event: StudyDue) -> None:
        """Take the next step, unless this is not the time for it."""
        if event.turn != self._turn or self._under_way or self._paused:
            return
        now = self.clock.now()
        if not self._at_once and not self._schedule.is_open(now):
            self._pace.forget()
            opening = self._schedule.next_opening(now)
            if opening is not None:
                self._go_on(after=min(max(opening - now, 1.0), LONGEST_SLEEP))
            return
        rest = 0.0 if event.rested else self._pace.rest()
        self._rests = rest > 0
        if rest:
            self._go_on(after=rest, rested=True)
            return
        self._pace.begin()
        self._guarded(lambda: self._step(now))

    def _step(self, now: float) -> None:
        portions = self.board.ask(FindPortions(wanted=self._wanted(now)))
        portion, state = portions[0], self._state
        for each in portions:
            state = self._after(state, each)
        # One that was set aside and is no more has nothing to be done, but is taken off the list.
        if portion.study is not None or portion.aside:
            self._under_way = True
            command = DoChores(name=self._name, state=state.text(), portions=portions)

            def tell(answer: Reply[tuple[ChoresReceipt, ...]]) -> None:
                done = ChoresDone(state=state, portions=portions, answer=answer)
                self.board.tell(self.actor_ref, done)

            self.board.ask_soon(command).on_done(tell)
            return
        if state != self._state:
            self.board.ask(RecordState(name=self._name, state=state.text()))
        ended = self._state.runs and not state.runs
        self._state = state
        self._recover()
        self._pace.end(portion.passed)
        if ended:
            self._note_end()
        if state.runs or ended:
            self._go_on()
            return
        self._at_once = False
        if portion.next_due is not None:
            self._go_on(after=min(max(portion.next_due - now, 1.0), LONGEST_SLEEP))

    @handles(ChoresDone)
    def chores_done(self, event: ChoresDone) -> None:
        """Note what a step has done, and go on after ThrottleDelay where a study is done by it."""
        self._under_way = False
        self._guarded(lambda: self._take(event))
        waiting, self._waiting = self._waiting, []
        for command, reply in waiting:
            self._run(command, reply)

    def _take(self, event: ChoresDone) -> None:
        receipts = event.answer.get()
        self._state = event.state
        self._recover()
        self._pace.end(sum(portion.passed for portion in event.portions))
        for portion, receipt in zip(event.portions, receipts, strict=True):
            for failure in receipt.failures:
                log.warning(
                    "study_set_aside", id=portion.study, instance=failure.id, reason=failure.reason
                )
            if portion.ends and portion.study is not None:
                log.debug("study_kept", id=portion.study, instances=receipt.done)
        worked = any(portion.ends and portion.tasks for portion in event.portions)
        self._go_on(after=self._settings.throttle_delay if worked else 0.0)

    def _after(self, state: PassState, portion: Portion) -> PassState:
        """The state once a portion is done."""
        if portion.aside:
            return replace(state, within=Position() if portion.ends else portion.position)
        if not state.runs:
            return state
        state = replace(state, position=portion.position, done=state.done + portion.passed)
        if not portion.is_last:
            return state
        completed = completed_by(self._chores, self._now, state.completed)
        return replace(state, current=None, completed=completed, everything=False, files=False)

    def _wanted(self, now: float) -> PortionWanted:
        return PortionWanted(
            name=self._name,
            now=now,
            chores=self._chores if self._state.runs else Chores(),
            aside=Chores(levels=self._levels, obsolete=True, everything=True),
            position=self._state.position,
            within=self._state.within,
            last=self._state.last,
            tasks=TASKS,
            size=SIZE,
            studies=self._studies,
        )

    # The rest

    def _look(self) -> list[Finding]:
        now = replace(
            self._now, signatures={it: self._now.signatures.get(it, "") for it in self._levels}
        )
        last = self._state.completed
        return [trigger.look(self._settings.triggers, last, now) for trigger in TRIGGERS]

    def _chores_of(self, findings: list[Finding], state: PassState) -> Chores:
        return chores_of(
            findings,
            levels=self._levels,
            form=self._form,
            everything=state.everything,
            files=state.files or self._settings.force_reconstruct_files,
        )

    def _begin(self, last: int, *, everything: bool, files: bool) -> None:
        """Begin a pass at the first study, up to the newest: later ones are in order already."""
        state = PassState(
            started=self.clock.now(),
            current=self._now,
            completed=self._state.completed,
            last=last,
            everything=everything,
            files=files,
        )
        self.board.ask(RecordState(name=self._name, state=state.text()))
        self._state = state
        self._chores = self._chores_of(self._look(), state)
        self._pace.forget()
        log.info("housekeeping_begun", everything=everything)

    def _note_end(self) -> None:
        self._chores = Chores()
        self._at_once = False
        self._pace.forget()
        log.info("housekeeping_completed", studies=self._state.done)

    def _run(self, command: RunHousekeeping, reply: Reply[HousekeepingStatus]) -> None:
        try:
            if command.force:
                kept = self.board.ask(DescribeKeptState(number=self._settings.global_property_id))
                self._begin(kept.last_study, everything=True, files=command.rewrite_files)
            if self._paused:
                self._set_paused(paused=False)
        except RepertoryError as error:
            reply.refuse(error)
            return
        self._at_once = True
        self._go_on()
        reply.set(self._status())

    def _set_paused(self, *, paused: bool) -> None:
        self.board.ask(RecordState(name=self._name, paused=paused))
        self._paused = paused
        if paused:
            log.info("housekeeping_paused")
        else:
            log.info("housekeeping_unpaused")

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do ``work``; if it fails, nothing was recorded, and it is tried again."""
        try:
            work()
        except ShuttingDown:
            return
        except RepertoryError as error:
            log.warning("housekeeping_postponed", error=type(error).__name__)
            self._postpone(str(error))
        except Exception:
            self._postpone("It failed by a defect; see the log.")
            raise

    def _postpone(self, problem: str) -> None:
        self._problem = problem
        self._go_on(after=self._retry)
        self._retry = min(self._retry * 2, _LAST_RETRY)

    def _recover(self) -> None:
        self._problem, self._retry = "", _FIRST_RETRY

    def _go_on(self, after: float = 0.0, *, rested: bool = False) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._turn += 1
        self._alarm = self.tell_self(StudyDue(turn=self._turn, rested=rested), after=after)
