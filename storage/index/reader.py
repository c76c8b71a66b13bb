"""A reader of an index, on any database that speaks SQL."""

from collections.abc import Collection, Mapping, Sequence
from types import TracebackType

from repertory.integrity import Damage, DamageMark, IndexedFile, Recount, WrongCounter
from repertory.items import ExportPage, MetadataValue, Outdated, Revision, Unstable
from repertory.model import (
    Attachment,
    ChangePage,
    ChangeType,
    IndexDescription,
    Level,
    ResourceDescription,
    ResourceId,
    ResourceRef,
    ResourceStatistics,
    Totals,
)
from repertory.storage.index.database import Database
from repertory.storage.index.housekeeping import ReadsHousekeeping
from repertory.storage.index.jobs import DatabaseJobsReader
from repertory.storage.index.nodes import ReadsNodes
from repertory.storage.index.operations import (
    annotating,
    attaching,
    changes,
    checking,
    describing,
    exporting,
    labelling,
    listing,
    protecting,
    recounting,
    signing,
    stability,
    statistics,
)
from repertory.storage.index.operations.finding import finding, selecting
from repertory.storage.index.packing import unpack_id
from repertory.storage.index.places import DatabasePlacesReader
from repertory.storage.index.properties import ReadsProperties
from repertory.storage.index.reader_deletion import DeletionQueueReading
from repertory.storage.index.reader_following import ReaderFollowing
from repertory.storage.index.reader_trash import TrashReading
from repertory.storage.index.tiering import TieringReading
from repertory.storage.index.values import DatabaseValuesReader
from repertory.storage.searching import Candidate, Requested, Search, Wanted


class _OneState:
    """A transaction that reads: all statements within see the same state."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def __enter__(self) -> Database:
        self._db.begin_read()
        return self._db

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._db.rollback()


class _OneStatement(_OneState):
    """The same for a single statement."""

    def __enter__(self) -> Database:
        self._db.begin_statement()
        return self._db


class DatabaseReader(
    ReaderFollowing,
    DatabaseJobsReader,
    DeletionQueueReading,
    TrashReading,
    ReadsHousekeeping,
    DatabasePlacesReader,
    TieringReading,
    DatabaseValuesReader,
    ReadsProperties,
    ReadsNodes,
):
    """An ``IndexReader``.

    ``engine`` is the name that the index goes by; ``identifier`` overrides the one it keeps.
    ``signatures`` are the main DICOM tags of each level, ``tag_names`` the names of those that
    are not Orthanc's own.
    """

    def __init__(
        self,
        db: Database,
        *,
        engine: str,
        identifier: str = "",
        signatures: Mapping[Level, str] | None = None,
        tag_names: Mapping[str, str] | None = None,
    ) -> None:
        self._db = db
        self._signatures = dict(signatures or {})
        self._tag_names = dict(tag_names or {})
        self._engine = engine
        self._identifier = identifier
        self._state = _OneState(db)
        self._statement = _OneStatement(db)

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def list_resources(self, level: Level, since: int, limit: int) -> tuple[ResourceId, ...]:
        """Identifiers in order of arrival; ``limit`` 0 is no limit."""
        with self._state as db:
            rows = listing.list_page(db, level, since, limit)
        return tuple([unpack_id(row[1]) for row in rows])

    def describe_resources(
        self, level: Level, since: int, limit: int
    ) -> tuple[ResourceDescription, ...]:
        """The same, described."""
        with self._state as db:
            rows = listing.list_page(db, level, since, limit)
            return self._describe(db, level, [row[0] for row in rows])

    def describe_resource(self, level: Level, id_: ResourceId) -> ResourceDescription:
        """One resource."""
        with self._state as db:
            return describing.describe_one(db, level, id_, self._tag_names)

    def list_children(self, level: Level, id_: ResourceId, at: Level) -> tuple[ResourceId, ...]:
        """Identifiers of the descendants at a level, in order of arrival."""
        with self._state as db:
            rows = listing.list_below(db, level, id_, at)
        return tuple([unpack_id(row[1]) for row in rows])

    def describe_children(
        self, level: Level, id_: ResourceId, at: Level
    ) -> tuple[ResourceDescription, ...]:
        """The same, described."""
        with self._state as db:
            rows = listing.list_below(db, level, id_, at)
            return self._describe(db, at, [row[0] for row in rows])

    def describe_parent(self, level: Level, id_: ResourceId, at: Level) -> ResourceDescription:
        """The ancestor at a level."""
        with self._state as db:
            return self._describe(db, at, [listing.find_above(db, level, id_, at)])[0]

    def describe_statistics(self, level: Level, id_: ResourceId) -> ResourceStatistics:
        """Sizes and numbers of children."""
        with self._state as db:
            return statistics.describe_statistics(db, level, id_)

    def lookup_identifier(self, identifier: str) -> tuple[ResourceRef, ...]:
        """The resources whose PatientID or UID it is, from patients down."""
        with self._state as db:
            return listing.lookup_identifier(db, identifier)

    def describe_attachment(
        self, level: Level, id_: ResourceId, content_type: int
    ) -> tuple[Attachment, dict[int, str]]:
        """The attachment, and the resource's metadata."""
        with self._statement as db:
            return describing.describe_attachment(db, level, id_, content_type)

    def locate_file(self, level: Level, id_: ResourceId, content_type: int) -> Attachment:
        """The attachment."""
        with self._statement as db:
            return describing.locate_file(db, level, id_, content_type)

    def list_changes(
        self,
        since: int | None,
        to: int | None,
        limit: int,
        types: Collection[ChangeType],
        *,
        deletions: bool = False,
    ) -> ChangePage:
        """Some changes in ascending order."""
        with self._state as db:
            return changes.list_changes(db, since, to, limit, types, deletions=deletions)

    def describe_last_change(self, *, deletions: bool = False) -> ChangePage:
        """The newest change alone."""
        with self._state as db:
            return changes.describe_last_change(db, deletions=deletions)

    def list_unstable(self, limit: int = 0) -> tuple[Unstable, ...]:
        """The resources that are not stable, those due first first, at most ``limit``; 0: all."""
        with self._state as db:
            return stability.list_unstable(db, limit)

    def describe_unstable(self, level: Level, id_: ResourceId) -> Unstable | None:
        """One of them; ``None`` where it is gone, stable, or an instance."""
        with self._state as db:
            return stability.describe_unstable(db, level, id_)

    def describe_totals(self) -> Totals:
        """Sizes and numbers of the whole archive."""
        with self._state as db:
            return statistics.describe_totals(db)

    def list_outdated(self) -> tuple[Outdated, ...]:
        """The lists of main DICOM tags that new resources do not get any more."""
        return signing.list_outdated(self._db)

    def describe_index(self) -> IndexDescription:
        """The engine, its schema, and the totals."""
        with self._state as db:
            kept = db.one("SELECT value FROM properties WHERE name = 'identifier'") or ("",)
            return IndexDescription(
                engine=self._engine,
                schema_version=db.schema_version(),
                identifier=self._identifier or kept[0],
                totals=statistics.describe_totals(db),
                signatures=dict(self._signatures),
            )

    def list_metadata(self, level: Level, id_: ResourceId) -> dict[int, str]:
        """The metadata of a resource, by number, in ascending order."""
        with self._state as db:
            return annotating.list_metadata(db, level, id_)

    def describe_metadata(self, level: Level, id_: ResourceId, number: int) -> MetadataValue | None:
        """One metadata of a resource; ``None`` where it has none of that number."""
        with self._state as db:
            return annotating.describe_metadata(db, level, id_, number)

    def list_labels(self, level: Level, id_: ResourceId) -> tuple[str, ...]:
        """The labels of a resource, sorted."""
        with self._state as db:
            return labelling.list_labels(db, level, id_)

    def list_all_labels(self) -> tuple[str, ...]:
        """The labels that any resource has, sorted."""
        with self._state as db:
            return labelling.list_all_labels(db)

    def list_attachments(self, level: Level, id_: ResourceId) -> tuple[Attachment, ...]:
        """The attachments of a resource, in ascending order of their content types."""
        with self._state as db:
            return attaching.list_attachments(db, level, id_)

    def check_attachment(
        self, level: Level, id_: ResourceId, content_type: int, expected: Revision | None
    ) -> None:
        """Raise what a writing would raise, as far as can be known before."""
        with self._state as db:
            attaching.check_attachment(db, level, id_, content_type, expected)

    def describe_protection(self, id_: ResourceId) -> bool:
        """Whether a patient is protected."""
        with self._state as db:
            return protecting.describe_protection(db, id_)

    def list_exports(self, since: int, limit: int) -> ExportPage:
        """Some exports in ascending order."""
        with self._state as db:
            return exporting.list_exports(db, since, limit)

    def describe_last_export(self) -> ExportPage:
        """The newest export alone."""
        with self._state as db:
            return exporting.describe_last_export(db)

    def _describe(
        self, db: Database, level: Level, numbers: Sequence[int]
    ) -> tuple[ResourceDescription, ...]:
        return describing.describe(db, level, numbers, self._tag_names)

    def find_resources(self, search: Search) -> tuple[ResourceId, ...]:
        """Identifiers of what a search finds."""
        with self._state as db:
            return finding.find_ids(db, search)

    def describe_found(
        self, search: Search, wanted: Wanted
    ) -> tuple[tuple[ResourceDescription, Requested], ...]:
        """The same, described, with the wanted tags that the index knows."""
        with self._state as db:
            return finding.describe_found(db, search, wanted, self._tag_names)

    def request_found(self, search: Search, wanted: Wanted) -> tuple[Requested, ...]:
        """Of what a search finds, the wanted tags that the index knows."""
        with self._state as db:
            return finding.request_found(db, search, wanted)

    def count_found(self, search: Search) -> int:
        """How many resources a search finds, whatever its limit."""
        with self._state as db:
            return selecting.count(db, search)

    def find_candidates(self, search: Search, wanted: Wanted) -> tuple[Candidate, ...]:
        """What a search finds as far as the index knows, with the files to look at."""
        with self._state as db:
            return finding.find_candidates(db, search, wanted)

    def describe_many(
        self, ids: Sequence[ResourceId], at: Level | None
    ) -> tuple[ResourceDescription, ...]:
        """Resources of whatever level, or what is above or below them at a level."""
        with self._state as db:
            return finding.describe_many(db, ids, at, self._tag_names)

    def count_files(self) -> int:
        """How many files there are."""
        with self._state as db:
            return checking.count_files(db)

    def list_files(
        self, after: tuple[int, int], first: int, last: int, limit: int
    ) -> tuple[IndexedFile, ...]:
        """Some files, packed."""
        with self._state as db:
            return checking.list_files(db, after, first, last, limit)

    def list_owners(
        self, files: Sequence[tuple[IndexedFile, Damage]]
    ) -> tuple[DamageMark | None, ...]:
        """To whom files belong."""
        with self._state as db:
            return checking.list_owners(db, files)

    def list_damaged(self) -> tuple[DamageMark, ...]:
        """The files that are marked as damaged."""
        with self._state as db:
            return checking.list_damaged(db)

    def recount_tallies(self, after: int, limit: int) -> Recount:
        """Count some patients anew."""
        with self._state as db:
            return recounting.recount_tallies(db, after, limit)

    def recount_totals(self) -> tuple[WrongCounter, ...]:
        """Count the whole archive anew."""
        with self._state as db:
            return recounting.recount_totals(db)
