"""The parts of the reader and the writer of an index that are about jobs."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from repertory.jobs import (
    BulkReceipt,
    BulkStep,
    JobFailure,
    JobId,
    JobOutput,
    JobRecord,
    JobStep,
    Target,
)
from repertory.model import Attachment, Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations import bulk_deleting, job_outputs, jobs
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.listing import find_after
from repertory.storage.index.operations.recording import Recorder
from repertory.storage.index.operations.trashing import Keeping

T = TypeVar("T")


class DatabaseJobsReader:
    """A part of ``DatabaseReader``."""

    _db: Database

    def list_jobs(self) -> tuple[JobRecord, ...]:
        """All jobs, first submitted first."""
        return jobs.list_jobs(self._db)

    def list_job_failures(self, id_: JobId, since: int, limit: int) -> tuple[JobFailure, ...]:
        """What a job could not do."""
        return jobs.list_job_failures(self._db, id_, since, limit)

    def describe_job_output(self, id_: JobId, key: str) -> JobOutput:
        """A file that a job made."""
        return job_outputs.describe_job_output(self._db, id_, key)

    def list_job_outputs(self) -> tuple[Attachment, ...]:
        """All files that jobs made."""
        return job_outputs.list_job_outputs(self._db)

    def find_next_series(self, after: int) -> tuple[int, ResourceId] | None:
        """The series that arrived next after another one."""
        return find_after(self._db, Level.SERIES, after)


class DatabaseJobsWriter:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group
    _recorder: Recorder

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def record_job(self, job: JobRecord) -> int:
        """Enter a new job; its number."""
        return self._change(jobs.record_job, self._db, self._group, job)

    def record_job_step(self, step: JobStep, runtime: float, now: float) -> int:
        """Take down what a step came to."""
        return self._change(jobs.record_job_step, self._db, self._group, step, runtime, now)

    def record_job_change(self, job: JobRecord, *, afresh: bool = False) -> None:
        """Write the state of a job."""
        record = partial(jobs.record_job_change, afresh=afresh)
        self._change(record, self._db, self._group, job)

    def forget_jobs(self, ids: Sequence[JobId]) -> None:
        """Remove jobs."""
        self._change(jobs.forget_jobs, self._db, self._group, ids)

    def delete_job_output(self, id_: JobId, key: str) -> None:
        """Release a file that a job made."""
        self._change(job_outputs.delete_job_output, self._db, self._group, id_, key)

    def delete_resources(
        self,
        targets: Sequence[Target],
        *,
        room: int,
        step: BulkStep | None,
        monotonic: float,
        now: float,
        keeping: Keeping | None = None,
    ) -> BulkReceipt:
        """Delete resources, as many as one transaction should hold."""
        receipt = self._change(
            bulk_deleting.delete_resources,
            self._db,
            self._group,
            targets,
            room,
            step,
            monotonic,
            now,
            keeping,
        )
        self._recorder.forget()
        return receipt
