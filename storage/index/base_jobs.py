"""What jobs ask of an index: parts of ``IndexReader`` and ``IndexWriter``."""

from collections.abc import Sequence
from typing import Protocol

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
from repertory.model import Attachment, ResourceId
from repertory.storage.index.operations.trashing import Keeping


class JobsReader(Protocol):
    """What is kept of jobs."""

    def list_jobs(self) -> tuple[JobRecord, ...]:
        """All jobs, first submitted first."""

    def list_job_failures(self, id_: JobId, since: int, limit: int) -> tuple[JobFailure, ...]:
        """What a job could not do, in the order of the items; ``limit`` 0 is no limit."""

    def describe_job_output(self, id_: JobId, key: str) -> JobOutput:
        """A file that a job made; ``UnknownItem`` where there is none under that key."""

    def list_job_outputs(self) -> tuple[Attachment, ...]:
        """All files that jobs made and that are still there."""

    def find_next_series(self, after: int) -> tuple[int, ResourceId] | None:
        """The series that arrived next after the one with this number, with its own."""


class JobsWriter(Protocol):
    """What jobs write. To write of a job that is gone does no harm."""

    def record_job(self, job: JobRecord) -> int:
        """Enter a new job; its number."""

    def record_job_step(self, step: JobStep, runtime: float, now: float) -> int:
        """Take down what a step came to; how many things the job could not do by now."""

    def record_job_change(self, job: JobRecord, *, afresh: bool = False) -> None:
        """Write the state of a job; ``afresh`` puts it back to its beginning, without outputs."""

    def forget_jobs(self, ids: Sequence[JobId]) -> None:
        """Remove jobs, with all that is kept of them; their outputs are released."""

    def delete_job_output(self, id_: JobId, key: str) -> None:
        """Release a file that a job made; ``UnknownItem`` where there is none under that key."""

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
        """Delete resources in their order until about ``room`` instances are gone.

        Those that are not there are passed over. ``step`` is that of the job whose work it is, and
        is taken down in the same transaction; ``monotonic`` tells how long the job has run.
        """
