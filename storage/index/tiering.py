"""The parts of the reader and the writer of an index that are about tiering."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from repertory.model import ResourceRef
from repertory.storage.index.database import Database
from repertory.storage.index.operations import tiering
from repertory.storage.index.operations.group import Group
from repertory.tiering import KeptTiering, StudiesPage, StudiesWanted, StudyRead

T = TypeVar("T")


class TieringReading:
    """A part of ``DatabaseReader``."""

    _db: Database
    _state: AbstractContextManager[Database]

    def find_tierable(self, wanted: StudiesWanted) -> StudiesPage:
        """Some studies that a rule asks for."""
        with self._state as db:
            return tiering.find_tierable(db, wanted)

    def find_read_studies(self, read: Sequence[ResourceRef]) -> tuple[StudyRead, ...]:
        """The studies of resources."""
        return tiering.find_read_studies(self._db, read)

    def sum_released(self, place: str) -> int:
        """Bytes that wait to be removed from a storage."""
        return tiering.sum_released(self._db, place)

    def describe_kept_tiering(self) -> KeptTiering:
        """What is kept of tiering."""
        with self._state as db:
            return tiering.describe_kept_tiering(db)


class TieringWriting:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def record_accesses(self, studies: Sequence[int], at: int) -> None:
        """Note that studies were read."""
        self._change(tiering.record_accesses, self._db, self._group, studies, at)
