"""The index's handlers for jobs."""

from typing import TYPE_CHECKING, TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.base import Event
from repertory.actors.messages.job_outputs import (
    DeleteJobOutput,
    DescribeJobOutput,
    ListJobOutputs,
)
from repertory.actors.messages.job_records import (
    DeleteResources,
    ForgetJobs,
    ListJobRecords,
    RecordJob,
    RecordJobChange,
    RecordJobStep,
)
from repertory.actors.messages.jobs import ListJobFailures
from repertory.actors.messages.reconstruction import FindNextSeries
from repertory.actors.messages.resources import ResourceDeleted
from repertory.actors.reply import Reply
from repertory.jobs import BulkReceipt, JobFailure, JobOutput, JobRecord
from repertory.model import Attachment, ResourceId
from repertory.storage.index.base import IndexReader
from repertory.storage.index.operations.trashing import Keeping

R = TypeVar("R")


def _released(_: None) -> tuple[Event, ...]:
    return (AttachmentsReleased(),)


class IndexJobs(IndexPart):
    """A part of ``IndexActor``: what is written of jobs."""

    if TYPE_CHECKING:

        def _keeping(self) -> Keeping | None: ...

    @handles(RecordJob)
    def record_job(self, command: RecordJob) -> Reply[int]:
        """Enter a new job."""
        return self._change(lambda: self._writer.record_job(command.job))

    @handles(RecordJobStep)
    def record_job_step(self, command: RecordJobStep) -> Reply[int]:
        """Take down what a step came to."""
        runtime = command.step.run_time.at(self.clock.monotonic())
        return self._change(
            lambda: self._writer.record_job_step(command.step, runtime, self.clock.now()),
            lambda _: (AttachmentsReleased(),) if command.step.outputs else (),
        )

    @handles(RecordJobChange)
    def record_job_change(self, command: RecordJobChange) -> Reply[None]:
        """Write the state of a job."""
        return self._change(
            lambda: self._writer.record_job_change(command.job, afresh=command.afresh),
            lambda _: (AttachmentsReleased(),) if command.afresh else (),
        )

    @handles(ForgetJobs)
    def forget_jobs(self, command: ForgetJobs) -> Reply[None]:
        """Remove jobs."""
        return self._change(lambda: self._writer.forget_jobs(command.ids), _released)

    @handles(DeleteJobOutput)
    def delete_job_output(self, command: DeleteJobOutput) -> Reply[None]:
        """Release a file that a job made."""
        return self._change(
            lambda: self._writer.delete_job_output(command.id, command.key), _released
        )

    @handles(DeleteResources)
    def delete_resources(self, command: DeleteResources) -> Reply[BulkReceipt]:
        """Delete as many resources as one transaction should hold."""

        def events(receipt: BulkReceipt) -> tuple[Event, ...]:
            gone = (ResourceDeleted(level=it.level, id=it.id) for it in receipt.deleted)
            return (*gone, AttachmentsReleased()) if receipt.deleted else ()

        return self._change(
            lambda: self._writer.delete_resources(
                command.targets,
                room=command.room,
                step=command.step,
                monotonic=self.clock.monotonic(),
                now=self.clock.now(),
                keeping=self._keeping(),
            ),
            events,
        )


class IndexReaderJobs:
    """A part of ``IndexReaderActor``: what is read of jobs."""

    _reader: IndexReader

    @handles(ListJobRecords)
    def list_job_records(self, _query: ListJobRecords) -> tuple[JobRecord, ...]:
        """All jobs."""
        return self._reader.list_jobs()

    @handles(DescribeJobOutput)
    def describe_job_output(self, query: DescribeJobOutput) -> JobOutput:
        """A file that a job made."""
        return self._reader.describe_job_output(query.id, query.key)

    @handles(ListJobOutputs)
    def list_job_outputs(self, _query: ListJobOutputs) -> tuple[Attachment, ...]:
        """All files that jobs made."""
        return self._reader.list_job_outputs()

    @handles(FindNextSeries)
    def find_next_series(self, query: FindNextSeries) -> tuple[int, ResourceId] | None:
        """The series after another one."""
        return self._reader.find_next_series(query.after)

    @handles(ListJobFailures)
    def list_job_failures(self, query: ListJobFailures) -> tuple[JobFailure, ...]:
        """What a job could not do."""
        return self._reader.list_job_failures(query.id, query.since, query.limit)
