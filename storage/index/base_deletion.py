"""What the deletion queue asks of an index: parts of ``IndexReader`` and ``IndexWriter``."""

from collections.abc import Sequence
from typing import Protocol

from repertory.deletion import Backlog, FailedRemoval, ReleasedFile


class DeletionQueueReader(Protocol):
    """What the queue reads."""

    def list_released(
        self, limit: int, after: int = 0, tried: int = 0, without: Sequence[int] = ()
    ) -> tuple[ReleasedFile, ...]:
        """Files that wait to be removed, first released first; those after a number.

        Up to the number ``tried``, those alone that have not failed; none in the storages of the
        numbers ``without``.
        """

    def count_released(self) -> int:
        """How many files wait to be removed; kept, not counted."""

    def describe_backlog(self, failures: int = 0) -> Backlog:
        """How many files wait to be removed, and the first of those that could not be."""

    def list_failed_removals(
        self,
        up_to: int,
        limit: int,
        due: float | None = None,
        node: str = "",
        without: Sequence[int] = (),
    ) -> tuple[FailedRemoval, ...]:
        """Files up to a number that could not be removed, the first due first.

        If ``due`` is given, those alone that are to be tried again by then; also those whose date
        lies further ahead than the longest delay, for then the clock was set back. Of a ``node``
        alone, if one is named; none in the storages ``without``.
        """


class DeletionQueueWriter(Protocol):
    """What the queue writes."""

    def forget_released(self, numbers: Sequence[int]) -> None:
        """These files are removed; to forget one twice does no harm."""

    def record_failed_removals(self, failures: Sequence[tuple[int, str]], now: float) -> None:
        """These files could not be removed: their numbers, and why not.

        How often each was tried is counted; the more often, the later it is due again. What does
        not wait any more is passed over.
        """

    def record_pause(self, *, is_paused: bool) -> None:
        """Remember whether nothing is to be removed."""
