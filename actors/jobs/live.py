"""A job in the memory of the actor that runs it."""

from dataclasses import dataclass, field, replace
from typing import Any

from repertory.actors.clock import Appointment, Clock
from repertory.actors.jobs.base import Job
from repertory.actors.pace import Pace
from repertory.actors.reply import Reply
from repertory.errors import NoReplyInTime
from repertory.jobs import JobDescription, JobError, JobRecord, JobState, Object, RunTime

_LEAST_PROGRESS = 0.01
"""Before that, nobody can say when a job will be done."""


@dataclass(slots=True)
class LiveJob:
    """A job, with what is not kept of it.

    ``work`` is what does its steps, ``None`` where that is not known any more. ``run`` numbers its
    runs, so that what is late of one that is over is known for it. ``wish`` is the state that it
    is to have once its present step is over; ``is_rewritten`` says that the index was told of some
    wish since that step began, even if it was taken back. ``steps_back`` says that it rests, or did
    before its present step, because others are served; ``pace`` is by what it knows.
    """

    record: JobRecord
    work: Job | None
    state: JobState
    run: int = 0
    run_time: RunTime | None = None
    wish: JobState | None = None
    is_rewritten: bool = False
    is_between_steps: bool = False
    alarm: Appointment | None = None
    retries: int = 0
    pace: Pace | None = None
    steps_back: bool = False
    waiting: list[Reply[JobDescription]] = field(default_factory=list)

    @property
    def place(self) -> tuple[int, int]:
        """Its place among those that wait: a higher priority first, then who came first."""
        return (-self.record.priority, self.record.number)

    @property
    def is_here(self) -> bool:
        """Whether it runs in this process, or waits to be tried again."""
        return self.run_time is not None or self.state is JobState.RETRY

    def begin(self, clock: Clock) -> None:
        """Run from now on."""
        self.state = JobState.RUNNING
        self.run += 1
        self.run_time = RunTime(self.record.runtime, clock.monotonic())

    def rest(self, state: JobState, clock: Clock, **changes: Any) -> None:
        """Run no more, and have ``state``; Retry is a state that is not kept."""
        self.cancel_alarm()
        kept = JobState.PENDING if state is JobState.RETRY else state
        self.record = replace(
            self.record, **{"state": kept, "runtime": self.runtime(clock), **changes}
        )
        self.state = state
        self.run_time = None
        self.wish = None
        self.is_between_steps = False
        self.pace = None
        self.steps_back = False

    def begin_step(self) -> None:
        """A step begins, about which nobody has wished anything yet."""
        self.is_between_steps = self.is_rewritten = False
        if self.pace is not None:
            self.pace.begin()

    def end_step(self, pause: float) -> float:
        """A step is over; the seconds to wait before the next one, ``pause`` of them at least."""
        rest = 0.0
        if self.pace is not None:
            self.pace.end(0)
            rest = self.pace.rest()
        self.steps_back = rest > 0
        return max(pause, rest)

    def as_it_will_be(
        self, state: JobState, clock: Clock, *, error: JobError | None = None
    ) -> JobRecord:
        """What is to be kept of it once it has ``state``."""
        completed_at = clock.now() if state.is_final else None
        return replace(
            self.record,
            state=state,
            runtime=self.runtime(clock),
            completed_at=completed_at,
            error=error,
            node=None if state.is_final else self.record.node,
        )

    def runtime(self, clock: Clock) -> float:
        """The seconds that it has run."""
        if self.run_time is None:
            return self.record.runtime
        return self.run_time.at(clock.monotonic())

    def cancel_alarm(self) -> None:
        """Wait for nothing any more."""
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None

    def describe(self, clock: Clock) -> JobDescription:
        """It as it is now."""
        record, now = self.record, clock.now()
        runtime, progress = self.runtime(clock), self.record.progress
        arrives_at = None
        if self.state is JobState.RUNNING and progress > _LEAST_PROGRESS:
            arrives_at = now + runtime * (1 - progress) / progress
        content: Object = {} if self.work is None else self.work.content(record.position)
        if self.work is not None and self.work.busy_share is not None:
            is_elsewhere = self.state is JobState.RUNNING and not self.is_here
            content["BackingOff"] = None if is_elsewhere else self.steps_back
        return JobDescription(
            record=record,
            state=self.state,
            content=content,
            now=now,
            runtime=runtime,
            arrives_at=arrives_at,
        )

    def answer(self, clock: Clock) -> None:
        """Tell those who wait for its end."""
        waiting, self.waiting = self.waiting, []
        for reply in waiting:
            reply.set(self.describe(clock))

    def abandon(self) -> None:
        """Tell those who wait that it goes on some other time."""
        self.cancel_alarm()
        for reply in self.waiting:
            reply.refuse(
                NoReplyInTime("The archive is stopping; the job goes on when it starts again.")
            )
