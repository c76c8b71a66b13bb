"""The index's handlers for values by name."""

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.values import DescribeValue, ForgetValue, ListValues, RecordValue
from repertory.actors.reply import Reply
from repertory.storage.index.base import IndexReader


class IndexValues(IndexPart):
    """A part of ``IndexActor``."""

    @handles(RecordValue)
    def record_value(self, command: RecordValue) -> Reply[None]:
        """Keep a value."""
        return self._change(
            lambda: self._writer.record_value(command.store, command.name, command.value)
        )

    @handles(ForgetValue)
    def forget_value(self, command: ForgetValue) -> Reply[bool]:
        """Keep a value no more."""
        return self._change(lambda: self._writer.forget_value(command.store, command.name))


class IndexReaderValues:
    """A part of ``IndexReaderActor``."""

    _reader: IndexReader

    @handles(ListValues)
    def list_values(self, query: ListValues) -> dict[str, str]:
        """The values of a store."""
        return self._reader.list_values(query.store)

    @handles(DescribeValue)
    def describe_value(self, query: DescribeValue) -> str | None:
        """One of them."""
        return self._reader.describe_value(query.store, query.name)
