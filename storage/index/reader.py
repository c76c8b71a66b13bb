"""A reader of an index, on any database that speaks SQL."""

from collections.abc import Collection, Sequence
from types import TracebackType

from repertory.integrity import Damage, DamageMark, IndexedFile, Recount, WrongCounter
from repertory.model import (
    Attachment,
    ChangePage,
    ChangeType,
    IndexDescription,
    Level,
    ReleasedFile,
    ResourceDescription,
    ResourceId,
    ResourceRef,
    ResourceStatistics,
    Totals,
    Unstable,
)
from repertory.storage.index.database import Database
from repertory.storage.index.operations import (
    changes,
    checking,
    describing,
    listing,
    recounting,
    releasing,
    stability,
    statistics,
)
from repertory.storage.index.packing import unpack_id


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


class DatabaseReader:
    """An ``IndexReader``.

    ``engine`` is the name that the index goes by; ``identifier`` overrides the one it keeps.
    """

    def __init__(self, db: Database, *, engine: str, identifier: str = "") -> None:
        self._db = db
        self._engine = engine
        self._identifier = identifier
        self._state = _OneState(db)

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
            return describing.describe(db, level, [row[0] for row in rows])

    def describe_resource(self, level: Level, id_: ResourceId) -> ResourceDescription:
        """One resource."""
        with self._state as db:
            return describing.describe(db, level, [listing.find(db, level, id_)[0]])[0]

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
            return describing.describe(db, at, [row[0] for row in rows])

    def describe_parent(self, level: Level, id_: ResourceId, at: Level) -> ResourceDescription:
        """The ancestor at a level."""
        with self._state as db:
            return describing.describe(db, at, [listing.find_above(db, level, id_, at)])[0]

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
        with self._state as db:
            return describing.describe_attachment(db, level, id_, content_type)

    def list_changes(
        self, since: int | None, to: int | None, limit: int, types: Collection[ChangeType]
    ) -> ChangePage:
        """Some changes in ascending order."""
        with self._state as db:
            return changes.list_changes(db, since, to, limit, types)

    def describe_last_change(self) -> ChangePage:
        """The newest change alone."""
        with self._state as db:
            return changes.describe_last_change(db)

    def list_unstable(self) -> tuple[Unstable, ...]:
        """The resources that are not stable, the longest quiet first."""
        with self._state as db:
            return stability.list_unstable(db)

    def describe_unstable(self, level: Level, id_: ResourceId) -> Unstable | None:
        """One of them; ``None`` where it is gone, stable, or an instance."""
        with self._state as db:
            return stability.describe_unstable(db, level, id_)

    def list_released(self, limit: int) -> tuple[ReleasedFile, ...]:
        """Files that wait to be removed, first released first."""
        with self._state as db:
            return releasing.list_released(db, limit)

    def find_attachments(self, uuids: Sequence[str]) -> frozenset[str]:
        """Which of these files belong to a resource."""
        with self._state as db:
            return releasing.find_attachments(db, uuids)

    def count_released(self) -> int:
        """How many files wait to be removed."""
        with self._state as db:
            return releasing.count_released(db)

    def describe_totals(self) -> Totals:
        """Sizes and numbers of the whole archive."""
        with self._state as db:
            return statistics.describe_totals(db)

    def describe_index(self) -> IndexDescription:
        """The engine, its schema, and the totals."""
        with self._state as db:
            kept = db.one("SELECT value FROM properties WHERE name = 'identifier'") or ("",)
            return IndexDescription(
                engine=self._engine,
                schema_version=db.schema_version(),
                identifier=self._identifier or kept[0],
                totals=statistics.describe_totals(db),
            )

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
