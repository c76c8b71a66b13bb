"""The words for jobs: long work that can be watched, paused, killed and gone on with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NewType

from repertory.model import Attachment, Level, ResourceId, ResourceRef

JobId = NewType("JobId", str)
"""A UUID."""

Object = dict[str, Any]
"""A JSON object. What a job keeps must be JSON, for it is kept in the index."""

Value = Object | list[Any] | str | int | float | bool | None
"""Any JSON value."""


class JobState(Enum):
    """What becomes of a job; the value is Orthanc's word."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCESS = "Success"
    FAILURE = "Failure"
    PAUSED = "Paused"
    RETRY = "Retry"

    @property
    def is_final(self) -> bool:
        """Whether the job is over."""
        return self in {JobState.SUCCESS, JobState.FAILURE}


@dataclass(frozen=True, slots=True)
class JobFailure:
    """One thing that a job could not do although it went on, and the reason in a sentence."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOutput:
    """A file that a job made, under a ``key`` that is its own among those of the job.

    It goes when the job is forgotten, or begins afresh. ``filename`` is what a client may call it.
    """

    key: str
    attachment: Attachment
    media_type: str
    filename: str


@dataclass(frozen=True, slots=True)
class JobError:
    """Why a job failed as a whole: the name of a class in ``repertory.errors``, and a sentence."""

    kind: str
    details: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job as the index keeps it.

    ``number`` grows with submission, 0 until it is recorded. ``state`` is never Running: a job
    that runs is one that waits to a start after a crash. ``position`` says where the next step
    goes on, in the words of the job's type; ``progress`` is 0 to 1, ``runtime`` the seconds of all
    its steps. A ``fleeting`` job is forgotten once it has succeeded. Times are seconds since the
    epoch, UTC. ``node`` is who runs it, where nodes share the archive.
    """

    id: JobId
    type: str
    parameters: Object
    created_at: float
    priority: int = 0
    user_data: Value = None
    fleeting: bool = False
    number: int = 0
    state: JobState = JobState.PENDING
    position: Object = field(default_factory=dict)
    progress: float = 0.0
    runtime: float = 0.0
    completed_at: float | None = None
    error: JobError | None = None
    failure_count: int = 0
    node: str | None = None


@dataclass(frozen=True, slots=True)
class RunTime:
    """How long a job has run: ``before`` its present run, which began at ``since`` (monotonic)."""

    before: float
    since: float

    def at(self, monotonic: float) -> float:
        """The seconds of all its runs."""
        return self.before + max(monotonic - self.since, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStep:
    """What one step of a job came to; the index takes it down in one transaction.

    ``position`` and ``progress`` are those after it; ``done`` says that there is nothing left.
    ``failures`` are what could not be done in this step, ``outputs`` the files that it made; one of
    the same key takes the place of the one before. ``pause`` is how many seconds to wait
    before the next one; ``rests`` says that others may run meanwhile.
    ``recorded`` says that the index has it already, because it did the
    step's work in the same transaction.
    """

    job: JobId
    run_time: RunTime
    position: Object
    progress: float = 0.0
    done: bool = False
    failures: tuple[JobFailure, ...] = ()
    outputs: tuple[JobOutput, ...] = ()
    pause: float = 0.0
    rests: bool = False
    recorded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """A job as it is now: what is kept of it, what it tells of itself, and when it may end.

    ``state`` may be Running here. ``content`` is what the job's type tells, ``now`` the time of the
    description, ``arrives_at`` when a running job will be done if it goes on as until now.
    """

    record: JobRecord
    state: JobState
    content: Object
    now: float
    runtime: float
    arrives_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkStep:
    """How far a bulk deletion has come: what the index needs to take its next step down."""

    job: JobId
    run_time: RunTime
    total: int
    passed: int = 0
    deleted: int = 0

    def after(self, passed: int, deleted: int) -> JobStep:
        """The step that went through ``passed`` resources, of which it found ``deleted``."""
        passed, deleted = self.passed + passed, self.deleted + deleted
        return JobStep(
            job=self.job,
            run_time=self.run_time,
            position={"Passed": passed, "Deleted": deleted},
            progress=passed / self.total if self.total else 1.0,
            done=passed >= self.total,
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A resource that somebody names, at a level or at whatever level it is."""

    id: ResourceId
    level: Level | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReceipt:
    """How many resources were gone through, which were deleted, and the step as it was recorded."""

    passed: int
    deleted: Sequence[ResourceRef]
    step: JobStep | None = None
