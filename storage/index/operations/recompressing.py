"""Giving a resource another file in the place of one that it has."""

from repertory.errors import RevisionConflict, UnknownItem
from repertory.model import Attachment, ChangeType, Level, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations.describing import ATTACHMENT
from repertory.storage.index.operations.group import INSERT_ATTACHMENT, Group
from repertory.storage.index.operations.listing import find
from repertory.storage.index.packing import (
    LARGEST,
    AttachmentRow,
    pack_attachment,
    unpack_attachment,
)

REMOVE = "DELETE FROM attachments WHERE resource = ? AND content_type = ?"
FIND_PARENT = "SELECT parent FROM resources WHERE id = ?"
RESIZE_TALLY = (
    "UPDATE tallies SET disk_size = disk_size + ?, uncompressed_size = uncompressed_size + ?,"
    " dicom_disk_size = dicom_disk_size + ?,"
    " dicom_uncompressed_size = dicom_uncompressed_size + ? WHERE resource = ?"
)
RESIZE_TOTALS = (
    "UPDATE totals SET disk_size = disk_size + ?, uncompressed_size = uncompressed_size + ?"
)

_FIRST_OF_USERS = 1024


def replace_file(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    level: Level,
    id_: ResourceId,
    attachment: Attachment,
    replaces: str,
    now: float,
) -> Attachment:
    """Let ``attachment`` take the place of the file named ``replaces``, which is released.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no file of that content type.
        RevisionConflict: its file is another one by now. Nothing was written, in all three cases.
    """
    group.settle()
    number = find(db, level, id_)[0]
    new = pack_attachment(attachment)
    old = find_file(db, number, attachment.content_type)
    if old is None:
        raise UnknownItem
    if old.uuid != replaces:
        raise RevisionConflict("The file was replaced in the meantime.")
    group.writing = True
    resize(db, number, *put_file(db, group, number, old, new))
    if attachment.content_type >= _FIRST_OF_USERS:
        group.log(ChangeType.UPDATED_ATTACHMENT, number, now)
    return attachment


def find_file(db: Database, number: int, content_type: int) -> Attachment | None:
    """A file of a resource, if it has one of this type."""
    # A user's number may be larger than any column holds.
    row = db.one(ATTACHMENT, (number, min(int(content_type), LARGEST)))
    return None if row is None else unpack_attachment(row)


def put_file(
    db: Database, group: Group, number: int, old: Attachment | None, new: AttachmentRow | None
) -> tuple[int, int, int]:
    """Take ``old`` from a resource and release it, and give it ``new``.

    Returns:
        Of which type the file is, and by how many bytes it has grown on disk and uncompressed.
    """
    content_type = disk = size = 0
    if old is not None:
        content_type, disk, size = old.content_type, -old.compressed_size, -old.uncompressed_size
        db.execute(REMOVE, (number, content_type))
        group.release(old)
        group.count_files(old.location, -1, -old.compressed_size)
    if new is not None:
        content_type, disk, size = new[0], disk + new[4], size + new[2]
        db.execute_many(INSERT_ATTACHMENT, [(number, *new)])
        group.count_files(new[7], 1, new[4])
    return content_type, disk, size


def resize(db: Database, number: int, content_type: int, disk: int, size: int) -> None:
    """Enter into the sums of a resource and its parents by how much a file has grown."""
    of_dicom = content_type == 1
    resource: int | None = number
    while resource is not None:
        # Instances have no tally: no row is changed.
        db.execute(RESIZE_TALLY, (disk, size, disk * of_dicom, size * of_dicom, resource))
        row = db.one(FIND_PARENT, (resource,))
        resource = row[0] if row else None
    db.execute(RESIZE_TOTALS, (disk, size))
