"""The parts of the reader and the writer of an index that are about where files lie."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from repertory.model import Attachment, ResourceId, ResourceRef
from repertory.places import (
    Copy,
    Cursor,
    FilesPage,
    OwnedFile,
    Place,
    TrashCursor,
    TrashedPlace,
)
from repertory.storage.index.database import Database
from repertory.storage.index.operations import placing, placing_trash
from repertory.storage.index.operations.group import Group

T = TypeVar("T")


class DatabasePlacesReader:
    """A part of ``DatabaseReader``."""

    _db: Database

    def list_places(self) -> tuple[Place, ...]:
        """The storages that the index knows."""
        return placing.list_places(self._db)

    def find_levels(self, ids: Sequence[ResourceId]) -> tuple[ResourceRef | None, ...]:
        """Which resources these are."""
        return placing.find_levels(self._db, ids)

    def count_movable(
        self, ids: Sequence[ResourceId], target: str, source: str = ""
    ) -> tuple[int, int]:
        """How many files, and bytes, of resources lie elsewhere than in a storage."""
        return placing.count_movable(self._db, ids, target, source)

    def list_movable(
        self,
        ids: Sequence[ResourceId],
        after: Cursor,
        target: str,
        limit: int,
        source: str = "",
        *,
        most: int = 0,
    ) -> FilesPage:
        """Files of resources that lie elsewhere than in a storage."""
        self._db.begin_read()
        try:
            return placing.list_movable(self._db, ids, after, target, limit, source, most=most)
        finally:
            self._db.rollback()

    def list_trashed_places(self) -> tuple[TrashedPlace, ...]:
        """What of the trash lies in each storage."""
        return placing_trash.list_trashed_places(self._db)

    def list_movable_trash(
        self, after: TrashCursor, target: str, limit: int
    ) -> tuple[OwnedFile, ...]:
        """Files in the trash that lie elsewhere."""
        return placing_trash.list_movable_trash(self._db, after, target, limit)


class DatabasePlacesWriter:
    """A part of ``DatabaseWriter``."""

    _db: Database
    _group: Group

    if TYPE_CHECKING:

        def _change(self, operation: Callable[..., T], *values: object) -> T: ...

    def has_copies(self) -> bool:
        """Whether copies were begun and not ended; outside of a group."""
        return placing.has_copies(self._db)

    def add_places(self, names: Sequence[str]) -> tuple[Place, ...]:
        """Give numbers to storages."""
        return self._change(placing.add_places, self._db, self._group, names)

    def reserve_copies(self, copies: Sequence[Attachment]) -> None:
        """Remember copies that are going to be made."""
        self._change(placing.reserve_copies, self._db, self._group, copies)

    def record_moves(self, copies: Sequence[Copy]) -> tuple[bool, ...]:
        """Let copies take the places of their files."""
        return self._change(placing.record_moves, self._db, self._group, copies)

    def release_copies(self, uuids: Sequence[str]) -> None:
        """Release copies that were made in vain."""
        self._change(placing.release_copies, self._db, self._group, uuids)

    def release_all_copies(self) -> int:
        """Release what the last run left unfinished."""
        return self._change(placing.release_all_copies, self._db, self._group)

    def correct_location(self, file: OwnedFile, location: int) -> bool:
        """Note that a file lies elsewhere."""
        return self._change(placing.correct_location, self._db, self._group, file, location)
