"""Files that jobs make."""

from repertory.actors.messages.base import Command, Query, message
from repertory.actors.messages.instances import Body
from repertory.jobs import JobId, JobOutput
from repertory.model import Attachment


@message
class StoreOutput(Command[Attachment]):
    """Store a file that a job made.

    It belongs to the job from the end of the step on that names it among its outputs. If that is
    never recorded, because the archive crashed, the next check finds the file to be an orphan.
    """

    content: Body


@message
class DescribeJobOutput(Query[JobOutput]):
    """A file that a job made.

    Raises:
        UnknownItem: there is no such job, or it has no file under that key.
    """

    id: JobId
    key: str


@message
class ListJobOutputs(Query[tuple[Attachment, ...]]):
    """All files that jobs made and that are still there."""


@message
class DeleteJobOutput(Command[None]):
    """Release a file that a job made.

    Raises:
        UnknownItem: there is no such job, or it has no file under that key.
    """

    id: JobId
    key: str
