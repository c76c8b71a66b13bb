"""The index's handlers for tiering, of the one that writes and of those that read."""

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.tiering import (
    DescribeKeptTiering,
    FindReadStudies,
    FindTierable,
    RecordAccesses,
    SumReleased,
)
from repertory.actors.reply import Reply
from repertory.storage.index.base import IndexReader
from repertory.tiering import KeptTiering, StudiesPage, StudyRead


class IndexTiering(IndexPart):
    """A part of ``IndexActor``, apart from it for length only."""

    @handles(RecordAccesses)
    def record_accesses(self, command: RecordAccesses) -> Reply[None]:
        """Note that studies were read."""
        return self._change(lambda: self._writer.record_accesses(command.studies, command.at))


class IndexReaderTiering:
    """A part of ``IndexReaderActor``, apart from it for length only."""

    _reader: IndexReader

    @handles(FindTierable)
    def find_tierable(self, query: FindTierable) -> StudiesPage:
        """Some studies that a rule asks for."""
        return self._reader.find_tierable(query.wanted)

    @handles(FindReadStudies)
    def find_read_studies(self, query: FindReadStudies) -> tuple[StudyRead, ...]:
        """The studies of resources."""
        return self._reader.find_read_studies(query.read)

    @handles(SumReleased)
    def sum_released(self, query: SumReleased) -> int:
        """Bytes that wait to be removed."""
        return self._reader.sum_released(query.place)

    @handles(DescribeKeptTiering)
    def describe_kept_tiering(self, _query: DescribeKeptTiering) -> KeptTiering:
        """What is kept of tiering."""
        return self._reader.describe_kept_tiering()
