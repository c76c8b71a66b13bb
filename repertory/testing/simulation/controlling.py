"""Clients that tell the archive's own work what to do: the queue, jobs, stability, webhooks."""

from collections import Counter
from typing import Any

from repertory.actors.messages.base import Question
from repertory.actors.messages.deletion import (
    DescribeDeletionQueue,
    FlushReleased,
    PauseRemovals,
    ResumeRemovals,
)
from repertory.actors.messages.delivery import PauseTarget, ResumeTarget
from repertory.actors.messages.jobs import (
    CancelJob,
    DescribeJob,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
)
from repertory.actors.messages.stability import DeclareStable, DeclareUnstable
from repertory.errors import BadRequest, RepertoryError, UnknownItem
from repertory.jobs import JobDescription, JobId, JobState
from repertory.model import Level
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import id_of
from repertory.testing.simulation.deleting import Deleting
from repertory.testing.simulation.listening import NAME
from repertory.testing.simulation.model import Model
from repertory.testing.simulation.world import World

_LASTING = frozenset({JobState.PAUSED, JobState.SUCCESS, JobState.FAILURE})


class Controlling(Deleting):
    """Asks for what is done in the background to be done otherwise."""

    def __init__(self, world: World, model: Model) -> None:
        super().__init__(world, model)
        self._promised: dict[JobId, JobState] = {}
        """What jobs are until somebody wishes otherwise."""
        self._wishes: Counter[JobId] = Counter()
        self.may_forget_changes = False

    # The deletion queue

    def pause_removals(self) -> None:
        """Let nothing be removed."""
        pauses = self._world.pauses
        moment = pauses.moment()
        if self._is_done(PauseRemovals()):
            pauses.begin(moment)

    def resume_removals(self) -> None:
        """Let the removals go on."""
        with self._world.pauses.ending():
            self._is_done(ResumeRemovals())

    def flush_removals(self) -> None:
        """Let everything be removed that waits, pause or not."""
        self._world.pauses.note_flush()
        self._is_done(FlushReleased())

    # Stability

    def declare_stable(self, level: int, number: int) -> None:
        """Declare a patient, study or series stable."""
        place = self._place(level, number)
        books = self._world.books
        began = books.find(*place)
        told = books.told(began)
        with books.declared.stable(place):
            declared = self._try(DeclareStable(level=place[0], id=place[1]))
        is_there = began is not None and books.find(*place) == began
        if declared and is_there and not self.may_forget_changes and books.told(began) == told:
            raise Violation("declared is told", f"{place} was declared stable without a word")

    def declare_unstable(self, level: int, number: int) -> None:
        """Let the time in which it has to be quiet begin anew."""
        place = self._place(level, number)
        books = self._world.books
        began, moment = books.find(*place), self._world.scheduler.clock.now()
        with books.declared.unstable(place):
            answer = self._try(DeclareUnstable(level=place[0], id=place[1]))
        if answer is not None and began is not None:
            books.declared.note_unstable(began, moment)

    # Jobs

    def pause_job(self, choice: int) -> None:
        """Pause a job that somebody has submitted."""
        self._order(choice, PauseJob)

    def submit_paused(self, level: int, number: int) -> None:
        """Submit two deletions, and pause the second at once."""
        self.submit_deletion(level, number)
        known = len(self.jobs)
        self.submit_deletion(level, number)
        if len(self.jobs) > known:
            self._order(known, PauseJob)

    def resume_job(self, choice: int) -> None:
        """Go on with it."""
        self._order(choice, ResumeJob)

    def cancel_job(self, choice: int) -> None:
        """Let it fail."""
        self._order(choice, CancelJob)

    def resubmit_job(self, choice: int) -> None:
        """Do it once more."""
        self._order(choice, ResubmitJob)

    def _order(
        self, choice: int, order: type[PauseJob | ResumeJob | CancelJob | ResubmitJob]
    ) -> None:
        # Of those alone that nobody waits for: who waits for a paused job waits for long.
        if not self.jobs:
            return
        id_ = list(self.jobs)[choice % len(self.jobs)]
        self._promised.pop(id_, None)
        self._wishes[id_] += 1
        wish = self._wishes[id_]
        if not self._is_done(order(id=id_)):
            return
        found: JobDescription | None = self._try(DescribeJob(id=id_))
        if found is not None and found.state in _LASTING and self._wishes[id_] == wish:
            self._promised[id_] = found.state

    # Webhooks

    def pause_events(self) -> None:
        """Let the listener hear nothing."""
        if self._world.listener is not None:
            self._is_done(PauseTarget(name=NAME))

    def resume_events(self) -> None:
        """Let it hear."""
        if self._world.listener is not None:
            self._is_done(ResumeTarget(name=NAME))

    # At rest

    def end_pauses(self) -> None:
        """Look whether all that was paused is; then let it go on."""
        jobs = self.ask(ListJobs())
        for job in jobs:
            promised = self._promised.get(job.record.id, job.state)
            if job.state is not promised:
                what = f"A job that was {promised.value} is {job.state.value}"
                raise Violation("a job stays what it was", what)
        if self._world.pauses.is_paused and not self.ask(DescribeDeletionQueue()).is_paused:
            raise Violation("nothing goes in a pause", "a pause is forgotten")
        self._promised.clear()
        for job in jobs:
            if job.state is JobState.PAUSED:
                self.ask(ResumeJob(id=job.record.id))
        self.resume_removals()
        self.resume_events()

    @staticmethod
    def _place(level: int, number: int) -> tuple[Level, Any]:
        return Level(min(level, Level.SERIES)), id_of(Level(min(level, Level.SERIES)), number)

    def _is_done(self, question: Question[Any]) -> bool:
        try:
            self.ask(question)
        except (BadRequest, UnknownItem):
            return False
        except RepertoryError as error:
            self._world.scheduler.note(f"perhaps done: {type(error).__name__}")
            return False
        return True
