"""What an index is asked about where files lie: parts of ``IndexReader`` and ``IndexWriter``."""

from collections.abc import Sequence
from typing import Protocol

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
from repertory.storage.index.base_tiering import TieringReader, TieringWriter


class PlacesReader(TieringReader, Protocol):
    """Where files lie."""

    def list_places(self) -> tuple[Place, ...]:
        """The storages that the index knows, with what they hold; kept, not counted."""

    def find_levels(self, ids: Sequence[ResourceId]) -> tuple[ResourceRef | None, ...]:
        """Which resources these are, of whatever level; ``None`` for those that are not there."""

    def count_movable(
        self, ids: Sequence[ResourceId], target: str, source: str = ""
    ) -> tuple[int, int]:
        """How many files, and bytes, of resources lie elsewhere than in a storage.

        With a ``source``, of those that lie there.
        """

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
        """At most ``limit`` files of resources, and of all below them, that lie elsewhere.

        From ``after`` on; resources that are not there are passed over. With a ``source``, only
        those that lie there. With ``most``, they end with the one that makes as many bytes.
        """

    def list_trashed_places(self) -> tuple[TrashedPlace, ...]:
        """How many files and bytes in the trash each storage holds; counted, not kept."""

    def list_movable_trash(
        self, after: TrashCursor, target: str, limit: int
    ) -> tuple[OwnedFile, ...]:
        """At most ``limit`` files in the trash that lie elsewhere than in a storage."""


class PlacesWriter(TieringWriter, Protocol):
    """Moving files."""

    def has_copies(self) -> bool:
        """Whether copies were begun and not ended; asked outside of a group."""

    def add_places(self, names: Sequence[str]) -> tuple[Place, ...]:
        """Give numbers to the storages that have none yet; all that there are then."""

    def reserve_copies(self, copies: Sequence[Attachment]) -> None:
        """Remember copies that are going to be made, so that what a crash cuts short is removed."""

    def record_moves(self, copies: Sequence[Copy]) -> tuple[bool, ...]:
        """Let copies take the places of their files, which are released; whether each did.

        A copy whose file was replaced or deleted meanwhile is released instead.
        """

    def release_copies(self, uuids: Sequence[str]) -> None:
        """Release copies that were made in vain."""

    def release_all_copies(self) -> int:
        """Release the copies that the last run left unfinished; how many there were."""

    def correct_location(self, file: OwnedFile, location: int) -> bool:
        """Note that a file lies elsewhere than it was thought to; whether that was news."""
