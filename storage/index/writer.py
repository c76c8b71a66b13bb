"""The writer of an index, on any database that speaks SQL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeVar

import structlog

from repertory.errors import ArchiveFull, Failed, IndexFailed, LeaseLost, LimitReached
from repertory.integrity import Damage, IndexedFile
from repertory.items import MetadataValue, Revision, Stabilized
from repertory.model import (
    Attachment,
    DeletionReceipt,
    Level,
    Origin,
    ResourceId,
    ResourceIds,
    ResourceRef,
    StoreReceipt,
    Summary,
)
from repertory.storage.index.database import Database
from repertory.storage.index.housekeeping import WritesHousekeeping
from repertory.storage.index.jobs import DatabaseJobsWriter
from repertory.storage.index.nodes import WritesNodes
from repertory.storage.index.operations import (
    annotating,
    attaching,
    changes,
    checking,
    deleting,
    exporting,
    labelling,
    mending,
    protecting,
    recompressing,
    reconstructing,
    recounting,
    signing,
    stability,
)
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.recording import Recorder
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.places import DatabasePlacesWriter
from repertory.storage.index.policy import StorePolicy
from repertory.storage.index.properties import WritesProperties
from repertory.storage.index.tiering import TieringWriting
from repertory.storage.index.values import DatabaseValuesWriter
from repertory.storage.index.writer_deletion import DeletionQueueWriting
from repertory.storage.index.writer_following import WriterFollowing
from repertory.storage.index.writer_trash import TrashWriting

log = structlog.get_logger(__name__)

T = TypeVar("T")


class DatabaseWriter(
    WriterFollowing,
    DatabaseJobsWriter,
    DeletionQueueWriting,
    TrashWriting,
    WritesHousekeeping,
    DatabasePlacesWriter,
    TieringWriting,
    DatabaseValuesWriter,
    WritesProperties,
    WritesNodes,
):
    """An ``IndexWriter``.

    Operations refuse before their first write, so that a refusal needs no savepoint; an error
    after that voids the group: it is rolled back at once, and what remains of it is refused.
    ``signatures`` are the metadata MainDicomTagsSignature of each level.
    """

    def __init__(self, db: Database, *, signatures: Mapping[Level, str]) -> None:
        self._db = db
        signing.count_signatures(db, signatures)
        self._group = Group(db)
        self._signatures = signatures
        self._recorder = Recorder(db, self._group, signatures)
        self._is_open = False
        self._is_void = False
        self._is_stale = False
        self.is_closed = False

    @property
    def is_void(self) -> bool:
        """Whether a change failed in such a way that nothing of its group will be done."""
        return self._is_void

    @property
    def last_change(self) -> int:
        """The last number that was given to a change or to a deletion."""
        return self._group.last_change

    def begin(self, now: float = 0.0, *, is_repeatable: bool = False) -> None:
        """Open a group."""
        if self._is_open:
            raise IndexFailed("The group before was not ended.")
        stale = self._db.begin(is_repeatable=is_repeatable)
        self._is_open = True
        if stale or self._is_stale:
            self._read_again()
        self._group.now = now

    def prepare(self) -> None:
        """Do what ``commit`` does first, and takes longest; more changes may follow."""
        self._change(self._group.flush)
        self._change(self._db.spill)

    def commit(self) -> None:
        """End the group: what it changed is on the medium, as far as the database promises."""
        try:
            self._change(self._group.flush)
            self._db.commit()
        except BaseException:
            self._abandon()
            raise
        finally:
            self._is_open = self._is_void = False

    def rollback(self) -> None:
        """End the group without a trace; where there is none, nothing happens."""
        if self._is_open and not self._is_void:
            self._abandon()
        self._is_open = self._is_void = False

    def close(self) -> None:
        """Roll back a group that is open, and let go of the database."""
        self.rollback()
        self._db.close()
        self.is_closed = True

    def record_instance(
        self,
        *,
        ids: ResourceIds,
        summary: Summary,
        attachment: Attachment | None,
        origin: Origin,
        now: float,
        policy: StorePolicy = StorePolicy(),  # noqa: B008 - frozen
        release_duplicate: bool = True,
        moment: float | None = None,
    ) -> StoreReceipt:
        """Enter an instance with the parents that it lacks, its attachment and its changes."""
        record = partial(self._recorder.record, release_duplicate=release_duplicate, moment=moment)
        return self._change(record, ids, summary, attachment, origin, policy, now)

    def delete_resource(
        self, level: Level, id_: ResourceId, now: float, keeping: Keeping | None = None
    ) -> DeletionReceipt:
        """Delete a resource, all below it, and parents left empty; release all their files."""
        receipt = self._change(
            deleting.delete_resource, self._db, self._group, level, id_, now, keeping
        )
        self._recorder.forget()
        return receipt

    def release(self, attachment: Attachment) -> None:
        """List a file that no resource owns as waiting to be removed."""
        self._change(self._group.release, attachment)

    def declare_due(self, moment: float, limit: int, now: float) -> Stabilized:
        """Mark stable what was quiet for long enough, and log it."""
        return self._change(stability.declare_due, self._db, self._group, moment, limit, now)

    def declare_stable(self, level: Level, id_: ResourceId, now: float) -> bool:
        """Mark a resource stable and log it; whether it was not stable."""
        resource = ResourceRef(level, id_)
        return self._change(stability.declare_stable, self._db, self._group, resource, now)

    def declare_unstable(
        self, level: Level, id_: ResourceId, moment: float, longest: float
    ) -> bool:
        """Let a resource be quiet since ``moment``; whether it was stable."""
        return self._change(
            stability.declare_unstable,
            self._db,
            self._group,
            ResourceRef(level, id_),
            moment,
            longest,
        )

    def limit_periods(self, moment: float, longest: float) -> int:
        """Let nothing wait for longer than ``longest`` from now on; how much would have."""
        return self._change(stability.limit_periods, self._db, self._group, moment, longest)

    def shift_periods(self, seconds: float) -> None:
        """Move the periods of all that is not stable."""
        self._change(stability.shift_periods, self._db, self._group, seconds)

    def clear_changes(self) -> None:
        """Empty the log; numbering goes on."""
        self._change(changes.clear_changes, self._db, self._group)

    def set_metadata(
        self,
        level: Level,
        id_: ResourceId,
        number: int,
        value: str,
        *,
        expected: Revision | None,
        now: float,
    ) -> MetadataValue:
        """Write a metadata and log it."""
        resource = ResourceRef(level, id_)
        write = partial(annotating.set_metadata, expected=expected, now=now)
        return self._change(write, self._db, self._group, resource, number, value)

    def delete_metadata(
        self,
        level: Level,
        id_: ResourceId,
        number: int,
        *,
        expected: Revision | None,
        now: float,
    ) -> None:
        """Delete a metadata and log it."""
        delete = partial(annotating.delete_metadata, expected=expected, now=now)
        self._change(delete, self._db, self._group, ResourceRef(level, id_), number)

    def add_label(self, level: Level, id_: ResourceId, label: str) -> None:
        """Give a resource a label."""
        self._change(labelling.add_label, self._db, self._group, level, id_, label)

    def remove_label(self, level: Level, id_: ResourceId, label: str) -> None:
        """Take a label from a resource."""
        self._change(labelling.remove_label, self._db, self._group, level, id_, label)

    def replace_attachment(
        self,
        level: Level,
        id_: ResourceId,
        attachment: Attachment,
        *,
        expected: Revision | None,
        now: float,
    ) -> Attachment:
        """Give a resource an attachment, release the one before, log it; as it is now."""
        replace = partial(attaching.replace_attachment, expected=expected, now=now)
        resource = ResourceRef(level, id_)
        return self._change(replace, self._db, self._group, resource, attachment)

    def delete_attachment(
        self,
        level: Level,
        id_: ResourceId,
        content_type: int,
        *,
        expected: Revision | None,
        now: float,
    ) -> None:
        """Take an attachment away, release it, log it."""
        delete = partial(attaching.delete_attachment, expected=expected, now=now)
        self._change(delete, self._db, self._group, ResourceRef(level, id_), content_type)

    def set_protection(self, id_: ResourceId, *, protected: bool) -> None:
        """Protect a patient from being recycled, or put it at the end of those that may be."""
        protect = partial(protecting.set_protection, protected=protected)
        self._change(protect, self._db, self._group, id_)

    def record_exports(self, resources: Sequence[ResourceRef], remote: str, now: float) -> None:
        """Log that resources were sent to ``remote``."""
        self._change(exporting.record_exports, self._db, self._group, resources, remote, now)

    def clear_exports(self) -> None:
        """Empty the log of exports; numbering goes on."""
        self._change(exporting.clear_exports, self._db, self._group)

    def recycle(self, policy: StorePolicy, now: float) -> tuple[ResourceId, ...]:
        """Delete patients until the archive is within its limits, as far as that can be."""
        recycled = self._change(self._recorder.recycler.recycle, policy, now)
        self._recorder.forget()
        return recycled

    def replace_file(
        self, level: Level, id_: ResourceId, attachment: Attachment, replaces: str, now: float
    ) -> Attachment:
        """Let a file take the place of another one, which is released."""
        return self._change(
            recompressing.replace_file,
            self._db,
            self._group,
            level,
            id_,
            attachment,
            replaces,
            now,
        )

    def record_reconstruction(
        self,
        *,
        ids: ResourceIds,
        summary: Summary,
        levels: Collection[Level],
        replaces: str,
        attachment: Attachment | None,
    ) -> None:
        """Refresh an instance and its parents, at these levels, from the instance's file."""
        self._change(
            reconstructing.record_reconstruction,
            self._db,
            self._group,
            self._signatures,
            ids,
            summary,
            levels,
            replaces,
            attachment,
        )
        if Level.SERIES in levels:
            self._recorder.forget()  # what is remembered of a series may have changed

    def mark_files(
        self, damaged: Sequence[tuple[IndexedFile, Damage]], sound: Sequence[IndexedFile]
    ) -> int:
        """Mark files as damaged, and take the marks off others."""
        return self._change(checking.mark_files, self._db, self._group, damaged, sound)

    def note_damage(
        self, level: Level, id_: ResourceId, content_type: int, uuid: str, damage: Damage
    ) -> bool:
        """Mark the file of a resource as damaged, unless it is marked."""
        return self._change(
            checking.note_damage, self._db, self._group, level, id_, content_type, uuid, damage
        )

    def correct_tallies(self, patients: Sequence[int]) -> int:
        """Correct the counters of patients and of all below them."""
        return self._change(recounting.correct_tallies, self._db, self._group, patients)

    def correct_totals(self) -> int:
        """Correct the counters of the whole archive."""
        return self._change(recounting.correct_totals, self._db, self._group)

    def mend_instance(
        self, id_: ResourceId, replaces: str, attachment: Attachment, summary: Summary
    ) -> bool:
        """Give an instance a good file in the place of a damaged one."""
        mended = self._change(
            mending.mend_instance,
            self._db,
            self._group,
            self._signatures,
            id_,
            replaces,
            attachment,
            summary,
        )
        self._recorder.forget()  # its place in the series may be another one
        return mended

    def _change(self, operation: Callable[..., T], *values: object) -> T:
        if not self._is_open:
            raise IndexFailed("No group of changes is open.")
        if self._is_void:
            raise IndexFailed("A change before failed; nothing of its group was done.")
        group = self._group
        group.writing = False
        try:
            return operation(*values)
        except BaseException as error:
            full = isinstance(error, ArchiveFull) and not isinstance(error, LimitReached)
            # That a node may not do something spoils nothing for others of the group.
            failed = isinstance(error, Failed) and not isinstance(error, LeaseLost)
            if group.writing or full or failed:
                self._abandon()
            raise

    def _abandon(self) -> None:
        self._is_void = True
        self._is_stale = True
        try:
            self._db.rollback()
            self._group.forget()
            self._is_stale = False
        except Failed as error:
            # Whoever asked hears of the error that came first; the next group looks again.
            log.warning("index_rollback_failed", reason=type(error).__name__)
        self._recorder.forget()

    def _read_again(self) -> None:
        try:
            self._group.forget()
        except BaseException:
            self._abandon()
            self._is_open = self._is_void = False
            raise
        self._is_stale = False
        self._recorder.forget()
