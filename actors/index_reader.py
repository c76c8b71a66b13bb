"""Actors that answer queries of the index, each on a read-only connection of its own."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.finding import Finder
from repertory.actors.finding_rules import FindingRules
from repertory.actors.index_following import IndexReaderFollowing
from repertory.actors.index_housekeeping import IndexReaderHousekeeping
from repertory.actors.index_jobs import IndexReaderJobs
from repertory.actors.index_nodes import IndexReaderNodes
from repertory.actors.index_places import IndexReaderPlaces
from repertory.actors.index_properties import IndexReaderProperties
from repertory.actors.index_reader_deletion import IndexReaderDeletion
from repertory.actors.index_reader_items import IndexReaderItems
from repertory.actors.index_reader_trash import IndexReaderTrash
from repertory.actors.index_tiering import IndexReaderTiering
from repertory.actors.index_values import IndexReaderValues
from repertory.actors.messages.attachments import (
    AttachmentDescription,
    CountReleased,
    DescribeAttachment,
    FindAttachments,
    ListReleased,
    LocateFile,
)
from repertory.actors.messages.changes import DescribeLastChange, ListChanges
from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    DescribeMany,
    FindResources,
    FoundResource,
    ReadFoundTags,
)
from repertory.actors.messages.integrity import (
    CountFiles,
    ListDamaged,
    ListFiles,
    ListOwners,
    RecountTallies,
    RecountTotals,
)
from repertory.actors.messages.resources import (
    DescribeChildren,
    DescribeParent,
    DescribeResource,
    DescribeResources,
    DescribeStatistics,
    ListChildren,
    ListResources,
    LookupIdentifier,
)
from repertory.actors.messages.stability import ListUnstable
from repertory.actors.messages.system import DescribeIndex, DescribeTotals
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.deletion import ReleasedFile
from repertory.integrity import DamageMark, IndexedFile, Recount, WrongCounter
from repertory.items import Unstable
from repertory.model import (
    Attachment,
    ChangePage,
    IndexDescription,
    ResourceDescription,
    ResourceId,
    ResourceRef,
    ResourceStatistics,
    Totals,
)
from repertory.storage.index.base import IndexEngine, IndexReader


class IndexReaderActor(
    IndexReaderFollowing,
    IndexReaderItems,
    IndexReaderJobs,
    IndexReaderDeletion,
    IndexReaderTrash,
    IndexReaderHousekeeping,
    IndexReaderPlaces,
    IndexReaderTiering,
    IndexReaderValues,
    IndexReaderProperties,
    IndexReaderNodes,
    RepertoryActor,
):
    """Answers queries of the index from the last committed state.

    Several of these hold the same part, so that a query waits neither for the writer nor for a
    longer query, unless all of them are at work.
    """

    rank = 1

    def __init__(
        self, *, board: Switchboard, engine: IndexEngine, finding: FindingRules | None = None
    ) -> None:
        super().__init__(board=board)
        self._engine = engine
        self._reader: IndexReader
        self._finding = finding or FindingRules()
        self._finder: Finder

    def open(self) -> None:
        """Open a connection for this thread."""
        self._reader = self._engine.reader()
        self._finder = Finder(self.board, self._reader, self._finding)

    def close(self) -> None:
        """Close the connection."""
        self._reader.close()

    @handles(ListResources)
    def list_resources(self, query: ListResources) -> tuple[ResourceId, ...]:
        """Identifiers at a level."""
        return self._reader.list_resources(query.level, query.since, query.limit)

    @handles(DescribeResources)
    def describe_resources(self, query: DescribeResources) -> tuple[ResourceDescription, ...]:
        """Resources at a level."""
        return self._reader.describe_resources(query.level, query.since, query.limit)

    @handles(DescribeResource)
    def describe_resource(self, query: DescribeResource) -> ResourceDescription:
        """One resource."""
        return self._reader.describe_resource(query.level, query.id)

    @handles(ListChildren)
    def list_children(self, query: ListChildren) -> tuple[ResourceId, ...]:
        """Identifiers of descendants."""
        return self._reader.list_children(query.level, query.id, query.at)

    @handles(DescribeChildren)
    def describe_children(self, query: DescribeChildren) -> tuple[ResourceDescription, ...]:
        """Descendants."""
        return self._reader.describe_children(query.level, query.id, query.at)

    @handles(DescribeParent)
    def describe_parent(self, query: DescribeParent) -> ResourceDescription:
        """An ancestor."""
        return self._reader.describe_parent(query.level, query.id, query.at)

    @handles(DescribeStatistics)
    def describe_statistics(self, query: DescribeStatistics) -> ResourceStatistics:
        """Sizes and numbers of a resource."""
        return self._reader.describe_statistics(query.level, query.id)

    @handles(LookupIdentifier)
    def lookup_identifier(self, query: LookupIdentifier) -> tuple[ResourceRef, ...]:
        """Resources by DICOM identifier."""
        return self._reader.lookup_identifier(query.identifier)

    @handles(DescribeAttachment)
    def describe_attachment(self, query: DescribeAttachment) -> AttachmentDescription:
        """One attachment."""
        attachment, metadata = self._reader.describe_attachment(
            query.level, query.id, query.content_type
        )
        return AttachmentDescription(attachment=attachment, metadata=metadata)

    @handles(LocateFile)
    def locate_file(self, query: LocateFile) -> Attachment:
        """One attachment, without what belongs to its resource."""
        return self._reader.locate_file(query.level, query.id, query.content_type)

    @handles(FindAttachments)
    def find_attachments(self, query: FindAttachments) -> frozenset[str]:
        """Files that belong to a resource."""
        return self._reader.find_attachments(query.uuids)

    @handles(ListChanges)
    def list_changes(self, query: ListChanges) -> ChangePage:
        """Some changes."""
        return self._reader.list_changes(
            query.since, query.to, query.limit, query.types, deletions=query.deletions
        )

    @handles(DescribeLastChange)
    def describe_last_change(self, query: DescribeLastChange) -> ChangePage:
        """The newest change."""
        return self._reader.describe_last_change(deletions=query.deletions)

    @handles(ListUnstable)
    def list_unstable(self, query: ListUnstable) -> tuple[Unstable, ...]:
        """Resources that are not stable yet."""
        return self._reader.list_unstable(query.limit)

    @handles(ListReleased)
    def list_released(self, query: ListReleased) -> tuple[ReleasedFile, ...]:
        """Files that wait to be removed."""
        return self._reader.list_released(query.limit, query.after, query.tried, query.without)

    @handles(CountReleased)
    def count_released(self, _query: CountReleased) -> int:
        """How many files wait to be removed."""
        return self._reader.count_released()

    @handles(DescribeTotals)
    def describe_totals(self, _query: DescribeTotals) -> Totals:
        """The whole archive in numbers."""
        return self._reader.describe_totals()

    @handles(DescribeIndex)
    def describe_index(self, _query: DescribeIndex) -> IndexDescription:
        """The engine and its schema."""
        return self._reader.describe_index()

    # Searching; the storage answers where the index does not suffice.

    @handles(FindResources)
    def find_resources(self, query: FindResources) -> Reply[tuple[ResourceId, ...]]:
        """Identifiers of what meets criteria."""
        return self._finder.find(query)

    @handles(DescribeFound)
    def describe_found(self, query: DescribeFound) -> Reply[tuple[FoundResource, ...]]:
        """What meets criteria, described."""
        return self._finder.describe(query)

    @handles(ReadFoundTags)
    def read_found_tags(self, query: ReadFoundTags) -> Reply[tuple[Mapping[str, Any], ...]]:
        """Tags of what meets criteria."""
        return self._finder.tags(query)

    @handles(CountResources)
    def count_resources(self, query: CountResources) -> Reply[int]:
        """How many meet criteria."""
        return self._finder.count(query)

    @handles(DescribeMany)
    def describe_many(self, query: DescribeMany) -> tuple[ResourceDescription, ...]:
        """Resources of any level, described."""
        return self._reader.describe_many(query.ids, query.at)

    @handles(CountFiles)
    def count_files(self, _query: CountFiles) -> int:
        """How many files there are."""
        return self._reader.count_files()

    @handles(ListFiles)
    def list_files(self, query: ListFiles) -> tuple[IndexedFile, ...]:
        """Some files, packed."""
        return self._reader.list_files(query.after, query.first, query.last, query.limit)

    @handles(ListOwners)
    def list_owners(self, query: ListOwners) -> tuple[DamageMark | None, ...]:
        """To whom files belong."""
        return self._reader.list_owners(query.files)

    @handles(ListDamaged)
    def list_damaged(self, _query: ListDamaged) -> tuple[DamageMark, ...]:
        """Files that are marked as damaged."""
        return self._reader.list_damaged()

    @handles(RecountTallies)
    def recount_tallies(self, query: RecountTallies) -> Recount:
        """Some patients counted anew."""
        return self._reader.recount_tallies(query.after, query.limit)

    @handles(RecountTotals)
    def recount_totals(self, _query: RecountTotals) -> tuple[WrongCounter, ...]:
        """The whole archive counted anew."""
        return self._reader.recount_totals()
