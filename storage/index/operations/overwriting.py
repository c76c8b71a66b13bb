"""Letting an instance take the place of the one that is there."""

from collections.abc import Mapping

from repertory.model import (
    Attachment,
    ChangeType,
    ContentType,
    Level,
    Origin,
    ResourceId,
    Summary,
)
from repertory.storage.index.database import Database
from repertory.storage.index.operations import following, metadata
from repertory.storage.index.operations.group import Group, Lineage
from repertory.storage.index.operations.recompressing import find_file, put_file
from repertory.storage.index.operations.recycling import Recycler
from repertory.storage.index.operations.refreshing import FIND_METADATA, refresh
from repertory.storage.index.packing import (
    pack_attachment,
    pack_metadata,
    pack_tags,
    unpack_entries,
)
from repertory.storage.index.policy import Overwriting, StorePolicy

FORGET_ARRIVAL = "DELETE FROM changes WHERE resource = ? AND type = ?"
SET_METADATA = "UPDATE resources SET metadata = ? WHERE id = ?"


class Overwriter:
    """Overwrites instances where they are.

    Orthanc deletes and creates anew, and loses what hung on the instance, and on its parents where
    it was their only one. Here labels and what users wrote stay, on the instance and above it;
    the parents' main tags become those of the new file.
    """

    def __init__(
        self, db: Database, group: Group, signatures: Mapping[Level, str], recycler: Recycler
    ) -> None:
        self._db = db
        self._group = group
        self._signatures = signatures
        self._recycler = recycler

    def wants(self, number: int, attachment: Attachment | None, policy: StorePolicy) -> bool:
        """Whether an instance is to be overwritten by one with this file."""
        if policy.overwriting is not Overwriting.IF_CHANGED:
            return policy.overwriting is Overwriting.ALWAYS
        if attachment is None:
            return False
        self._group.settle()
        old = find_file(self._db, number, ContentType.DICOM)
        if old is None or not old.uncompressed_md5:
            return True
        return old.uncompressed_md5 != attachment.uncompressed_md5

    def overwrite(  # noqa: PLR0917 - what ``Recorder.record`` takes and has found out
        self,
        number: int,
        lineage: Lineage,
        summary: Summary,
        attachment: Attachment | None,
        origin: Origin,
        policy: StorePolicy,
        now: float,
    ) -> tuple[ResourceId, ...]:
        """Put a new instance into the place of the one with this number.

        Returns:
            The patients that were deleted to make room.

        Raises:
            BadParameter: something cannot be kept as it is; nothing was written.
            LimitReached: there is no room for it; nothing was written.
        """
        db, group = self._db, self._group
        group.settle()
        old = find_file(db, number, ContentType.DICOM)
        new = None
        if attachment is not None:
            revision = old.revision + 1 if old is not None else 0
            new = (*pack_attachment(attachment)[:-1], revision)
        for level in Level:
            pack_tags(summary.main_tags.get(level, {}))
        kept = db.one(FIND_METADATA, (number,)) or ("{}",)
        signature = self._signatures.get(Level.INSTANCE)
        values = pack_metadata(
            metadata.with_those_of_users(
                metadata.of_instance(summary, origin, now, signature), unpack_entries(kept[0])
            )
        )
        growth = (new[4] if new else 0) - (old.compressed_size if old else 0)
        recycled = self._recycler.make_room(policy, growth, patient=lineage.patient, now=now)

        group.writing = True
        _, disk, size = put_file(db, group, number, old, new)
        numbers = (lineage.patient, lineage.study, lineage.series, number)
        for level, resource in zip(Level, numbers, strict=True):
            refresh(db, level, resource, summary, self._signatures)
        db.execute(SET_METADATA, (values, number))
        arrival = f"changes.resource = ? AND changes.type = {int(ChangeType.NEW_INSTANCE)}"
        following.keep_changes(db, group, arrival, number)
        db.execute(FORGET_ARRIVAL, (number, int(ChangeType.NEW_INSTANCE)))
        lineage.expected = summary.expected_instances
        lineage.places = None
        lineage.flawed = False
        # The number of an arrival, as if the instance were new.
        group.last_instance += 1
        news = group.news_of(lineage)
        news.disk_size += disk
        news.uncompressed_size += size
        news.activity = group.last_instance
        news.at = now
        group.log(ChangeType.NEW_INSTANCE, number, now)
        return recycled
