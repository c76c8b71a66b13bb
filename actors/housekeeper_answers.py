"""The housekeeper's answers about itself: how far it is, and what it would do."""

from dataclasses import replace
from typing import TYPE_CHECKING

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.estimating import Estimate
from repertory.actors.messages.housekeeping import (
    DescribeHousekeeping,
    DescribeKeptState,
    DescribeUnfinished,
    PlanHousekeeping,
)
from repertory.actors.pace import Pace
from repertory.actors.passes import PassState
from repertory.actors.reply import Reply
from repertory.actors.schedule import Schedule
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.housekeeping import (
    Chores,
    Finding,
    HousekeepingPlan,
    HousekeepingStatus,
    Position,
    Unfinished,
)

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard

TOLD = 1_000
"""Failures that a status lists, at most."""


class HousekeeperAnswers:
    """A part of ``HousekeeperActor``, apart from it for length only."""

    board: "Switchboard"
    clock: Clock
    _settings: HousekeeperSettings
    _schedule: Schedule
    _pace: Pace
    _name: str
    _state: PassState
    _chores: Chores
    _paused: bool
    _at_once: bool
    _under_way: bool
    _rests: bool
    _problem: str

    if TYPE_CHECKING:

        def _catch_up(self) -> None:
            """See ``OnDuty``."""

        def _look(self) -> list[Finding]:
            """See ``HousekeeperActor``."""

        def _chores_of(self, findings: list[Finding], state: PassState) -> Chores:
            """See ``HousekeeperActor``."""

    @handles(DescribeHousekeeping)
    def describe_housekeeping(self, _query: DescribeHousekeeping) -> Reply[HousekeepingStatus]:
        """How far it is."""
        self._catch_up()
        return self._status()

    @handles(PlanHousekeeping)
    def plan_housekeeping(self, _query: PlanHousekeeping) -> Reply[HousekeepingPlan]:
        """What a pass does, or would do if it began now; the index is looked through for it."""
        self._catch_up()
        findings, state = self._look(), self._state
        position, last, chores = state.position, state.last, self._chores
        if not state.runs:
            kept = self.board.ask(DescribeKeptState(number=self._settings.global_property_id))
            position, last = Position(), kept.last_study
            fires = any(finding.fires for finding in findings)
            chores = self._chores_of(findings, PassState()) if fires else Chores()
        work = Estimate(self.board, chores, last).begin(position)
        return work.then(
            lambda sum_: HousekeepingPlan(tuple(findings), chores, sum_, is_running=state.runs)
        )

    def _status(self) -> Reply[HousekeepingStatus]:
        # What follows may be done by another thread: the rate is taken now.
        state, rate = self._state, self._pace.rate
        question = DescribeUnfinished(
            name=self._name, position=state.position, last=max(state.to_process, 0), limit=TOLD
        )
        backlog = self.board.ask_soon(question)
        return backlog.then(lambda found: self._described(state, rate, found))

    def _described(
        self, state: PassState, rate: float | None, backlog: Unfinished
    ) -> HousekeepingStatus:
        now, end = self.clock.now(), None
        if state.runs and rate and not self._paused:
            seconds = backlog.studies / rate
            end = now + seconds if self._at_once else self._schedule.end_of(now, seconds)
        window = None if self._schedule.is_always else self._schedule.next_opening(now)
        return HousekeepingStatus(
            condition=self._condition(now, has_work=state.runs or bool(backlog.first)),
            started=state.started,
            processed=state.processed,
            last=state.to_process,
            current=state.current,
            completed=state.completed,
            studies_done=state.done,
            backlog=backlog if state.runs else replace(backlog, studies=0),
            is_paused=self._paused,
            rate=rate,
            end=end,
            next_window=window,
            problem=self._problem,
        )

    def _condition(self, now: float, *, has_work: bool) -> str:
        """What the housekeeper is doing, in a word."""
        if self._paused:
            return "Paused"
        if not has_work and not self._under_way:
            return "Idle"
        if not self._at_once and not self._schedule.is_open(now):
            return "OutsideSchedule"
        if self._problem:
            return "Postponed"
        return "BackingOff" if self._rests else "Working"
