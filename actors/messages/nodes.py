"""Nodes: processes that serve one archive together, and who of them does what."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.deletion import ReleasedFile
from repertory.jobs import JobId, JobRecord, JobState
from repertory.nodes import Node, NodesState, Pulse


@message
class DescribeNodes(Query[NodesState]):
    """The nodes as this one saw them last, and who has which duty; only where there are any."""


@message
class NodesLooked(Event):
    """This node has said that it lives, and seen what others do.

    ``node`` is its name: another one than before where it was given up for dead meanwhile, and
    then nothing of what it had is its any more. ``duties`` are those that it has. ``left`` are
    nodes that were there before and are no more; ``waiting`` says that there are files to be
    removed that nobody has taken. ``told`` is up to where the callbacks of scripts and programs
    were told, by whoever tells them.
    """

    node: str
    duties: frozenset[str]
    left: tuple[str, ...] = ()
    waiting: bool = False
    told: int | None = None


# What is asked of the index


@message
class ListNodes(Query[tuple[Node, ...]]):
    """The nodes that are taken for alive."""


@message
class EnterNode(Command[int]):
    """Become a node of this name; how many unfinished copies of dead nodes were released."""

    name: str
    title: str


@message
class BeatNode(Command[Pulse | None]):
    """Say that this node lives, dismiss others, and take free duties, in one transaction.

    ``suspects`` are names and beats: who has not beaten since is given up for dead, and all that
    was its is free. ``None`` says that this node was given up for dead itself.
    """

    suspects: tuple[tuple[str, int], ...] = ()
    wants: frozenset[str] = frozenset()


@message
class LeaveNode(Command[None]):
    """Be no node any more: what is this node's is free."""


@message
class TakeDuty(Command[bool]):
    """Take a duty, also from another node: what that one still writes of it is refused.

    The answer is whether this node had it not.
    """

    duty: str


@message
class ClaimJob(Command[JobRecord | None]):
    """Take a job that waits, if nobody has it; as it is then, ``None``: it was not taken."""

    id: JobId


@message
class ReturnJob(Command[None]):
    """Let go of a job, so that any node may take it; one that is another's stays so."""

    id: JobId


@message
class SteerJob(Command[JobRecord | None]):
    """Let a job be paused, wait again, or fail (cancelled), whichever node runs it.

    The answer is the job as it is then, ``None`` where it is gone. What is over stays as it is.
    """

    id: JobId
    wish: JobState


@message
class ClaimReleased(Command[tuple[ReleasedFile, ...]]):
    """Files that this node is to remove, first released first: some that no other one has taken.

    Those that it could not remove before are left out (``ListFailedRemovals``), and those in the
    storages of the numbers ``without``.
    """

    limit: int
    without: tuple[int, ...] = ()
