"""What nodes that share an index ask of it: parts of ``IndexReader`` and ``IndexWriter``."""

from collections.abc import Collection, Sequence
from typing import Protocol

from repertory.deletion import ReleasedFile
from repertory.jobs import JobId, JobRecord, JobState
from repertory.nodes import Node, Pulse


class NodesReader(Protocol):
    """Who shares it."""

    def list_nodes(self) -> tuple[Node, ...]:
        """The nodes that are taken for alive."""


class NodesWriter(Protocol):
    """Who does what."""

    def enter_node(self, name: str, title: str) -> int:
        """Become a node; how many unfinished copies of dead ones were released."""

    def beat(self, suspects: Sequence[tuple[str, int]], wants: Collection[str]) -> Pulse | None:
        """Say that one lives, dismiss ``suspects``, take free duties; ``None``: dismissed."""

    def take_duty(self, duty: str) -> bool:
        """Take a duty, also from another node; whether this one had it not."""

    def need_duty(self, duty: str) -> None:
        """Raise ``LeaseLost`` if another node has a duty; alone, one has all."""

    def leave_node(self) -> None:
        """Be no node any more."""

    def claim_job(self, id_: JobId) -> JobRecord | None:
        """Take a job that waits, and that nobody has; ``None``: it was not taken."""

    def return_job(self, id_: JobId) -> None:
        """Let go of a job."""

    def steer_job(self, id_: JobId, wish: JobState, now: float) -> JobRecord | None:
        """Let a job be as it is wished, whoever runs it; as it is then, ``None``: it is gone."""

    def claim_released(self, limit: int, without: Sequence[int] = ()) -> tuple[ReleasedFile, ...]:
        """Files that this node is to remove: its own that have not failed, and free ones.

        None in the storages of the numbers ``without``.
        """
