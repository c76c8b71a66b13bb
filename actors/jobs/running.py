"""Running jobs: who is next, step after step, and how each ends."""

import heapq
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pykka
import structlog

from repertory.actors.base import handles
from repertory.actors.clock import Appointment, Clock
from repertory.actors.jobs.base import Turn
from repertory.actors.jobs.live import LiveJob
from repertory.actors.jobs.sharing import JobSharing
from repertory.actors.messages.attachments import RemoveAttachment
from repertory.actors.messages.base import Event, Message, message
from repertory.actors.messages.job_records import ForgetJobs, RecordJobChange, RecordJobStep
from repertory.actors.messages.jobs import JobFailed, JobSucceeded
from repertory.actors.pace import Pace
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    IN_DOUBT,
    Failed,
    IndexBusy,
    JobCancelled,
    LeaseLost,
    RepertoryError,
    ShuttingDown,
)
from repertory.jobs import JobError, JobId, JobRecord, JobState, JobStep

log = structlog.get_logger(__name__)

_FIRST_RETRY, _LAST_RETRY = 1.0, 60.0
_DOUBLINGS = 6


@message
class JobsDue(Event):
    """Jobs may begin that wait; the actor tells it to itself."""


@message
class StepDue(Event):
    """A job that paused between two steps, or waits to be tried again, may go on."""

    job: JobId
    run: int


@message
class StepEnded(Event):
    """A step of a job is over, and taken down: its outcome, or the error that it ended by."""

    job: JobId
    run: int
    step: JobStep | None = None
    failure_count: int | None = None
    error: BaseException | None = None


class _Taken(NamedTuple):
    """A step that the index has, and how many things its job could not do, if that changed."""

    step: JobStep
    failure_count: int | None


class JobRunner(JobSharing):
    """A part of ``JobsActor``: what happens without being asked for."""

    board: Switchboard
    clock: Clock
    actor_ref: "pykka.ActorRef[Any]"
    _jobs: dict[JobId, LiveJob]
    _queue: list[tuple[tuple[int, int], JobId]]
    _history: dict[JobId, None]
    _concurrent: int
    _history_size: int
    _looks: int

    if TYPE_CHECKING:

        def tell_self(self, message: Message, *, after: float = 0.0) -> Appointment | None:
            """See ``RepertoryActor``."""

    @handles(JobsDue)
    def jobs_due(self, _event: JobsDue) -> None:
        """Begin those that may begin."""
        self._fill()

    @handles(StepDue)
    def step_due(self, event: StepDue) -> None:
        """Do the next step, or wait in the queue again."""
        job = self._jobs.get(event.job)
        if job is None or job.run != event.run:
            return
        job.alarm = None
        if job.is_between_steps:
            self._step(job)
        elif job.state is JobState.RETRY:
            job.state = JobState.PENDING
            self._line_up(job)

    @handles(StepEnded)
    def step_ended(self, event: StepEnded) -> None:
        """Go on with the job, unless it is over or somebody wishes otherwise."""
        job = self._jobs.get(event.job)
        if job is None or job.run != event.run:
            return
        step = event.step
        if step is None:
            self._note_error(job, event.error or Failed())
            return
        count = job.record.failure_count if event.failure_count is None else event.failure_count
        job.record = replace(
            job.record,
            position=step.position,
            progress=1.0 if step.done else step.progress,
            failure_count=count,
        )
        job.retries = 0
        if step.done:
            # The step's own record may have come before that of what somebody wished.
            self._end(job, JobState.SUCCESS, record=job.is_rewritten)
        elif job.wish is not None:
            self._grant(job)
        elif step.rests:
            self._rest(job, step.pause)
        else:
            self._go_on(job, step.pause)

    def _go_on(self, job: LiveJob, pause: float) -> None:
        """Take the next step, after a pause or a rest where there is to be one."""
        wait = job.end_step(pause)
        if wait > 0:
            job.is_between_steps = True
            job.alarm = self.tell_self(StepDue(job=job.record.id, run=job.run), after=wait)
        else:
            self._step(job)

    def _line_up(self, job: LiveJob) -> None:
        """Let a job begin when it is its turn; a fleeting one at once."""
        if job.record.fleeting and self._claim(job):
            self._begin(job)
        else:
            self._enqueue(job)
            self._fill()

    def _enqueue(self, job: LiveJob) -> None:
        heapq.heappush(self._queue, (job.place, job.record.id))

    def _fill(self) -> None:
        """Begin the jobs that wait, those of the highest priority first, while there is room."""
        running = self._running()
        while self._queue and running < self._concurrent:
            _, id_ = heapq.heappop(self._queue)
            job = self._jobs.get(id_)
            # It may be gone, or have come into the queue twice, paused and resumed.
            if job is not None and job.state is JobState.PENDING and self._claim(job):
                running += 1
                self._begin(job)

    def _begin(self, job: LiveJob) -> None:
        job.begin(self.clock)
        if job.work is not None and job.work.busy_share is not None:
            job.pace = Pace(self.board, self.clock, job.work.busy_share, lambda: self._looks)
        log.debug("job_begun", job=job.record.id, type=job.record.type)
        self._step(job)

    def _step(self, job: LiveJob) -> None:
        job.begin_step()
        asked: Reply[JobStep] = Reply()
        try:
            asked.set(self._ask(job))
        except Exception as error:  # noqa: BLE001 - it ends the job, and not the actor
            asked.refuse(error)
        taken: Reply[_Taken] = asked.then(self._take_down)
        taken.on_done(partial(self._tell_end, job.record.id, job.run))

    def _ask(self, job: LiveJob) -> JobStep | Reply[JobStep]:
        if job.work is None or job.run_time is None:
            raise Failed("The archive does not know how to do such a job.")
        record = job.record
        return job.work.step(
            Turn(
                board=self.board,
                job=record.id,
                run_time=job.run_time,
                position=record.position,
                steps_back=job.steps_back,
            )
        )

    def _take_down(self, step: JobStep) -> Reply[_Taken]:
        """Have the index take down what a step came to; in the thread of whoever did it."""
        if step.recorded:
            reply: Reply[_Taken] = Reply()
            reply.set(_Taken(step, None))
            return reply
        recorded = self.board.ask_soon(RecordJobStep(step=step))
        recorded.on_done(partial(self._take_back, step))
        return recorded.then(lambda count: _Taken(step, count))

    def _take_back(self, step: JobStep, reply: Reply[int]) -> None:
        """Remove the files of a step that was refused: it will be done again, and make others."""
        # As for instances: they may be recorded.
        if reply.error is not None and not isinstance(reply.error, IN_DOUBT):
            for output in step.outputs:
                it = output.attachment
                self.board.ask_soon(
                    RemoveAttachment(
                        uuid=it.uuid, content_type=it.content_type, location=it.location
                    )
                )

    def _tell_end(self, id_: JobId, run: int, reply: Reply[_Taken]) -> None:
        if reply.error is not None:
            event = StepEnded(job=id_, run=run, error=reply.error)
        else:
            taken = reply.get()
            event = StepEnded(job=id_, run=run, step=taken.step, failure_count=taken.failure_count)
        self.board.tell(self.actor_ref, event)

    def _note_error(self, job: LiveJob, error: BaseException) -> None:
        if isinstance(error, ShuttingDown):
            job.rest(JobState.PENDING, self.clock)  # nothing was done: the next start goes on
        elif isinstance(error, LeaseLost):
            self._sync()
            if job.wish is JobState.FAILURE:
                self._grant(job)  # cancelled at another node, while the step was under way
                return
            self._drop(job)
            self._sync()
        elif job.wish is not None:
            self._grant(job)
        elif isinstance(error, IndexBusy):
            self._try_later(job, error)
        else:
            self._fail(job, error)

    def _try_later(self, job: LiveJob, error: RepertoryError) -> None:
        # After a thousand retries two to their number is more than a float holds.
        delay = min(_FIRST_RETRY * 2.0 ** min(job.retries, _DOUBLINGS), _LAST_RETRY)
        job.retries += 1
        log.warning("job_postponed", job=job.record.id, error=type(error).__name__, seconds=delay)
        self._rest(job, delay)

    def _rest(self, job: LiveJob, delay: float) -> None:
        """Let a job wait for its next attempt, and another one run meanwhile."""
        job.rest(JobState.RETRY, self.clock)
        job.alarm = self.tell_self(StepDue(job=job.record.id, run=job.run), after=delay)
        self._fill()

    def _fail(self, job: LiveJob, error: BaseException) -> None:
        if not isinstance(error, RepertoryError):
            log.error("job_step_failed", job=job.record.id, type=job.record.type, exc_info=error)
            error = Failed()
        self._end(job, JobState.FAILURE, error=error)

    def _grant(self, job: LiveJob) -> None:
        """Do what was wished while a step was under way; the index knows already."""
        if job.wish is JobState.PAUSED:
            job.rest(JobState.PAUSED, self.clock)
            self._unclaim(job)
            log.info("job_paused", job=job.record.id, type=job.record.type)
            self._fill()
        else:
            self._end(job, JobState.FAILURE, error=JobCancelled())

    def _end(
        self,
        job: LiveJob,
        state: JobState,
        *,
        error: RepertoryError | None = None,
        record: bool = True,
    ) -> None:
        """Let a job be over."""
        cause = JobError(type(error).__name__, str(error)) if error is not None else None
        kept = job.as_it_will_be(state, self.clock, error=cause)
        if record and not self._record_end(job, kept):
            return
        job.rest(state, self.clock, completed_at=kept.completed_at, error=cause)
        id_, type_ = job.record.id, job.record.type
        if error is None:
            log.info("job_succeeded", job=id_, type=type_, failures=job.record.failure_count)
            self.board.publish(JobSucceeded(id=id_, type=type_))
        else:
            log.warning("job_failed", job=id_, type=type_, error=type(error).__name__)
            self.board.publish(JobFailed(id=id_, type=type_))
        job.answer(self.clock)
        if job.record.fleeting and error is None:
            del self._jobs[id_]
            if record:
                self.board.ask_soon(ForgetJobs(ids=(id_,)))
        else:
            self._history[id_] = None
            self._trim_history()
        self._fill()

    def _record_end(self, job: LiveJob, kept: JobRecord) -> bool:
        """Whether the index knows that a job is over; if not, it is not over.

        Told to be over, it would come back to life with the next start, and do its last step then.
        """
        try:
            self.board.ask(RecordJobChange(job=kept))
        except RepertoryError as failed:
            log.warning("job_unrecorded", job=job.record.id, error=type(failed).__name__)
            if isinstance(failed, LeaseLost):
                self._drop(job)
                return False
            if job.wish is JobState.FAILURE and kept.state is JobState.FAILURE:
                return True  # cancelled: the index has known it since that was answered
            job.wish = None
            self._try_later(job, failed)
            return False
        return True

    def _trim_history(self) -> None:
        """Forget the jobs that are over for longest, but for ``JobsHistorySize`` of them."""
        excess = list(self._history)[: max(len(self._history) - self._history_size, 0)]
        for id_ in excess:
            del self._history[id_]
            del self._jobs[id_]
        if excess:
            self.board.ask_soon(ForgetJobs(ids=tuple(excess)))
