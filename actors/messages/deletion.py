"""The queue of files that no resource owns any more; see also ``attachments``."""

from repertory.actors.messages.base import Command, Query, message
from repertory.deletion import Backlog, DeletionQueueState, FailedRemoval


@message
class DescribeBacklog(Query[Backlog]):
    """How many files wait to be removed, how large they are, and which cannot go.

    It takes no longer with a million of them. Of the failures, at most ``failures`` are told.
    """

    failures: int = 0


@message
class ListFailedRemovals(Query[tuple[FailedRemoval, ...]]):
    """Files that could not be removed and are to be tried again, the first due first.

    Only those up to the number ``up_to``, at most ``limit``; and those only that are due at
    ``due``, in seconds since the epoch, if it is given; and only those of ``node``, if it is named.
    None in the storages of the numbers ``without``.
    """

    up_to: int
    limit: int
    due: float | None = None
    node: str = ""
    without: tuple[int, ...] = ()


@message
class RecordFailedRemovals(Command[None]):
    """These files could not be removed: their numbers, and why not, without a path."""

    failures: tuple[tuple[int, str], ...]


@message
class RecordPause(Command[None]):
    """Remember over restarts whether nothing is to be removed."""

    is_paused: bool


@message
class FlushReleased(Command[None]):
    """Remove what waits to be removed now, without pauses, whatever failed before included.

    It is answered at once. A pause of all removals goes on afterwards; a backup that holds the
    files is waited for.
    """


@message
class PauseRemovals(Command[None]):
    """Remove nothing until ``ResumeRemovals``, over restarts too."""


@message
class ResumeRemovals(Command[None]):
    """End the pause."""


@message
class DescribeDeletionQueue(Query[DeletionQueueState]):
    """What waits to be removed, how fast it goes, and what cannot go."""
