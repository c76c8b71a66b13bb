"""Jobs of an archive that several nodes serve: who runs which, and what others wish of it."""

import heapq
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import structlog

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.jobs.base import Job
from repertory.actors.jobs.live import LiveJob
from repertory.actors.messages.job_records import ListJobRecords
from repertory.actors.messages.nodes import (
    ClaimJob,
    DescribeNodes,
    NodesLooked,
    ReturnJob,
    SteerJob,
)
from repertory.actors.switchboard import Switchboard
from repertory.errors import BadRequest, JobCancelled, RepertoryError
from repertory.jobs import JobId, JobRecord, JobState

log = structlog.get_logger(__name__)

R = TypeVar("R")


class JobSharing:
    """A part of ``JobsActor``.

    Where nodes share the index, it says whose each job is: a node takes one when it begins it, and
    lets go of it when it is over or paused. What this actor keeps of the jobs of others, and of
    those that nobody runs, is a copy, made anew with every beat and before every answer. Alone
    (``_node`` is empty), there are no others, and nothing of this happens.
    """

    board: Switchboard
    clock: Clock
    _jobs: dict[JobId, LiveJob]
    _queue: list[tuple[tuple[int, int], JobId]]
    _history: dict[JobId, None]
    _node: str
    _concurrent: int

    if TYPE_CHECKING:

        def _fill(self) -> None: ...
        def _grant(self, job: LiveJob) -> None: ...
        def _line_up(self, job: LiveJob) -> None: ...
        def _trim_history(self) -> None: ...
        def _end(
            self,
            job: LiveJob,
            state: JobState,
            *,
            error: RepertoryError | None = None,
            record: bool = True,
        ) -> None: ...
        def _read_again(self, record: JobRecord) -> Job | None: ...
        def _write(self, work: Callable[[], R]) -> R: ...

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Look what others submitted, wish, or left behind."""
        if not self._node:
            return
        if event.node != self._node:
            # Given up for dead: others go on with what ran here.
            self._node = event.node
            for job in self._jobs.values():
                if job.is_here:
                    self._drop(job)
        self._sync()
        self._fill()

    def _join_nodes(self) -> None:
        self._node = self.board.ask(DescribeNodes()).name
        self._sync()

    def _refresh(self) -> None:
        """Know of the jobs what the index knows, before answering for them."""
        if self._node:
            self._sync()

    def _sync(self) -> None:
        try:
            records = self.board.ask(ListJobRecords())
        except RepertoryError as error:
            log.warning("jobs_unread", error=type(error).__name__)
            return
        for record in records:
            job = self._jobs.get(record.id)
            if job is not None and job.is_here:
                if record.node == self._node:
                    self._note_wish(job, record.state)
                continue
            self._copy(job, record)
        for id_ in self._jobs.keys() - {record.id for record in records}:
            if not self._jobs[id_].is_here:
                self._forget_copy(self._jobs.pop(id_))
        waiting = (job for job in self._jobs.values() if job.state is JobState.PENDING)
        self._queue = [(job.place, job.record.id) for job in waiting]
        heapq.heapify(self._queue)
        over = [job for job in self._jobs.values() if job.state.is_final and not job.is_here]
        over.sort(key=lambda job: job.record.completed_at or 0.0)
        self._history = {job.record.id: None for job in over}
        self._trim_history()

    def _copy(self, job: LiveJob | None, record: JobRecord) -> None:
        """Keep a job as the index has it that does not run here."""
        if record.node == self._node:
            # Its beginning, or its end, got no answer: whoever has room may take it.
            self.board.ask_soon(ReturnJob(id=record.id))
            record = replace(record, node=None)
        if job is None:
            job = self._jobs[record.id] = LiveJob(
                record=record, work=self._read_again(record), state=record.state
            )
        job.record, job.state, job.wish = record, record.state, None
        if record.node is not None and not record.state.is_final:
            # To be paused, too: its step may be the last one.
            job.state = JobState.RUNNING
            job.wish = JobState.PAUSED if record.state is JobState.PAUSED else None
        if job.state.is_final:
            job.answer(self.clock)

    def _forget_copy(self, job: LiveJob) -> None:
        """A job is gone that ran elsewhere, or was forgotten there."""
        if not job.state.is_final:
            job.record = replace(job.record, state=JobState.SUCCESS, progress=1.0)
            job.state = JobState.SUCCESS
        job.answer(self.clock)

    def _drop(self, job: LiveJob) -> None:
        """Run a job no more that is another node's by now, whatever comes of its step."""
        job.run += 1
        job.rest(JobState.PENDING, self.clock)
        job.record = replace(job.record, node=None)
        log.warning("job_taken_over", job=job.record.id, type=job.record.type)

    def _claim(self, job: LiveJob) -> bool:
        """Whether a job that waits is this node's to run."""
        if not self._node or job.record.node == self._node:
            return True
        try:
            record = self.board.ask(ClaimJob(id=job.record.id))
        except RepertoryError as error:
            # If it was taken all the same, the next beat gives it back.
            log.warning("job_unclaimed", job=job.record.id, error=type(error).__name__)
            return False
        if record is None:
            return False
        job.record = record
        return True

    def _unclaim(self, job: LiveJob) -> None:
        if self._node:
            job.record = replace(job.record, node=None)
            self.board.ask_soon(ReturnJob(id=job.record.id))

    def _owner(self, *, fleeting: bool) -> str | None:
        """Whose a new job is: this node's, if it begins at once."""
        has_room = self._running() < self._concurrent and not self._queue
        return self._node if self._node and (fleeting or has_room) else None

    def _running(self) -> int:
        """How many jobs run here that count for ``ConcurrentJobs``."""
        return sum(
            job.run_time is not None and not job.record.fleeting for job in self._jobs.values()
        )

    # What somebody wishes of a job, whoever runs it

    def _steer(self, job: LiveJob, wish: JobState) -> None:
        """Have the index take down what is wished; who runs the job sees it."""
        record = self._write(lambda: self.board.ask(SteerJob(id=job.record.id, wish=wish)))
        if record is None:
            raise BadRequest("There is no such job.")
        if job.is_here:
            self._note_wish(job, record.state)
            return
        was_over = job.state.is_final
        self._copy(job, record)
        if record.node is not None or was_over:
            return
        if wish is JobState.FAILURE and record.state is wish:
            self._end(job, wish, error=JobCancelled(), record=False)
        elif job.state is JobState.PENDING:
            self._line_up(job)

    def _note_wish(self, job: LiveJob, state: JobState) -> None:
        """What the index says that a job of this node is to be."""
        if state is JobState.PENDING and job.wish is JobState.PAUSED:
            job.wish = None
        elif state in {JobState.PAUSED, JobState.FAILURE} and job.wish is not state:
            job.wish, job.is_rewritten = state, True
            if job.state is not JobState.RUNNING or job.is_between_steps:
                self._grant(job)
