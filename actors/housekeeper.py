"""Puts the archive in order after its configuration has changed, study by study."""

from dataclasses import replace
from functools import reduce

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.duty import OnDuty
from repertory.actors.housekeeper_answers import HousekeeperAnswers
from repertory.actors.housekeeper_beginnings import HousekeeperBeginnings
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.housekeeping import (
    DoChores,
    FindPortions,
    PauseHousekeeping,
    PutStudyFirst,
    RecordState,
    ResumeHousekeeping,
    RunHousekeeping,
    SetStudyFirst,
)
from repertory.actors.messages.places import ListMovableTrash
from repertory.actors.messages.trash import ResourceRestored
from repertory.actors.pace import Pace
from repertory.actors.passes import (
    PassState,
    completed_after,
    completed_by,
    seen_by,
)
from repertory.actors.reply import Reply
from repertory.actors.schedule import LocalTime, Schedule, local_time
from repertory.actors.stepping import Stepping
from repertory.actors.switchboard import Switchboard
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.errors import LeaseLost, RepertoryError, ShuttingDown
from repertory.housekeeping import (
    Chores,
    ChoresReceipt,
    Configuration,
    HousekeepingStatus,
    KeptState,
    Portion,
    PortionWanted,
    Position,
)
from repertory.model import Compression, Level
from repertory.nodes import HOUSEKEEPING
from repertory.places import TrashCursor

log = structlog.get_logger(__name__)

TASKS, SIZE, STUDIES = 40, 16 << 20, 20
"""Instances, and bytes of their files, of one step: one at least; and studies, if not throttled."""

LONGEST_SLEEP = 3600.0
"""Seconds after which to look at the wall clock again: somebody may have set it."""


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
    tenure: int


class HousekeeperActor(HousekeeperAnswers, HousekeeperBeginnings, OnDuty, Stepping, RepertoryActor):
    """Makes passes over the archive, in order of arrival, a few instances at a time.

    The index keeps how far a pass is, and records each step together with it: whatever ends the
    archive, the next run goes on with the next instance. Between two steps, the housekeeper looks
    whether it is to pause, whether its hours are over and whether requests are being served.
    Studies that fail are set aside, and tried again after a growing delay until they succeed.
    """

    rank = 5
    duty = HOUSEKEEPING

    def __init__(
        self,
        *,
        board: Switchboard,
        settings: HousekeeperSettings,
        configuration: Configuration,
        form: Compression = Compression.NONE,
        local: LocalTime = local_time,
        studies: int = STUDIES,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        settings: the section ``Housekeeper``.
        configuration: what the archive is to be brought in line with.
        form: the form that new files get.
        local: tells the time on the wall, for the schedule.
        studies: how many studies one step has at most; where they are throttled, one.
        shared: whether other nodes keep house in the same archive: one at a time does.
        """
        super().__init__(board=board)
        self._shared = shared
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
        self._kept = KeptState("", "", is_paused=False, is_adopted=False, last_study=0)
        self._has_news = False
        self._waiting: list[tuple[RunHousekeeping, Reply[HousekeepingStatus]]] = []

    def open(self) -> None:
        """Take up the pass that was under way, or find out whether one is necessary."""
        self._open_duty()

    def _stand_down(self) -> None:
        self._cancel_step()
        self._under_way = self._at_once = False
        waiting, self._waiting = self._waiting, []
        for _, reply in waiting:
            reply.refuse(LeaseLost())

    def _resume_duty(self) -> None:
        self._read_kept()
        kept, state = self._kept, self._state
        if state.current != self._now:
            self._state = replace(state, completed=completed_after(state, self._now))
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
        self._cancel_step()
        for _, reply in self._waiting:
            reply.refuse(ShuttingDown())

    # What others want

    @handles(PauseHousekeeping)
    def pause_housekeeping(self, _command: PauseHousekeeping) -> Reply[HousekeepingStatus]:
        """Do no more until somebody wants it."""
        self._assume()
        self._set_paused(paused=True)
        self._at_once = False
        self._pace.forget()
        return self._status()

    @handles(ResumeHousekeeping)
    def resume_housekeeping(self, _command: ResumeHousekeeping) -> Reply[HousekeepingStatus]:
        """Go on."""
        self._assume()
        self._set_paused(paused=False)
        self._go_on()
        return self._status()

    @handles(RunHousekeeping)
    def run_housekeeping(self, command: RunHousekeeping) -> Reply[HousekeepingStatus]:
        """Go on whatever the schedule says, or begin over everything."""
        self._assume()
        reply: Reply[HousekeepingStatus] = Reply()
        if command.force and self._under_way:
            self._waiting.append((command, reply))  # or the step under way would have the last word
        else:
            self._run(command, reply)
        return reply

    @handles(ResourceRestored)
    def resource_restored(self, _event: ResourceRestored) -> None:
        """What was in the trash while a pass went by may be of an older configuration."""
        self._assume()
        self._has_news = True
        self._go_on()

    @handles(PutStudyFirst)
    def put_study_first(self, command: PutStudyFirst) -> Reply[HousekeepingStatus]:
        """Take a study before all others."""
        self._assume()
        files = self._settings.force_reconstruct_files
        form = self._chores.form or (self._form if files else None)
        self.board.ask(SetStudyFirst(name=self._name, id=command.id, form=form))
        self._go_on()
        return self._status()

    # One step after the other

    @handles(StudyDue)
    def study_due(self, event: StudyDue) -> None:
        """Take the next step, unless this is not the time for it."""
        if event.turn != self._turn or self._under_way or self._paused or not self._is_on:
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
        if self._has_news and not self._state.runs:
            self._look_again()
        if self._state.trash is not None:
            self._step_in_trash(self._state.trash)
            return
        portions = self.board.ask(FindPortions(wanted=self._wanted(now)))
        portion, state = portions[0], reduce(self._after, portions, self._state)
        # One that was set aside and is no more has nothing to be done, but is taken off the list.
        if portion.study is not None or portion.aside:
            self._have_done(state, portions)
            return
        if state != self._state:
            self.board.ask(RecordState(name=self._name, state=state.text()))
        if self._goes_on_with(state, portion.passed):
            return
        self._at_once = False
        if portion.next_due is not None:
            self._go_on(after=min(max(portion.next_due - now, 1.0), LONGEST_SLEEP))

    def _step_in_trash(self, after: TrashCursor) -> None:
        """Store files in the trash anew, too: what is restored shall need no older key."""
        files = self.board.ask(ListMovableTrash(after=after, target="", limit=TASKS))
        if files:
            last = files[-1]
            cursor = TrashCursor(last.trash, last.row, int(last.attachment.content_type))
            portion = Portion(position=self._state.position, others=files, anew=True)
            self._have_done(replace(self._state, trash=cursor), (portion,))
            return
        state = self._ended(self._state)
        self.board.ask(RecordState(name=self._name, state=state.text()))
        self._goes_on_with(state, 0)

    def _have_done(self, state: PassState, portions: tuple[Portion, ...]) -> None:
        """Let the storage do portions; ``state`` is that of the pass once they are done."""
        self._under_way = True
        command = DoChores(name=self._name, state=state.text(), portions=portions)
        tenure = self._tenure

        def tell(answer: Reply[tuple[ChoresReceipt, ...]]) -> None:
            done = ChoresDone(state=state, portions=portions, answer=answer, tenure=tenure)
            self.board.tell(self.actor_ref, done)

        self.board.ask_soon(command).on_done(tell)

    def _goes_on_with(self, state: PassState, passed: int) -> bool:
        """Note a state that is recorded; whether there is a next step."""
        ended = self._state.runs and not state.runs
        self._state = state
        self._recover()
        self._pace.end(passed)
        if ended:
            self._note_end()
        if state.runs or ended:
            self._go_on()
        return state.runs or ended

    @handles(ChoresDone)
    def chores_done(self, event: ChoresDone) -> None:
        """Note what a step has done, and go on after ThrottleDelay where a study is done by it."""
        if event.tenure != self._tenure:
            return
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
                found = {"instance": failure.id, "reason": failure.reason}
                log.warning("study_set_aside", id=portion.study, **found)
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
        if self._chores.anew:
            return replace(state, trash=TrashCursor())
        return self._ended(state)

    def _ended(self, state: PassState) -> PassState:
        """The state once a pass is over."""
        return replace(
            state,
            current=None,
            trash=None,
            completed=completed_by(self._chores, self._now, state.completed),
            everything=False,
            files=False,
            seen=seen_by(self._chores, state),
        )

    def _wanted(self, now: float) -> PortionWanted:
        return PortionWanted(
            name=self._name,
            now=now,
            chores=self._chores if self._state.runs else Chores(),
            aside=Chores(
                levels=self._levels,
                form=self._form,
                obsolete=True,
                everything=True,
                anew=bool(self._now.encryption),
                transcode=self._now.ingest_transcoding,
            ),
            position=self._state.position,
            within=self._state.within,
            last=self._state.last,
            tasks=TASKS,
            size=SIZE,
            studies=self._studies,
        )

    # The rest

    def _run(self, command: RunHousekeeping, reply: Reply[HousekeepingStatus]) -> None:
        try:
            if command.force:
                kept = self._recall()
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

    def _step_due(self, turn: int, *, rested: bool) -> StudyDue:
        return StudyDue(turn=turn, rested=rested)

    def _note_postponed(self, error: RepertoryError) -> None:
        log.warning("housekeeping_postponed", error=type(error).__name__)
