"""The index's handlers for where files lie."""

from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.places import (
    AddPlaces,
    CorrectLocation,
    CountMovable,
    FindLevels,
    ListMovable,
    ListMovableTrash,
    ListPlaces,
    ListTrashedPlaces,
    RecordMoves,
    ReleaseCopies,
    ReserveCopies,
)
from repertory.actors.reply import Reply
from repertory.model import ResourceRef
from repertory.places import FilesPage, OwnedFile, Place, TrashedPlace
from repertory.storage.index.base import IndexReader

R = TypeVar("R")


class IndexPlaces(IndexPart):
    """A part of ``IndexActor``."""

    def release_unfinished_copies(self) -> int:
        """Release the copies that the last run left; at the start."""
        if not self._writer.has_copies():
            return 0
        self._writer.begin(self.clock.now())
        count = self._writer.release_all_copies()
        self._writer.commit()
        return count

    @handles(AddPlaces)
    def add_places(self, command: AddPlaces) -> Reply[tuple[Place, ...]]:
        """Give numbers to storages."""
        return self._change(lambda: self._writer.add_places(command.names))

    @handles(ReserveCopies)
    def reserve_copies(self, command: ReserveCopies) -> Reply[None]:
        """Remember copies before they are made."""
        return self._change(lambda: self._writer.reserve_copies(command.copies))

    @handles(RecordMoves)
    def record_moves(self, command: RecordMoves) -> Reply[tuple[bool, ...]]:
        """Let copies take the places of files."""
        return self._change(
            lambda: self._writer.record_moves(command.copies), lambda _: (AttachmentsReleased(),)
        )

    @handles(ReleaseCopies)
    def release_copies(self, command: ReleaseCopies) -> Reply[None]:
        """Have copies removed."""
        return self._change(
            lambda: self._writer.release_copies(command.uuids), lambda _: (AttachmentsReleased(),)
        )

    @handles(CorrectLocation)
    def correct_location(self, command: CorrectLocation) -> Reply[bool]:
        """Note where a file was found."""
        return self._change(lambda: self._writer.correct_location(command.file, command.location))


class IndexReaderPlaces:
    """A part of ``IndexReaderActor``."""

    _reader: IndexReader

    @handles(ListPlaces)
    def list_places(self, _query: ListPlaces) -> tuple[Place, ...]:
        """The storages, with what they hold."""
        return self._reader.list_places()

    @handles(FindLevels)
    def find_levels(self, query: FindLevels) -> tuple[ResourceRef | None, ...]:
        """Resources of whatever level."""
        return self._reader.find_levels(query.ids)

    @handles(CountMovable)
    def count_movable(self, query: CountMovable) -> tuple[int, int]:
        """How many files lie elsewhere."""
        return self._reader.count_movable(query.ids, query.target, query.source)

    @handles(ListMovable)
    def list_movable(self, query: ListMovable) -> FilesPage:
        """Files that lie elsewhere."""
        it = query
        return self._reader.list_movable(
            it.ids, it.after, it.target, it.limit, it.source, most=it.most
        )

    @handles(ListTrashedPlaces)
    def list_trashed_places(self, _query: ListTrashedPlaces) -> tuple[TrashedPlace, ...]:
        """What of the trash lies in each storage."""
        return self._reader.list_trashed_places()

    @handles(ListMovableTrash)
    def list_movable_trash(self, query: ListMovableTrash) -> tuple[OwnedFile, ...]:
        """Files in the trash that lie elsewhere."""
        return self._reader.list_movable_trash(query.after, query.target, query.limit)
