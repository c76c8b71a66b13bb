"""What the deletion queue writes: a part of ``DatabaseWriter``, apart from it for length only."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from repertory.storage.index.database import Database
from repertory.storage.index.operations import releasing
from repertory.storage.index.operations.group import Group

T = TypeVar("T")


class DeletionQueueWriting:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def forget_released(self, numbers: Sequence[int]) -> None:
        """These files are removed."""
        self._change(releasing.forget_released, self._db, self._group, numbers)

    def record_failed_removals(self, failures: Sequence[tuple[int, str]], now: float) -> None:
        """These files could not be removed."""
        self._change(releasing.record_failed_removals, self._db, self._group, failures, now)

    def record_pause(self, *, is_paused: bool) -> None:
        """Remember whether nothing is to be removed."""
        record = partial(releasing.record_pause, is_paused=is_paused)
        self._change(record, self._db, self._group)
