"""The parts of the reader and the writer of an index that are about nodes that share it."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, TypeVar

from repertory.deletion import ReleasedFile
from repertory.jobs import JobId, JobRecord, JobState
from repertory.nodes import Node, Pulse
from repertory.storage.index.database import Database
from repertory.storage.index.operations import duties, job_claims, nodes, releasing
from repertory.storage.index.operations.group import Group

T = TypeVar("T")


class ReadsNodes:
    """A part of ``DatabaseReader``."""

    _db: Database

    def list_nodes(self) -> tuple[Node, ...]:
        """The nodes that are taken for alive."""
        return nodes.list_nodes(self._db)


class WritesNodes:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def enter_node(self, name: str, title: str) -> int:
        """Become a node."""
        return self._change(nodes.enter_node, self._db, self._group, name, title)

    def beat(self, suspects: Sequence[tuple[str, int]], wants: Collection[str]) -> Pulse | None:
        """Say that one lives, dismiss the dead, take free duties."""
        return self._change(nodes.beat, self._db, self._group, suspects, wants)

    def take_duty(self, duty: str) -> bool:
        """Take a duty, also from another node; whether this one had it not."""
        return self._change(duties.take_duty, self._db, self._group, duty)

    def need_duty(self, duty: str) -> None:
        """Raise ``LeaseLost`` if another node has a duty."""
        self._change(duties.need_duty, self._db, self._group, duty)

    def leave_node(self) -> None:
        """Be no node any more."""
        self._change(nodes.leave_node, self._db, self._group)

    def claim_job(self, id_: JobId) -> JobRecord | None:
        """Take a job that waits, and that nobody has."""
        return self._change(job_claims.claim_job, self._db, self._group, id_)

    def return_job(self, id_: JobId) -> None:
        """Let go of a job."""
        self._change(job_claims.return_job, self._db, self._group, id_)

    def steer_job(self, id_: JobId, wish: JobState, now: float) -> JobRecord | None:
        """Let a job be as it is wished."""
        return self._change(job_claims.steer_job, self._db, self._group, id_, wish, now)

    def claim_released(self, limit: int, without: Sequence[int] = ()) -> tuple[ReleasedFile, ...]:
        """Files that this node is to remove."""
        return self._change(releasing.claim_released, self._db, self._group, limit, without)
