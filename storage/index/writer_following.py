"""The part of an index's writer that is about events and targets."""

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from repertory.events import ArchiveEvent, TargetPlace
from repertory.storage.index.database import Database
from repertory.storage.index.operations import following
from repertory.storage.index.operations.group import Group

T = TypeVar("T")


class WriterFollowing:
    """A part of ``DatabaseWriter``, apart from it for length only."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def hold(self, reader: str, position: int | None) -> int:
        """Keep what leaves the log after ``position``."""
        return self._change(following.hold, self._db, self._group, reader, position)

    def let_go(self, reader: str) -> None:
        """Keep nothing for a reader any more."""
        self._change(following.let_go, self._db, self._group, reader)

    def enlist_targets(self, names: Collection[str]) -> tuple[TargetPlace, ...]:
        """These targets are to be told, and no others."""
        return self._change(following.enlist_targets, self._db, self._group, names)

    def move_target(
        self, name: str, position: int, *, expected: int | None = None, steers: bool = False
    ) -> None:
        """A target was told of all up to ``position``."""
        move = partial(following.move_target, expected=expected, steers=steers)
        self._change(move, self._db, self._group, name, position)

    def pause_target(self, name: str, *, paused: bool) -> None:
        """Tell a target nothing, or go on."""
        pause = partial(following.pause_target, paused=paused)
        self._change(pause, self._db, self._group, name)

    def bury(self, name: str, event: ArchiveEvent, reason: str, attempts: int, now: float) -> None:
        """Put an event aside that a target refused, and go on behind it."""
        why = (reason, attempts, now)
        self._change(following.bury, self._db, self._group, name, event, why)

    def drop_dead_letters(self, name: str, numbers: Sequence[int] | None) -> int:
        """Forget dead letters of a target."""
        return self._change(following.drop_dead_letters, self._db, self._group, name, numbers)
