"""The actor that runs jobs, and answers for them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.jobs.base import Job, Parameters
from repertory.actors.jobs.live import LiveJob
from repertory.actors.jobs.running import JobRunner, JobsDue
from repertory.actors.messages.job_records import (
    ForgetJobs,
    ListJobRecords,
    RecordJob,
    RecordJobChange,
)
from repertory.actors.messages.jobs import (
    CancelJob,
    DeleteJob,
    DescribeJob,
    JobSubmitted,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
    RunJob,
    SubmitJob,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    BadRequest,
    Forbidden,
    JobCancelled,
    RepertoryError,
    UnknownItem,
    UnknownResource,
)
from repertory.jobs import JobDescription, JobError, JobId, JobRecord, JobState

log = structlog.get_logger(__name__)

R = TypeVar("R")


class JobsActor(JobRunner, RepertoryActor):
    """Runs jobs, some at a time, step after step; the index keeps what they are and how far.

    A step is asked of other actors, so that this one is always there to answer. What is answered
    is on the medium. A start goes on with the jobs that had not ended, each from the end of its
    last step.
    """

    rank = 5

    def __init__(
        self,
        *,
        board: Switchboard,
        types: Mapping[str, type[Job]],
        concurrent: int = 2,
        history_size: int = 10,
        keeps: bool = True,
        read_only: bool = False,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
            board: the switchboard.
            types: the types of job, by name.
            concurrent: how many jobs run at a time (``ConcurrentJobs``).
            history_size: how many of those that are over are kept (``JobsHistorySize``).
            keeps: whether a start goes on with the jobs of the last run (``SaveJobs``).
            read_only: whether jobs can be looked at only.
            shared: whether other nodes run jobs of the same archive.
        """
        super().__init__(board=board)
        self._types = types
        self._concurrent = concurrent
        self._history_size = history_size
        self._keeps = keeps
        self._read_only = read_only
        self._shared = shared
        self._node = ""
        self._jobs: dict[JobId, LiveJob] = {}
        self._queue: list[tuple[tuple[int, int], JobId]] = []
        self._history: dict[JobId, None] = {}
        self._looks = 0

    def open(self) -> None:
        """Take up the jobs of the last run."""
        if self._shared:
            self._join_nodes()
            self.tell_self(JobsDue())
            return
        records = self.board.ask(ListJobRecords())
        if not self._keeps:
            if records and not self._read_only:
                self.board.ask(ForgetJobs(ids=tuple(record.id for record in records)))
                log.info("jobs_discarded", count=len(records))
            return
        for kept in records:
            record = replace(kept, node=None)  # there may have been nodes once; now there are none
            work = self._read_again(record)
            self._jobs[record.id] = LiveJob(record=record, work=work, state=record.state)
        if self._read_only:
            return
        over = [job for job in self._jobs.values() if job.state.is_final]
        over.sort(key=lambda job: job.record.completed_at or 0.0)
        self._history = {job.record.id: None for job in over}
        self._trim_history()
        for job in self._jobs.values():
            if job.state is JobState.PENDING:
                self._enqueue(job)
        # Steps begin when the start is over.
        self.tell_self(JobsDue())

    def close(self) -> None:
        """Nothing is lost: the index knows."""
        for job in self._jobs.values():
            job.abandon()

    @handles(SubmitJob)
    def submit_job(self, command: SubmitJob) -> JobId:
        """Enter a job."""
        return self._submit(command).record.id

    @handles(RunJob)
    def run_job(self, command: RunJob) -> Reply[JobDescription]:
        """Enter a job; the answer comes when it is over."""
        job = self._submit(command, fleeting=command.fleeting)
        over: Reply[JobDescription] = Reply()
        job.waiting.append(over)
        return over

    @handles(ListJobs)
    def list_jobs(self, query: ListJobs) -> tuple[JobDescription, ...]:
        """Some jobs."""
        self._looks += 1
        self._refresh()
        found = [
            job
            for job in self._jobs.values()
            if (not query.states or job.state in query.states)
            and (not query.types or job.record.type in query.types)
        ]
        last = query.since + query.limit if query.limit else None
        return tuple(job.describe(self.clock) for job in found[query.since : last])

    @handles(DescribeJob)
    def describe_job(self, query: DescribeJob) -> JobDescription:
        """One job."""
        self._looks += 1
        return self._find_fresh(query.id, UnknownResource).describe(self.clock)

    @handles(PauseJob)
    def pause_job(self, command: PauseJob) -> None:
        """Stop a job between two steps."""
        job = self._find_fresh(command.id)
        if job.state.is_final or JobState.PAUSED in {job.state, job.wish}:
            return
        if job.wish is not None:
            raise BadRequest("The job is being cancelled.")
        if self._node:
            self._steer(job, JobState.PAUSED)
            return
        self._record(job, JobState.PAUSED)
        job.wish = JobState.PAUSED
        if job.state is not JobState.RUNNING or job.is_between_steps:
            self._grant(job)

    @handles(ResumeJob)
    def resume_job(self, command: ResumeJob) -> None:
        """Go on with a paused job."""
        job = self._find_fresh(command.id)
        if self._node and JobState.PAUSED in {job.state, job.wish}:
            self._steer(job, JobState.PENDING)
            log.info("job_resumed", job=command.id, type=job.record.type)
            return
        if job.wish is JobState.PAUSED:
            self._record(job, JobState.PENDING)
            job.wish = None  # its step is not over yet: as if nothing had been said
            return
        if job.state is not JobState.PAUSED:
            raise BadRequest("The job is not paused.")
        self._record(job, JobState.PENDING)
        job.rest(JobState.PENDING, self.clock)
        log.info("job_resumed", job=command.id, type=job.record.type)
        self._line_up(job)

    @handles(CancelJob)
    def cancel_job(self, command: CancelJob) -> None:
        """Let a job fail."""
        job = self._find_fresh(command.id)
        if job.state.is_final or job.wish is JobState.FAILURE:
            return
        if self._node:
            self._steer(job, JobState.FAILURE)
            return
        error = JobCancelled()
        self._record(job, JobState.FAILURE, error=error)
        job.wish = JobState.FAILURE
        if job.state is not JobState.RUNNING or job.is_between_steps:
            self._grant(job)

    @handles(ResubmitJob)
    def resubmit_job(self, command: ResubmitJob) -> None:
        """Begin a job that failed once more."""
        job = self._find_fresh(command.id)
        if job.state is not JobState.FAILURE:
            raise BadRequest("The job did not fail.")
        if job.record.node:
            raise BadRequest("The job is being cancelled.")
        afresh = replace(
            job.record,
            state=JobState.PENDING,
            position={},
            progress=0.0,
            runtime=0.0,
            completed_at=None,
            error=None,
            failure_count=0,
        )
        self._write(lambda: self.board.ask(RecordJobChange(job=afresh, afresh=True)))
        self._history.pop(command.id, None)
        job.record, job.state, job.retries = afresh, JobState.PENDING, 0
        job.work = self._read_again(afresh)
        self._announce(job)

    @handles(DeleteJob)
    def delete_job(self, command: DeleteJob) -> None:
        """Forget a job that is over."""
        job = self._find_fresh(command.id, UnknownItem)
        if not job.state.is_final or job.record.node:
            raise UnknownItem("The job is not over.")
        self._write(lambda: self.board.ask(ForgetJobs(ids=(command.id,))))
        del self._jobs[command.id]
        self._history.pop(command.id, None)

    def _submit(self, command: SubmitJob | RunJob, *, fleeting: bool = False) -> LiveJob:
        record = JobRecord(
            id=JobId(str(uuid.uuid4())),
            type=command.type,
            parameters=command.parameters,
            created_at=self.clock.now(),
            priority=command.priority,
            user_data=command.user_data,
            fleeting=fleeting,
            node=self._owner(fleeting=fleeting),
        )
        work = self._read(record)
        number = self._write(lambda: self.board.ask(RecordJob(job=record)))
        record = replace(record, number=number)
        job = self._jobs[record.id] = LiveJob(record=record, work=work, state=record.state)
        self._announce(job)
        return job

    def _announce(self, job: LiveJob) -> None:
        log.info("job_submitted", job=job.record.id, type=job.record.type)
        self.board.publish(JobSubmitted(id=job.record.id, type=job.record.type))
        self._line_up(job)

    def _find_fresh(self, id_: JobId, unknown: type[RepertoryError] = BadRequest) -> LiveJob:
        self._refresh()
        job = self._jobs.get(id_)
        if job is None:
            raise unknown("There is no such job.")
        return job

    def _read(self, record: JobRecord) -> Job:
        kind = self._types.get(record.type)
        if kind is None:
            raise BadRequest("There is no such type of job.")
        return kind.read(Parameters(record.parameters))

    def _read_again(self, record: JobRecord) -> Job | None:
        try:
            return self._read(record)
        except RepertoryError:
            # Another version of the archive wrote it: it fails when its turn comes, with a reason.
            log.warning("job_not_understood", job=record.id, type=record.type)
            return None

    def _record(
        self, job: LiveJob, state: JobState, *, error: RepertoryError | None = None
    ) -> None:
        cause = JobError(type(error).__name__, str(error)) if error is not None else None
        kept = job.as_it_will_be(state, self.clock, error=cause)
        self._write(lambda: self.board.ask(RecordJobChange(job=kept)))
        job.is_rewritten = True

    def _write(self, work: Callable[[], R]) -> R:
        if self._read_only:
            raise Forbidden("The archive is read-only.")
        return work()
