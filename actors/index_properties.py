"""The index's handlers for what the archive keeps about itself."""

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.properties import DescribeProperty, RecordProperty
from repertory.actors.reply import Reply
from repertory.storage.index.base import IndexReader


class IndexProperties(IndexPart):
    """A part of ``IndexActor``."""

    @handles(RecordProperty)
    def record_property(self, command: RecordProperty) -> Reply[None]:
        """Keep a text."""

        def record() -> None:
            if command.compares:
                self._writer.need_property(command.name, command.expected)
            self._writer.record_property(command.name, command.value)

        return self._change(record)


class IndexReaderProperties:
    """A part of ``IndexReaderActor``."""

    _reader: IndexReader

    @handles(DescribeProperty)
    def describe_property(self, query: DescribeProperty) -> str | None:
        """What is kept."""
        return self._reader.describe_property(query.name)
