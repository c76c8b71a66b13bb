"""What is read of the trash: a part of ``DatabaseReader``, apart from it for length only."""

from contextlib import AbstractContextManager

from repertory.storage.index.database import Database
from repertory.storage.index.operations import trashing
from repertory.trash import TrashContent, TrashEntry


class TrashReading:
    """A part of ``DatabaseReader``."""

    _state: AbstractContextManager[Database]

    def list_trash(self, since: int, limit: int) -> tuple[TrashEntry, ...]:
        """What is in the trash, the last deleted first."""
        with self._state as db:
            return trashing.list_trash(db, since, limit)

    def describe_trash(self, name: str) -> TrashContent:
        """One entry of the trash."""
        with self._state as db:
            return trashing.describe_trash(db, name)

    def list_trashed_files(
        self, after: tuple[int, int, int], limit: int
    ) -> tuple[tuple[int, int, int, bytes], ...]:
        """Files in the trash, some at a time."""
        with self._state as db:
            return trashing.list_trashed_files(db, after, limit)
