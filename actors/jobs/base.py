"""What a type of job is: parameters that are kept, steps, and what it tells of itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import IndexBusy, RepertoryError, ShuttingDown
from repertory.jobs import JobFailure, JobId, JobOutput, JobStep, Object, RunTime
from repertory.members import Members

T = TypeVar("T")

_NOTHING_DONE = (IndexBusy, ShuttingDown)


class Parameters(Members):
    """The parameters of a job as JSON has them, each of the type that it must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A job's turn to do one step: from where, and by whom."""

    board: Switchboard
    job: JobId
    run_time: RunTime
    position: Object
    steps_back: bool = False
    """Whether others are served, for whom the job makes room: then a short step is better."""

    def ends(
        self,
        position: Object,
        *,
        progress: float = 0.0,
        done: bool = False,
        failures: tuple[JobFailure, ...] = (),
        outputs: tuple[JobOutput, ...] = (),
        pause: float = 0.0,
        rests: bool = False,
    ) -> JobStep:
        """What the step came to.

        Args:
            position: where the next step goes on; all that it needs to know, as JSON.
            progress: how much of the whole job is done, 0 to 1.
            done: whether there is nothing left.
            failures: what could not be done, although the job goes on.
            outputs: files that were made (``StoreOutput``), and that are the job's from now on.
            pause: seconds to wait before the next step.
            rests: whether it waits in the state Retry, so that another job may run meanwhile.
        """
        return JobStep(
            job=self.job,
            run_time=self.run_time,
            position=position,
            progress=progress,
            done=done,
            failures=failures,
            outputs=outputs,
            pause=pause,
            rests=rests,
        )

    def attempt(self, item: str, reply: Reply[Any]) -> Reply[tuple[JobFailure, ...]]:
        """What became of one thing that was asked for: no failure, or that it could not be done.

        A refusal, and what the archive failed to do, are the item's failure: the job goes on.
        After ``IndexBusy`` and ``ShuttingDown`` nothing was done; these, and defects, pass through.

        Args:
            item: by what clients know it.
            reply: what will be the answer.
        """
        outcome: Reply[tuple[JobFailure, ...]] = Reply()

        def note(reply: Reply[Any]) -> None:
            error = reply.error
            if error is None:
                outcome.set(())
            elif isinstance(error, RepertoryError) and not isinstance(error, _NOTHING_DONE):
                outcome.set((JobFailure(item, str(error)),))
            else:
                outcome.refuse(error)

        reply.on_done(note)
        return outcome


class Job(ABC):
    """One job of a type: made from its parameters when it is submitted, and after each start.

    It keeps nothing between two steps: what a step must know stands in the position that the step
    before it ended with. A crash makes the step that was being done be done once more, so a step
    that is repeated must do no harm.
    """

    type: ClassVar[str]
    """Its name, as clients see it."""

    busy_share: int | None = None
    """Per cent of the time that it works while requests are served; ``None``: it does not look.

    A job that looks rests between two steps, and its content says so: ``BackingOff``.
    """

    @classmethod
    @abstractmethod
    def read(cls, parameters: Parameters) -> Self:
        """Make the job from what is kept of it: JSON that anybody may have written.

        Raises:
            BadRequest: a parameter is missing, or is of a wrong type.
            BadParameter: one has a value that means nothing.
        """

    @abstractmethod
    def step(self, turn: Turn) -> JobStep | Reply[JobStep]:
        """Do the next step, from ``turn.position``, which is empty at first.

        It is called in the thread of ``JobsActor`` and must not wait: whatever takes time is asked
        of other actors, and the reply that it gives is what becomes of their answers. An error ends
        the job; but after ``IndexBusy``, the step is tried again later.
        """

    @abstractmethod
    def content(self, position: Object) -> Object:
        """What clients are told of the job when it has come so far."""
