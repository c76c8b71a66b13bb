"""What the index keeps of jobs: for the actor that runs them."""

from repertory.actors.messages.base import Command, Query, message
from repertory.jobs import BulkReceipt, BulkStep, JobId, JobRecord, JobStep, Target


@message
class ListJobRecords(Query[tuple[JobRecord, ...]]):
    """All jobs as they are kept, first submitted first."""


@message
class RecordJob(Command[int]):
    """Enter a new job; the answer is its number, which grows with submission."""

    job: JobRecord


@message
class RecordJobStep(Command[int]):
    """Take down what a step of a job came to: its new position, and whether it is done.

    The answer is how many things the job could not do by now. A step that is taken down twice,
    and one of a job that is gone, does no harm.
    """

    step: JobStep


@message
class RecordJobChange(Command[None]):
    """Write the state of a job, and why it is so; its position is that of the step before.

    ``afresh`` puts it back to its beginning, and forgets what it could not do.
    """

    job: JobRecord
    afresh: bool = False


@message
class ForgetJobs(Command[None]):
    """Remove jobs, with all that is kept of them; to forget one twice does no harm."""

    ids: tuple[JobId, ...]


@message
class DeleteResources(Command[BulkReceipt]):
    """Delete resources in their order, in one transaction, until about ``room`` instances are gone.

    At least one is gone through; those that are not there are passed over. ``step`` is that of the
    job whose work it is, and is taken down in the same transaction. The files go later.
    """

    targets: tuple[Target, ...]
    room: int = 1000
    step: BulkStep | None = None
