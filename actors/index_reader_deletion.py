"""The index readers' handlers for the deletion queue."""

from repertory.actors.base import handles
from repertory.actors.messages.deletion import DescribeBacklog, ListFailedRemovals
from repertory.deletion import Backlog, FailedRemoval
from repertory.storage.index.base import IndexReader


class IndexReaderDeletion:
    """A part of ``IndexReaderActor``, apart from it for length only."""

    _reader: IndexReader

    @handles(DescribeBacklog)
    def describe_backlog(self, query: DescribeBacklog) -> Backlog:
        """How much waits to be removed."""
        return self._reader.describe_backlog(query.failures)

    @handles(ListFailedRemovals)
    def list_failed_removals(self, query: ListFailedRemovals) -> tuple[FailedRemoval, ...]:
        """What could not be removed."""
        return self._reader.list_failed_removals(
            query.up_to, query.limit, query.due, query.node, query.without
        )
