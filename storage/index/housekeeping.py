"""What an index does for housekeeping: parts of ``DatabaseReader`` and ``DatabaseWriter``."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from repertory.housekeeping import (
    Chores,
    ChoresReceipt,
    ChoresRecord,
    KeptState,
    Portion,
    PortionWanted,
    Position,
    Unfinished,
    Workload,
)
from repertory.model import Compression, Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations import housekeeping, housework
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.recording import Recorder

T = TypeVar("T")


class ReadsHousekeeping:
    """A part of ``DatabaseReader``, apart from it for length only."""

    _state: AbstractContextManager[Database]
    _identifier: str
    _signatures: Mapping[Level, str]

    def describe_kept_state(self, number: int) -> KeptState:
        """What is kept of the passes of this server under a number."""
        with self._state as db:
            kept = db.one("SELECT value FROM properties WHERE name = 'identifier'") or ("",)
            return housekeeping.describe_kept_state(db, number, self._identifier or kept[0])

    def describe_unfinished(
        self, name: str, position: Position, last: int, limit: int
    ) -> Unfinished:
        """How many studies a pass has left, and which failed."""
        with self._state as db:
            return housekeeping.describe_unfinished(db, name, position, last, limit)

    def find_portions(self, wanted: PortionWanted) -> tuple[Portion, ...]:
        """What is to be done next."""
        with self._state as db:
            return housekeeping.find_portions(db, self._signatures, wanted)

    def estimate(self, chores: Chores, position: Position, last: int, limit: int) -> Workload:
        """How much there is to do with the next studies."""
        with self._state as db:
            return housekeeping.estimate(db, self._signatures, chores, position, last, limit)


class WritesHousekeeping:
    """A part of ``DatabaseWriter``, apart from it for length only."""

    _db: Database
    _group: Group
    _recorder: Recorder
    _signatures: Mapping[Level, str]

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def record_state(self, name: str, state: str | None, *, paused: bool | None) -> None:
        """Keep the state, and whether housekeeping is paused."""
        record = partial(housework.record_state, paused=paused)
        self._change(record, self._db, self._group, name, state)

    def note_stored_under(self, configuration: str, *, restored: bool = False) -> None:
        """Note that something is stored under a configuration."""
        note = partial(housework.note_stored_under, restored=restored)
        self._change(note, self._db, self._group, configuration)

    def put_first(self, name: str, id_: ResourceId, form: Compression | None, now: float) -> None:
        """Have a study taken before all others."""
        self._change(housework.put_first, self._db, self._group, name, id_, form, now)

    def record_chores(self, record: ChoresRecord, now: float) -> tuple[ChoresReceipt, ...]:
        """Record what was done with some portions, what failed, and the state after them."""
        receipts = self._change(
            housework.record_chores, self._db, self._group, self._signatures, record, now
        )
        self._recorder.forget()  # what is remembered of a series may have changed
        return receipts
