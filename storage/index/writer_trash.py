"""What is written of the trash: a part of ``DatabaseWriter``, apart from it for length only."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from repertory.storage.index.database import Database
from repertory.storage.index.operations import restoring, trashing
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.recording import Recorder
from repertory.storage.index.policy import StorePolicy
from repertory.trash import RestoreReceipt, TrashTide

T = TypeVar("T")


class TrashWriting:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group
    _recorder: Recorder

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def restore_trash(self, name: str, policy: StorePolicy, now: float) -> RestoreReceipt:
        """Bring back an entry of the trash."""
        receipt = self._change(
            restoring.restore, self._db, self._group, self._recorder.recycler, name, policy, now
        )
        self._recorder.forget()
        return receipt

    def empty_trash(self, name: str | None, now: float) -> int:
        """Give up an entry of the trash, or all."""
        return self._change(trashing.empty, self._db, self._group, name, now)

    def expire_trash(self, time: float, limit: int, now: float) -> TrashTide:
        """Give up the entries whose time is up."""
        return self._change(trashing.expire, self._db, self._group, time, limit, now)

    def recorded_time(self) -> tuple[float, float] | None:
        """The archive's own time, and the date, when something was deleted or expired last."""
        return trashing.recorded_time(self._db)
