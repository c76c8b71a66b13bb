"""The index readers' handlers for the trash."""

from repertory.actors.base import handles
from repertory.actors.messages.trash import DescribeTrash, ListTrash, ListTrashedFiles
from repertory.storage.index.base import IndexReader
from repertory.trash import TrashContent, TrashEntry


class IndexReaderTrash:
    """A part of ``IndexReaderActor``, apart from it for length only."""

    _reader: IndexReader

    @handles(ListTrash)
    def list_trash(self, query: ListTrash) -> tuple[TrashEntry, ...]:
        """What is in the trash."""
        return self._reader.list_trash(query.since, query.limit)

    @handles(DescribeTrash)
    def describe_trash(self, query: DescribeTrash) -> TrashContent:
        """One entry of it."""
        return self._reader.describe_trash(query.name)

    @handles(ListTrashedFiles)
    def list_trashed_files(
        self, query: ListTrashedFiles
    ) -> tuple[tuple[int, int, int, bytes], ...]:
        """Files in it."""
        return self._reader.list_trashed_files(query.after, query.limit)
