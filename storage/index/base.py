"""What an index engine can do: the whole of what the archive asks of a database.

An engine gives out one ``IndexWriter``, for the actor that owns the index, and any number of
``IndexReader`` objects, one for each actor that answers queries. Neither is shared between
threads; both belong to the thread that opened them.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

from repertory.integrity import Damage, DamageMark, IndexedFile, Recount, WrongCounter
from repertory.model import (
    Attachment,
    ChangePage,
    ChangeType,
    DeletionReceipt,
    IndexDescription,
    Level,
    Origin,
    ReleasedFile,
    ResourceDescription,
    ResourceId,
    ResourceIds,
    ResourceRef,
    ResourceStatistics,
    StoreReceipt,
    Summary,
    Totals,
    Unstable,
)


class IndexReader(Protocol):
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

    def find_attachments(self, uuids: Sequence[str]) -> frozenset[str]:
        """Which of these files belong to a resource; reads the whole index for it."""

    def list_changes(
        self, since: int | None, to: int | None, limit: int, types: Collection[ChangeType]
    ) -> ChangePage:
        """Changes after ``since`` up to ``to``, at most ``limit``, of ``types`` (empty: all).

        Without ``since``, ``to`` asks for the last ``limit`` changes up to it, and ``done`` says
        that there are none before. ``last`` of an empty page is the last number ever given.
        """

    def describe_last_change(self) -> ChangePage:
        """The newest change alone."""

    def list_unstable(self) -> tuple[Unstable, ...]:
        """The resources that are not stable, the longest quiet first."""

    def describe_unstable(self, level: Level, id_: ResourceId) -> Unstable | None:
        """One of them; ``None`` where it is gone, stable, or an instance."""

    def list_released(self, limit: int) -> tuple[ReleasedFile, ...]:
        """Files that wait to be removed, first released first."""

    def count_released(self) -> int:
        """How many files wait to be removed."""

    def describe_totals(self) -> Totals:
        """Sizes and numbers of the whole archive."""

    def describe_index(self) -> IndexDescription:
        """The engine, the version of its schema, and the totals."""

    def count_files(self) -> int:
        """How many files there are."""

    def list_files(
        self, after: tuple[int, int], first: int, last: int, limit: int
    ) -> tuple[IndexedFile, ...]:
        """Files after a resource's number and content type, at most ``limit``.

        Only those whose UUIDs begin with a byte from ``first`` to before ``last``.
        """

    def list_owners(
        self, files: Sequence[tuple[IndexedFile, Damage]]
    ) -> tuple[DamageMark | None, ...]:
        """To whom files belong; ``None`` for those that belong to nobody any more."""

    def list_damaged(self) -> tuple[DamageMark, ...]:
        """The files that are marked as damaged."""

    def recount_tallies(self, after: int, limit: int) -> Recount:
        """Count patients anew, with all below them, after the patient of a number."""

    def recount_totals(self) -> tuple[WrongCounter, ...]:
        """Count the whole archive anew; what is wrong."""


class IndexWriter(Protocol):
    """Changes the index. The caller groups changes: ``begin``, any number of them, ``commit``.

    A change that is refused has left no trace, and the changes before it in the group stand.
    One that fails may void the whole group (``is_void``); ``rollback`` then ends it. Nothing of a
    group may be answered before ``commit`` returned.
    ``now`` is seconds since the epoch, UTC.

    Raises (all methods):
        IndexFailed: the database could not be written; the group is void.
        ArchiveFull: the disk is full; the group is void.
    """

    @property
    def is_void(self) -> bool:
        """Whether a change failed in such a way that the whole group is undone."""

    def begin(self) -> None:
        """Open a group."""

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
        attachment: Attachment,
        origin: Origin,
        now: float,
        release_duplicate: bool = True,
    ) -> StoreReceipt:
        """Enter an instance with the parents that it lacks, its attachment and its changes.

        An instance that is there already is left as it is, and ``attachment`` is released unless
        ``release_duplicate`` is false: then the receipt tells which file it has (``stored``).
        Marks the parents unstable and brings their LastUpdate up to date. Logs NewInstance,
        NewSeries, NewStudy, NewPatient as they apply, and CompletedSeries.
        """

    def delete_resource(self, level: Level, id_: ResourceId, now: float) -> DeletionReceipt:
        """Delete a resource, all below it, and parents left empty; release all their files.

        Raises:
            UnknownResource: there is no resource of that level with that identifier.
        """

    def release(self, attachment: Attachment) -> None:
        """List a file that no resource owns as waiting to be removed."""

    def declare_stable(self, resource: Unstable, now: float) -> bool:
        """Mark it stable and log the change, unless it is gone, stable, or had news since."""

    def forget_released(self, numbers: Sequence[int]) -> None:
        """These files are removed; to forget one twice does no harm."""

    def clear_changes(self) -> None:
        """Empty the log; numbering goes on."""

    def mark_files(
        self, damaged: Sequence[tuple[IndexedFile, Damage]], sound: Sequence[IndexedFile]
    ) -> int:
        """Mark files as damaged, take the marks off others; how many marks are new or changed.

        A file that its resource has not any more is passed over.
        """

    def note_damage(
        self, level: Level, id_: ResourceId, content_type: int, uuid: str, damage: Damage
    ) -> bool:
        """Mark the file of a resource as damaged, unless it is marked; whether that was done."""

    def correct_tallies(self, patients: Sequence[int]) -> int:
        """Correct the counters of patients, by number, and of all below; how many were wrong."""

    def correct_totals(self) -> int:
        """Correct the counters of the whole archive; how many were wrong."""

    def mend_instance(
        self, id_: ResourceId, replaces: str, attachment: Attachment, summary: Summary
    ) -> bool:
        """Let ``attachment`` replace the DICOM file of an instance, which is released.

        Where the instance is gone, or has another file than ``replaces``, ``attachment`` is
        released; whether it was put in its place.
        """


class IndexEngine(Protocol):
    """A database that can hold an index."""

    def open(self) -> None:
        """Lock the index for this process, create or migrate its schema.

        Raises:
            CannotStart: another server holds it, it is no index, or its schema is newer.
        """

    def writer(self) -> IndexWriter:
        """The one writer, for the calling thread."""

    def reader(self) -> IndexReader:
        """A reader, for the calling thread."""

    def close(self) -> None:
        """Let go of the index; readers and the writer are closed before."""
