"""Reconstructing: what the index says of an instance and its parents follows its file again."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from repertory.errors import RevisionConflict, UnknownItem, UnknownResource
from repertory.model import Attachment, ContentType, Level, ResourceIds, Summary
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.parents import pack_main_tags
from repertory.storage.index.operations.recompressing import find_file, put_file, resize
from repertory.storage.index.operations.refreshing import WRITTEN_AT, Refreshing, refresh_copy
from repertory.storage.index.packing import pack_attachment, pack_id, unpack_uuid

OBSOLETE = (ContentType.DICOM_AS_JSON, ContentType.DICOM_UNTIL_PIXEL_DATA)
"""Files that an Orthanc kept beside the DICOM file, and that nothing here reads."""

_ABOVE = (Level.PATIENT, Level.STUDY, Level.SERIES)

_WRITTEN = ", ".join(f"low.{column}" for column in WRITTEN_AT[Level.INSTANCE])
FIND_TARGETS = (
    "SELECT low.id, low.public_id, series.public_id, series.id, studies.id, studies.parent,"  # noqa: S608 - of constants
    f" files.uuid, {_WRITTEN} FROM resources AS low"
    " JOIN resources AS series ON series.id = low.parent"
    " JOIN resources AS studies ON studies.id = series.parent"
    " LEFT JOIN attachments AS files ON files.resource = low.id AND files.content_type = 1"
    " WHERE "
)
FIND_TARGET = FIND_TARGETS + "low.public_id = ? AND low.level = 4"


class Target(NamedTuple):
    """An instance and its parents, by their numbers; what is written of it, and of its file."""

    number: int
    digest: bytes
    series_digest: bytes
    series: int
    study: int
    patient: int
    uuid: bytes | None
    written: Row

    @classmethod
    def of(cls, row: Row) -> "Target":
        """The target of a row of ``FIND_TARGETS``."""
        number, digest, series_digest, series, study, patient, uuid, *written = row
        return cls(number, digest, series_digest, series, study, patient, uuid, tuple(written))

    def at(self, level: Level) -> int:
        """The number at a level."""
        return (self.patient, self.study, self.series, self.number)[level - 1]


def find_targets(db: Database, numbers: Sequence[int]) -> dict[int, Target]:
    """The instances with these numbers that are there."""
    if not numbers:
        return {}
    condition, value = db.among("low.id", numbers)
    return {row[0]: Target.of(row) for row in db.all(FIND_TARGETS + condition, (value,))}


def record_reconstruction(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    signatures: Mapping[Level, str],
    ids: ResourceIds,
    summary: Summary,
    levels: Collection[Level],
    replaces: str,
    attachment: Attachment | None,
) -> None:
    """Refresh an instance and its parents, at these levels, from its file ``replaces``.

    ``attachment`` takes the place of the file, which is released; ``None`` leaves it. Nothing is
    logged, and stable resources stay stable. Files that an Orthanc kept beside it are released.

    Raises:
        UnknownResource: there is no such instance.
        UnknownItem: it has no file.
        RevisionConflict: its file is another one by now.
        BadParameter: something cannot be kept as it is. Nothing was written, in all these cases.
    """
    group.settle()
    digest = pack_id(ids.instance)
    row = digest and db.one(FIND_TARGET, (digest,))
    target = Target.of(row) if row else None
    refreshing = Refreshing(db, signatures)
    number = reconstruct(db, group, refreshing, target, ids, summary, levels, replaces, attachment)
    refreshing.flush()
    if Level.INSTANCE in levels:
        release_obsolete(db, group, number)


def reconstruct(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    refreshing: Refreshing,
    target: Target | None,
    ids: ResourceIds,
    summary: Summary,
    levels: Collection[Level],
    replaces: str,
    attachment: Attachment | None,
) -> int:
    """The same for an instance that was looked up in this transaction; its number.

    Some of it waits in ``refreshing``, and files beside it stay.
    """
    target = _checked(target, ids, replaces)
    new = pack_attachment(attachment) if attachment is not None else None
    above = [level for level in _ABOVE if level in levels]
    for level in above:
        pack_main_tags(summary, level)  # or it would be refused when half of it is written
    number = target.number
    if Level.INSTANCE in levels:
        refreshing.refresh(Level.INSTANCE, number, summary, written=target.written)
    group.writing = True
    for level in above:
        refreshing.refresh(level, target.at(level), summary)
    if Level.PATIENT in levels and Level.STUDY not in levels:
        refresh_copy(db, target.study, summary)
    if new is not None:
        old = find_file(db, number, ContentType.DICOM)
        resize(db, number, *put_file(db, group, number, old, new))
    return number


def _checked(target: Target | None, ids: ResourceIds, replaces: str) -> Target:
    if target is None or target.digest != pack_id(ids.instance):
        raise UnknownResource
    if target.series_digest != pack_id(ids.series):
        raise UnknownResource
    if target.uuid is None:
        raise UnknownItem
    if unpack_uuid(target.uuid) != replaces:
        raise RevisionConflict("The file was replaced in the meantime.")
    return target


def release_obsolete(db: Database, group: Group, number: int) -> None:
    """Release what an Orthanc kept beside the file of an instance."""
    for content_type in OBSOLETE:
        obsolete = find_file(db, number, content_type)
        if obsolete is not None:
            group.writing = True
            resize(db, number, *put_file(db, group, number, obsolete, None))
