"""What an index engine can do: the whole of what the archive asks of a database.

An engine gives out one ``IndexWriter``, for the actor that owns the index, and any number of
``IndexReader`` objects, one for each actor that answers queries. Neither is shared between
threads; both belong to the thread that opened them.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from repertory.items import Outdated, Unstable
from repertory.model import (
    Attachment,
    ChangePage,
    ChangeType,
    DeletionReceipt,
    IndexDescription,
    Level,
    Origin,
    ResourceDescription,
    ResourceId,
    ResourceIds,
    ResourceRef,
    ResourceStatistics,
    StoreReceipt,
    Summary,
    Totals,
)
from repertory.storage.index.base_deletion import DeletionQueueReader, DeletionQueueWriter
from repertory.storage.index.base_following import FollowingReader, FollowingWriter
from repertory.storage.index.base_housekeeping import HousekeepingReader, HousekeepingWriter
from repertory.storage.index.base_integrity import IntegrityReader, IntegrityWriter
from repertory.storage.index.base_items import ItemsReader, ItemsWriter
from repertory.storage.index.base_jobs import JobsReader, JobsWriter
from repertory.storage.index.base_nodes import NodesReader, NodesWriter
from repertory.storage.index.base_places import PlacesReader, PlacesWriter
from repertory.storage.index.base_properties import PropertiesReader, PropertiesWriter
from repertory.storage.index.base_stability import StabilityWriter
from repertory.storage.index.base_trash import TrashReader, TrashWriter
from repertory.storage.index.base_values import ValuesReader, ValuesWriter
from repertory.storage.index.held import HeldIndex
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.policy import StorePolicy
from repertory.storage.searching import Candidate, Requested, Search, Wanted


class IndexReader(
    ItemsReader,
    FollowingReader,
    IntegrityReader,
    JobsReader,
    DeletionQueueReader,
    TrashReader,
    HousekeepingReader,
    PlacesReader,
    ValuesReader,
    PropertiesReader,
    NodesReader,
    Protocol,
):
    """Answers questions about the last committed state. Each call sees one consistent state.

    Raises (all methods):
        IndexFailed: the database could not be read.
        UnknownResource: there is no resource of that level with that identifier.
    """

    def close(self) -> None:
        """Let go of the database."""

    def list_resources(self, level: Level, since: int, limit: int) -> tuple[ResourceId, ...]:
        """Identifiers in order of arrival; ``limit`` 0 is no limit."""

    def describe_resources(
        self, level: Level, since: int, limit: int
    ) -> tuple[ResourceDescription, ...]:
        """The same, described, with a fixed number of statements however many there are."""

    def describe_resource(self, level: Level, id_: ResourceId) -> ResourceDescription:
        """One resource."""

    def list_children(self, level: Level, id_: ResourceId, at: Level) -> tuple[ResourceId, ...]:
        """Identifiers of the descendants at a level, in order of arrival."""

    def describe_children(
        self, level: Level, id_: ResourceId, at: Level
    ) -> tuple[ResourceDescription, ...]:
        """The same, described."""

    def describe_parent(self, level: Level, id_: ResourceId, at: Level) -> ResourceDescription:
        """The ancestor at a level."""

    def describe_statistics(self, level: Level, id_: ResourceId) -> ResourceStatistics:
        """Sizes, and numbers of children."""

    def lookup_identifier(self, identifier: str) -> tuple[ResourceRef, ...]:
        """The resources whose PatientID or UID it is, patients first."""

    def describe_attachment(
        self, level: Level, id_: ResourceId, content_type: int
    ) -> tuple[Attachment, dict[int, str]]:
        """The attachment, and the resource's metadata; ``UnknownItem`` where it has none."""

    def locate_file(self, level: Level, id_: ResourceId, content_type: int) -> Attachment:
        """The attachment alone; the same errors."""

    def find_attachments(self, uuids: Sequence[str]) -> frozenset[str]:
        """Which of these files belong to a resource; reads the whole index for it."""

    def list_changes(
        self,
        since: int | None,
        to: int | None,
        limit: int,
        types: Collection[ChangeType],
        *,
        deletions: bool = False,
    ) -> ChangePage:
        """Changes after ``since`` up to ``to``, at most ``limit``, of ``types`` (empty: all).

        Without ``since``, ``to`` asks for the last ``limit`` changes up to it, and ``done`` says
        that there are none before. ``last`` of an empty page is the last number ever given.
        Without ``deletions`` all is as if they were not logged, but for gaps in the numbers.
        """

    def describe_last_change(self, *, deletions: bool = False) -> ChangePage:
        """The newest change alone."""

    def list_unstable(self, limit: int = 0) -> tuple[Unstable, ...]:
        """The resources that are not stable, those due first first, at most ``limit``; 0: all."""

    def describe_unstable(self, level: Level, id_: ResourceId) -> Unstable | None:
        """One of them; ``None`` where it is gone, stable, or an instance."""

    def list_outdated(self) -> tuple[Outdated, ...]:
        """The lists of main DICOM tags that resources have and new ones do not get any more."""

    def describe_totals(self) -> Totals:
        """Sizes and numbers of the whole archive."""

    def describe_index(self) -> IndexDescription:
        """The engine, the version of its schema, and the totals."""

    def find_resources(self, search: Search) -> tuple[ResourceId, ...]:
        """Identifiers of what a search finds, in its order.

        Nothing is found below a parent that is not there; ``within`` must be: ``UnknownResource``.
        """

    def describe_found(
        self, search: Search, wanted: Wanted
    ) -> tuple[tuple[ResourceDescription, Requested], ...]:
        """The same, described, each with the wanted tags that the index knows, and should."""

    def request_found(self, search: Search, wanted: Wanted) -> tuple[Requested, ...]:
        """Of each the wanted tags alone, that the index knows, and should."""

    def count_found(self, search: Search) -> int:
        """How many resources a search finds, whatever its limit."""

    def find_candidates(self, search: Search, wanted: Wanted) -> tuple[Candidate, ...]:
        """What a search finds as far as the index knows, each with the file to look at."""

    def describe_many(
        self, ids: Sequence[ResourceId], at: Level | None
    ) -> tuple[ResourceDescription, ...]:
        """Resources of whatever level, or what is above or below them at a level.

        They come in the order of ``ids``, each once; those that are not there are left out.
        """


class IndexWriter(
    ItemsWriter,
    FollowingWriter,
    IntegrityWriter,
    StabilityWriter,
    JobsWriter,
    DeletionQueueWriter,
    TrashWriter,
    HousekeepingWriter,
    PlacesWriter,
    ValuesWriter,
    PropertiesWriter,
    NodesWriter,
    Protocol,
):
    """Changes the index. The caller groups changes: ``begin``, any number of them, ``commit``.

    A change that is refused has left no trace, and the changes before it in the group stand.
    One that fails may void the whole group (``is_void``); ``rollback`` then ends it. Nothing of a
    group may be answered before ``commit`` returned. ``now`` is seconds since the epoch, UTC.

    Raises (all methods):
        IndexFailed: the database could not be written; the group is void.
        ArchiveFull: the disk is full; the group is void.
    """

    @property
    def is_void(self) -> bool:
        """Whether a change failed in such a way that the whole group is undone."""

    @property
    def last_change(self) -> int:
        """The last number that was given to a change or to a deletion."""

    def begin(self, now: float = 0.0, *, is_repeatable: bool = False) -> None:
        """Open a group; what it releases is released ``now``.

        Of one that is repeatable, changes may be answered before they are known to be right: it
        may end as ``IndexBusy``, and is then right when all of it is made anew.
        """

    def prepare(self) -> None:
        """Do what can be done of a commit beforehand; more changes may follow."""

    def commit(self) -> None:
        """End the group; whether or not it succeeds, none is open afterwards."""

    def rollback(self) -> None:
        """End the group without a trace; where none is open, nothing happens."""

    def close(self) -> None:
        """Roll back a group that is open, and let go of the database."""

    def record_instance(
        self,
        *,
        ids: ResourceIds,
        summary: Summary,
        attachment: Attachment | None,
        origin: Origin,
        now: float,
        policy: StorePolicy = ...,
        release_duplicate: bool = True,
        moment: float | None = None,
    ) -> StoreReceipt:
        """Enter an instance with the parents that it lacks, its attachment and its changes.

        An instance that is there already is left as it is, and ``attachment`` is released unless
        ``release_duplicate`` is false: then the receipt tells which file it has (``stored``). Or
        it is overwritten, as ``policy`` has it, and its old file is released.
        Marks the parents unstable, quiet since ``moment`` (or ``now``) and for as long as
        ``policy`` has it, and brings their LastUpdate up to date. Logs NewInstance,
        NewSeries, NewStudy, NewPatient as they apply, and CompletedSeries.

        Raises:
            LimitReached: the limits of ``policy`` leave no room; nothing was written.
        """

    def recycle(self, policy: StorePolicy, now: float) -> tuple[ResourceId, ...]:
        """Delete patients until the archive is within its limits, as far as that can be.

        Those that were quiet for longest go first, protected ones never.
        """

    def replace_file(
        self, level: Level, id_: ResourceId, attachment: Attachment, replaces: str, now: float
    ) -> Attachment:
        """Let ``attachment`` take the place of the file named ``replaces``, which is released.

        Raises:
            UnknownResource: there is no such resource.
            UnknownItem: it has no file of that content type.
            RevisionConflict: its file is another one by now.
        """

    def record_reconstruction(
        self,
        *,
        ids: ResourceIds,
        summary: Summary,
        levels: Collection[Level],
        replaces: str,
        attachment: Attachment | None,
    ) -> None:
        """Refresh an instance and its parents, at ``levels``, from the file named ``replaces``.

        ``attachment`` takes that file's place, and it is released; ``None`` leaves it. What users
        wrote stays, nothing is logged, and stable resources stay stable.

        Raises:
            UnknownResource: there is no such instance.
            UnknownItem: it has no file.
            RevisionConflict: its file is another one by now.
        """

    def delete_resource(
        self, level: Level, id_: ResourceId, now: float, keeping: Keeping | None = None
    ) -> DeletionReceipt:
        """Delete a resource, all below it, and parents left empty; release all their files.

        With ``keeping`` all that goes to the trash instead.

        Raises:
            UnknownResource: there is no resource of that level with that identifier.
        """

    def release(self, attachment: Attachment) -> None:
        """List a file that no resource owns as waiting to be removed."""

    def clear_changes(self) -> None:
        """Empty the log; numbering goes on."""


class IndexEngine(Protocol):
    """A database that can hold an index.

    ``is_local`` says that no network lies between: looking something up takes microseconds.
    """

    is_local: bool

    def open(self) -> None:
        """Lock the index for this process, create or migrate its schema.

        Raises:
            CannotStart: another server holds it, it is no index, or its schema is newer.
        """

    def attach(self) -> None:
        """Read an index that another process of the same archive has opened, and keeps open.

        Nothing is locked, made or migrated; there are readers alone, and ``detach`` ends it.

        Raises:
            CannotStart: it is not there, or cannot be read.
        """

    def find_version(self) -> int:
        """The version of the schema, 0 where there is no index; nothing is made or changed.

        Raises:
            CannotStart: what lies there is not our index, or cannot be read.
        """

    def hold(self) -> HeldIndex:
        """Lock the index for a migration alone; its schema is made where there is none.

        Raises:
            CannotStart: another server holds it, or it cannot be used.
        """

    def detach(self) -> None:
        """Give out no more readers; what was given out is closed before."""

    def writer(self) -> IndexWriter:
        """The one writer, for the calling thread."""

    def reader(self) -> IndexReader:
        """A reader, for the calling thread."""

    def close(self) -> None:
        """Let go of the index; readers and the writer are closed before."""
