"""Mutants of what nodes do together."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.jobs.actor import JobsActor
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.nodes import NodesActor
from repertory.actors.reply import Reply
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.deletion import Backlog, ReleasedFile
from repertory.errors import IndexFailed
from repertory.jobs import JobId, JobRecord, JobStep
from repertory.model import Attachment
from repertory.nodes import Pulse
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.index.operations.jobs import find_job
from repertory.storage.index.operations.nodes import DISMISS
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation.setups import HEARTBEAT, LEASE, Parts


class _Unfenced(DatabaseWriter):
    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let the index believe that there is one node."""
        name, self._group.node = self._group.node, ""
        try:
            yield
        finally:
            self._group.node = name


class ChecksNoJobs(_Unfenced):
    """Takes down the steps of jobs that are another node's by now."""

    def record_job_step(self, step: JobStep, runtime: float, now: float) -> int:
        """Do not look whose it is."""
        with self._alone():
            return super().record_job_step(step, runtime, now)


class ChecksNoDuty(_Unfenced):
    """Takes down what was delivered by a node that has not the duty any more."""

    def move_target(
        self,
        name: str,
        position: int,
        *,
        expected: int | None = None,  # noqa: ARG002 - it is not asked
        steers: bool = False,
    ) -> None:
        """Do not look whose it is, nor where the target is."""
        with self._alone():
            super().move_target(name, position, steers=steers)


class ClaimsWhatRuns(DatabaseWriter):
    """Takes a job whoever has it."""

    def claim_job(self, id_: JobId) -> JobRecord | None:
        """Ask for no condition."""
        self._group.writing = True
        self._db.execute("UPDATE jobs SET node = ? WHERE id = ?", (self._group.node, id_))
        return find_job(self._db, id_)


class ClaimsAllFiles(DatabaseWriter):
    """Takes files to be removed that another node removes."""

    def claim_released(self, limit: int, without: Sequence[int] = ()) -> tuple[ReleasedFile, ...]:
        """Take them first."""
        self._db.execute("UPDATE released SET node = ?", (self._group.node,))
        return super().claim_released(limit, without)


class LeavesItToTheDead(DatabaseWriter):
    """Dismisses a node, and frees nothing of what it has."""

    def beat(self, suspects: Sequence[tuple[str, int]], wants: Collection[str]) -> Pulse | None:
        """Remove the nodes alone."""
        for suspect in suspects:
            self._db.execute(DISMISS, suspect)
        return super().beat(suspects, wants)


class TrustsItsMemory(DatabaseWriter):
    """Believes to know which numbers were given, though others write."""

    def _read_again(self) -> None:
        self._is_stale = False


class HasNoPatience(NodesActor):
    """Gives others up that have missed one beat."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts | {"lease": HEARTBEAT / 2})


class DoesNotRenew(NodesActor):
    """Beats, on one node, less often than its lease lasts."""

    def __init__(self, **parts: Any) -> None:
        is_first = parts["name"].startswith("node1")
        super().__init__(**parts | ({"heartbeat": 2 * LEASE} if is_first else {}))


class GivesNobodyUp(NodesActor):
    """Takes all for alive for ever."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts | {"lease": 1e9})


class PausesAlone(DeletionQueueActor):
    """Does not heed a pause that somebody wanted at another node."""

    def _compare(self, reply: Reply[Any]) -> None:
        """Look at nothing."""

    def _pauses(self, _backlog: Backlog) -> bool:
        """Tell what was said here."""
        return self._is_paused


class KeepsItsJobs(JobsActor):
    """Goes on with the jobs that were its own before others gave it up."""

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Take the new name alone."""
        self._node = event.node if self._node else ""


class WaitsForItsOwn(StabilityMonitorActor):
    """Looks for what came here alone."""

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Leave what others waited for."""


class LeavesWhatOthersWrote(StorageActor):
    """Does not look for what nodes were writing that are no more."""

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Look at nothing."""

    def _settle_leftovers(self) -> None:
        """Nor at the start."""


class TakesFromTheLiving(FilesystemArea):
    """Settles what others are just writing."""

    def __init__(self, *values: Any, **options: Any) -> None:
        super().__init__(*values, **options | {"living": lambda: ()})


class RemovesInDoubt(StorageActor):
    """Takes a file back where nobody knows whether its row was committed."""

    def take_back(self, attachment: Attachment, reply: Reply[Any]) -> None:
        """Remove it after every error but one."""

        def remove(reply: Reply[Any]) -> None:
            if reply.error is not None and not isinstance(reply.error, IndexFailed):
                it = attachment
                self._crew.tidy(lambda: self._files.remove(it.uuid, it.content_type, it.location))

        reply.on_done(remove)


def _acting(role: type[RepertoryActor], mutant: type[RepertoryActor]) -> Parts:
    return Parts(actors={role: mutant})


MUTANTS: dict[str, Callable[[], Parts]] = {
    "checks no jobs": lambda: Parts(writer=ChecksNoJobs),
    "checks no duty": lambda: Parts(writer=ChecksNoDuty),
    "claims what runs": lambda: Parts(writer=ClaimsWhatRuns),
    "claims all files": lambda: Parts(writer=ClaimsAllFiles),
    "leaves it to the dead": lambda: Parts(writer=LeavesItToTheDead),
    "trusts its memory": lambda: Parts(writer=TrustsItsMemory),
    "has no patience": lambda: _acting(NodesActor, HasNoPatience),
    "does not renew": lambda: _acting(NodesActor, DoesNotRenew),
    "gives nobody up": lambda: _acting(NodesActor, GivesNobodyUp),
    "pauses alone": lambda: _acting(DeletionQueueActor, PausesAlone),
    "keeps its jobs": lambda: _acting(JobsActor, KeepsItsJobs),
    "waits for its own": lambda: _acting(StabilityMonitorActor, WaitsForItsOwn),
    "leaves what others wrote": lambda: _acting(StorageActor, LeavesWhatOthersWrote),
    "takes from the living": lambda: Parts(area=TakesFromTheLiving),
    "removes in doubt": lambda: _acting(StorageActor, RemovesInDoubt),
}
"""By name, the parts with a mutant among them; all show where there are several nodes."""

THEMES: dict[str, str] = {
    "checks no jobs": "jobs",
    "checks no duty": "events",
    "claims what runs": "jobs",
    "claims all files": "queue",
    "pauses alone": "queue",
    "keeps its jobs": "jobs",
    "waits for its own": "quiet",
    "leaves what others wrote": "uploads",
    "takes from the living": "uploads",
    "removes in doubt": "contest",
}
"""The theme of the plans that show a mutant soon."""
