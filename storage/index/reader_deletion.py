"""What the deletion queue reads: a part of ``DatabaseReader``, apart from it for length only."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

from repertory.deletion import Backlog, FailedRemoval, ReleasedFile
from repertory.storage.index.database import Database
from repertory.storage.index.operations import releasing


class DeletionQueueReading:
    """A part of ``DatabaseReader``."""

    _state: AbstractContextManager[Database]

    def list_released(
        self, limit: int, after: int = 0, tried: int = 0, without: Sequence[int] = ()
    ) -> tuple[ReleasedFile, ...]:
        """Files that wait to be removed, first released first."""
        with self._state as db:
            return releasing.list_released(db, limit, after, tried, without)

    def find_attachments(self, uuids: Sequence[str]) -> frozenset[str]:
        """Which of these files belong to a resource."""
        with self._state as db:
            return releasing.find_attachments(db, uuids)

    def count_released(self) -> int:
        """How many files wait to be removed."""
        with self._state as db:
            return releasing.count_released(db)

    def describe_backlog(self, failures: int = 0) -> Backlog:
        """How many files wait to be removed, and some of those that could not be."""
        with self._state as db:
            return releasing.describe_backlog(db, failures)

    def list_failed_removals(
        self,
        up_to: int,
        limit: int,
        due: float | None = None,
        node: str = "",
        without: Sequence[int] = (),
    ) -> tuple[FailedRemoval, ...]:
        """Files that could not be removed, the first due first."""
        with self._state as db:
            return releasing.list_failed_removals(db, up_to, limit, due, node=node, without=without)
