"""Jobs: long work that can be watched, paused, cancelled, and that survives a crash."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.jobs import JobDescription, JobFailure, JobId, JobState, Object, Value


@message
class SubmitJob(Command[JobId]):
    """Submit a job; the answer comes when it is on the medium, and before it has begun.

    ``type`` is a name in ``repertory.actors.jobs.JOBS``, ``parameters`` what that type takes.
    Jobs of a higher ``priority`` begin first. ``user_data`` is given back with its description.

    Raises:
        BadRequest: there is no such type, or the parameters are not what it takes.
        BadParameter: a parameter has a value that means nothing.
    """

    type: str
    parameters: Object
    priority: int = 0
    user_data: Value = None


@message
class RunJob(Command[JobDescription]):
    """Submit a job, and wait until it is over; whoever waits no more does not end it.

    A ``fleeting`` job begins at once, however many others run, and is forgotten once it has
    succeeded: for short work that somebody waits for.

    Raises:
        BadRequest, BadParameter: as for ``SubmitJob``.
        NoReplyInTime: the archive stops; the job goes on when it starts again.
    """

    type: str
    parameters: Object
    priority: int = 0
    user_data: Value = None
    fleeting: bool = False


@message
class ListJobs(Query[tuple[JobDescription, ...]]):
    """The jobs in order of submission, those in one of ``states`` and of one of ``types``.

    Empty: whatever they are. ``limit`` 0 means no limit.
    """

    states: frozenset[JobState] = frozenset()
    types: frozenset[str] = frozenset()
    since: int = 0
    limit: int = 0


@message
class DescribeJob(Query[JobDescription]):
    """One job.

    Raises:
        UnknownResource: there is no such job.
    """

    id: JobId


@message
class ListJobFailures(Query[tuple[JobFailure, ...]]):
    """What a job could not do although it went on, in the order of the items.

    ``limit`` 0 means no limit. Nothing is listed of a job that is not there.
    """

    id: JobId
    since: int = 0
    limit: int = 0


@message
class PauseJob(Command[None]):
    """Begin no further step of a job; one that is over stays as it is.

    Raises:
        BadRequest: there is no such job (as Orthanc has it).
    """

    id: JobId


@message
class ResumeJob(Command[None]):
    """Go on with a paused job.

    Raises:
        BadRequest: there is no such job, or it is not paused.
    """

    id: JobId


@message
class CancelJob(Command[None]):
    """Let a job fail between two steps; one that is over stays as it is.

    Raises:
        BadRequest: there is no such job.
    """

    id: JobId


@message
class ResubmitJob(Command[None]):
    """Do a job that failed once more, from its beginning.

    Raises:
        BadRequest: there is no such job, or it did not fail.
    """

    id: JobId


@message
class DeleteJob(Command[None]):
    """Forget a job that is over.

    Raises:
        UnknownItem: there is no such job, or it is not over.
    """

    id: JobId


@message
class JobSubmitted(Event):
    """A job was submitted."""

    id: JobId
    type: str


@message
class JobSucceeded(Event):
    """A job has done what it was to do, as far as that was possible."""

    id: JobId
    type: str


@message
class JobFailed(Event):
    """A job ended by an error, or was cancelled."""

    id: JobId
    type: str
