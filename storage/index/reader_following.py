"""The part of an index's reader that is about events and targets."""

from collections.abc import Collection
from contextlib import AbstractContextManager

from repertory.events import DeadLetter, EventPage, TargetPlace
from repertory.model import ChangeType
from repertory.storage.index.database import Database
from repertory.storage.index.operations import following


class ReaderFollowing:
    """A part of ``DatabaseReader``, apart from it for length only."""

    _state: AbstractContextManager[Database]

    def list_events(
        self, since: int, limit: int, types: Collection[ChangeType], *, main_tags: bool = False
    ) -> EventPage:
        """Some events in ascending order."""
        with self._state as db:
            return following.list_events(db, since, limit, types, main_tags=main_tags)

    def list_targets(self) -> tuple[TargetPlace, ...]:
        """The targets that are enabled."""
        with self._state as db:
            return following.list_targets(db)

    def list_dead_letters(self, name: str, since: int, limit: int) -> tuple[DeadLetter, ...]:
        """Dead letters of a target."""
        with self._state as db:
            return following.list_dead_letters(db, name, since, limit)
