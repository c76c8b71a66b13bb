"""The writer of an index, on any database that speaks SQL."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from repertory.errors import ArchiveFull, Failed, IndexFailed
from repertory.integrity import Damage, IndexedFile
from repertory.model import (
    Attachment,
    DeletionReceipt,
    Level,
    Origin,
    ResourceId,
    ResourceIds,
    StoreReceipt,
    Summary,
    Unstable,
)
from repertory.storage.index.database import Database
from repertory.storage.index.operations import (
    changes,
    checking,
    deleting,
    mending,
    recounting,
    releasing,
    stability,
)
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.recording import Recorder

log = structlog.get_logger(__name__)

T = TypeVar("T")


class DatabaseWriter:
    """An ``IndexWriter``.

    Operations refuse before their first write, so that a refusal needs no savepoint; an error
    after that voids the group: it is rolled back at once, and what remains of it is refused.
    ``signatures`` are the metadata MainDicomTagsSignature of each level.
    """

    def __init__(self, db: Database, *, signatures: Mapping[Level, str]) -> None:
        self._db = db
        self._group = Group(db)
        self._recorder = Recorder(db, self._group, signatures)
        self._is_open = False
        self._is_void = False
        self.is_closed = False

    @property
    def is_void(self) -> bool:
        """Whether a change failed in such a way that nothing of its group will be done."""
        return self._is_void

    def begin(self) -> None:
        """Open a group."""
        if self._is_open:
            raise IndexFailed("The group before was not ended.")
        self._db.begin()
        self._is_open = True

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
        attachment: Attachment,
        origin: Origin,
        now: float,
        release_duplicate: bool = True,
    ) -> StoreReceipt:
        """Enter an instance with the parents that it lacks, its attachment and its changes."""
        return self._change(
            self._recorder.record, ids, summary, attachment, origin, now, release_duplicate
        )

    def delete_resource(self, level: Level, id_: ResourceId, now: float) -> DeletionReceipt:
        """Delete a resource, all below it, and parents left empty; release all their files."""
        receipt = self._change(deleting.delete_resource, self._db, self._group, level, id_, now)
        self._recorder.forget()
        return receipt

    def release(self, attachment: Attachment) -> None:
        """List a file that no resource owns as waiting to be removed."""
        self._change(self._group.release, attachment)

    def declare_stable(self, resource: Unstable, now: float) -> bool:
        """Mark it stable and log the change, unless it is gone, stable, or had news since."""
        return self._change(stability.declare_stable, self._db, self._group, resource, now)

    def forget_released(self, numbers: Sequence[int]) -> None:
        """These files are removed."""
        self._change(releasing.forget_released, self._db, self._group, numbers)

    def clear_changes(self) -> None:
        """Empty the log; numbering goes on."""
        self._change(changes.clear_changes, self._db, self._group)

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
        return self._change(
            mending.mend_instance, self._db, self._group, id_, replaces, attachment, summary
        )

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
            if group.writing or isinstance(error, Failed | ArchiveFull):
                self._abandon()
            raise

    def _abandon(self) -> None:
        self._is_void = True
        try:
            self._db.rollback()
            self._group.forget()
        except Failed:
            # Whoever asked hears of the error that came first.
            log.exception("index_rollback_failed")
        self._recorder.forget()
