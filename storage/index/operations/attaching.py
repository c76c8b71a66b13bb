"""Giving attachments to resources, replacing and deleting them (spec, Attachments)."""

from dataclasses import replace

from repertory.errors import IndexFailed, UnknownItem
from repertory.items import Revision, written
from repertory.model import Attachment, ChangeType, ContentType, Level, ResourceId, ResourceRef
from repertory.storage.index.database import Database
from repertory.storage.index.operations.describing import ATTACHMENT
from repertory.storage.index.operations.group import INSERT_ATTACHMENT, Group
from repertory.storage.index.operations.listing import FIND_BY_NUMBER, find
from repertory.storage.index.operations.revisions import check
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_attachment,
    unpack_attachment,
)

LIST_ATTACHMENTS = (
    f"SELECT {ATTACHMENT_COLUMNS} FROM attachments"  # noqa: S608 - a constant
    " WHERE resource = ? ORDER BY content_type"
)
DELETE_ATTACHMENT = "DELETE FROM attachments WHERE resource = ? AND content_type = ?"
ADD_TO_TALLY = (
    "UPDATE tallies SET disk_size = disk_size + ?, uncompressed_size = uncompressed_size + ?,"
    " dicom_disk_size = dicom_disk_size + ?,"
    " dicom_uncompressed_size = dicom_uncompressed_size + ? WHERE resource = ?"
)
ADD_TO_TOTALS = (
    "UPDATE totals SET disk_size = disk_size + ?, uncompressed_size = uncompressed_size + ?"
)


def list_attachments(db: Database, level: Level, id_: ResourceId) -> tuple[Attachment, ...]:
    """The attachments of a resource, in ascending order of their content types."""
    rows = db.all(LIST_ATTACHMENTS, (find(db, level, id_)[0],))
    return tuple(unpack_attachment(row) for row in rows)


def check_attachment(
    db: Database, level: Level, id_: ResourceId, content_type: int, expected: Revision | None
) -> None:
    """Say whether ``replace_attachment`` would refuse, as far as can be known before.

    Raises:
        UnknownResource: there is no such resource.
        RevisionConflict: another revision than ``expected`` is there.
    """
    old = _find_attachment(db, find(db, level, id_)[0], content_type)
    check(expected, None if old is None else written(old))


def replace_attachment(
    db: Database,
    group: Group,
    resource: ResourceRef,
    attachment: Attachment,
    *,
    expected: Revision | None,
    now: float,
) -> Attachment:
    """Give a resource an attachment; the one that it takes the place of is released.

    Its revision is the next one, whatever ``attachment`` says. The writing is logged, the sizes
    of the resource, its parents and the archive follow.

    Raises:
        UnknownResource: there is no such resource.
        RevisionConflict: another revision than ``expected`` is there.
        BadParameter: the attachment cannot be kept as it is.
    """
    number, parent, _ = find(db, resource.level, resource.id)
    pack_attachment(attachment)
    group.settle()
    old = _find_attachment(db, number, attachment.content_type)
    check(expected, None if old is None else written(old))
    group.writing = True
    if old is not None:
        db.execute(DELETE_ATTACHMENT, (number, old.content_type))
        group.release(old)
    new = replace(attachment, revision=0 if old is None else old.revision + 1)
    db.execute(INSERT_ATTACHMENT, (number, *pack_attachment(new)))
    _change_sizes(db, (resource.level, number, parent), old, new)
    group.log(ChangeType.UPDATED_ATTACHMENT, number, now)
    return new


def delete_attachment(
    db: Database,
    group: Group,
    resource: ResourceRef,
    content_type: int,
    *,
    expected: Revision | None,
    now: float,
) -> None:
    """Take an attachment from a resource, and release it.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such attachment.
        RevisionConflict: another revision than ``expected`` is there.
    """
    number, parent, _ = find(db, resource.level, resource.id)
    group.settle()
    old = _find_attachment(db, number, content_type)
    if old is None:
        raise UnknownItem
    check(expected, written(old))
    group.writing = True
    db.execute(DELETE_ATTACHMENT, (number, old.content_type))
    group.release(old)
    _change_sizes(db, (resource.level, number, parent), old, None)
    group.log(ChangeType.UPDATED_ATTACHMENT, number, now)


def _find_attachment(db: Database, resource: int, content_type: int) -> Attachment | None:
    row = db.one(ATTACHMENT, (resource, int(content_type)))
    return None if row is None else unpack_attachment(row)


def _change_sizes(
    db: Database,
    place: tuple[Level, int, int | None],
    old: Attachment | None,
    new: Attachment | None,
) -> None:
    """Bring the sizes of a resource, of its parents and of the archive up to date."""
    disk = (new.compressed_size if new else 0) - (old.compressed_size if old else 0)
    plain = (new.uncompressed_size if new else 0) - (old.uncompressed_size if old else 0)
    of_either = new or old
    is_dicom = of_either is not None and of_either.content_type == ContentType.DICOM
    sizes = (disk, plain, disk if is_dicom else 0, plain if is_dicom else 0)
    level, number, parent = place
    if level is not Level.INSTANCE:
        db.execute(ADD_TO_TALLY, (*sizes, number))
    while parent is not None:
        db.execute(ADD_TO_TALLY, (*sizes, parent))
        row = db.one(FIND_BY_NUMBER, (parent,))
        if row is None:
            raise IndexFailed("The index is damaged: a resource has lost its parent.")
        parent = row[1]
    db.execute(ADD_TO_TOTALS, (disk, plain))
