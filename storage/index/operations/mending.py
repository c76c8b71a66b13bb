"""Giving an instance a good file in the place of a damaged one."""

from typing import Any

import orjson

from repertory.model import Attachment, ContentType, Level, Metadata, ResourceId, Summary
from repertory.storage.index.database import Database
from repertory.storage.index.operations import metadata
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_attachment,
    pack_id,
    pack_tags,
    unpack_attachment,
)

FIND = (
    f"SELECT resources.id, resources.parent, resources.metadata, {ATTACHMENT_COLUMNS}"  # noqa: S608
    " FROM resources JOIN attachments ON attachments.resource = resources.id"
    " WHERE public_id = ? AND level = 4 AND content_type = 1"
)
# The revision stays: it counts what users wrote.
REPLACE = (
    "UPDATE attachments SET uuid = ?, uncompressed_size = ?, uncompressed_md5 = ?,"
    " compressed_size = ?, compressed_md5 = ?, compression = ?"
    " WHERE resource = ? AND content_type = 1"
)
RESIZE_TALLY = (
    "UPDATE tallies SET disk_size = disk_size + ?1, uncompressed_size = uncompressed_size + ?2,"
    " dicom_disk_size = dicom_disk_size + ?1,"
    " dicom_uncompressed_size = dicom_uncompressed_size + ?2 WHERE resource = ?3"
)
RESIZE_TOTALS = (
    "UPDATE totals SET disk_size = disk_size + ?, uncompressed_size = uncompressed_size + ?"
)

_OF_FILE = (
    Metadata.TRANSFER_SYNTAX,
    Metadata.SOP_CLASS_UID,
    Metadata.PIXEL_DATA_OFFSET,
    Metadata.PIXEL_DATA_VR,
)
"""The metadata that tell about the file, and not about how it came in."""


def mend_instance(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    id_: ResourceId,
    replaces: str,
    attachment: Attachment,
    summary: Summary,
) -> bool:
    """Put ``attachment`` in the place of the instance's file named ``replaces``.

    One of the two files is released: the new one, where the instance has another file by now or
    is gone; whether the old one was.
    """
    new = pack_attachment(attachment)
    tags = pack_tags(summary.main_tags.get(Level.INSTANCE, {}))
    # What waits in the group may be this very instance.
    group.flush()
    row = db.one(FIND, (pack_id(id_),))
    old = unpack_attachment(row[3:]) if row else None
    if row is None or old is None or old.uuid != replaces:
        group.release(attachment)
        return False
    number, parent, packed = row[:3]
    group.release(old)
    db.execute(REPLACE, (*new[1:7], number))
    if not old.uncompressed_md5 or old.uncompressed_md5 != attachment.uncompressed_md5:
        db.execute(
            "UPDATE resources SET main_tags = ?, metadata = ? WHERE id = ?",
            (tags, _of_new_file(packed, summary), number),
        )
    disk = attachment.compressed_size - old.compressed_size
    size = attachment.uncompressed_size - old.uncompressed_size
    if disk or size:
        _resize(db, parent, disk, size)
    return True


def _of_new_file(packed: str, summary: Summary) -> str:
    """The metadata of an instance, with what they tell about its file brought up to date."""
    values: dict[str, Any] = orjson.loads(packed)
    offset = summary.pixel_data_offset
    news = {
        Metadata.TRANSFER_SYNTAX: summary.transfer_syntax,
        Metadata.SOP_CLASS_UID: summary.sop_class_uid,
        Metadata.PIXEL_DATA_OFFSET: "" if offset is None else str(offset),
    }
    if metadata.is_unusual(summary.pixel_data_vr, summary.transfer_syntax):
        news[Metadata.PIXEL_DATA_VR] = summary.pixel_data_vr
    for kind in _OF_FILE:
        number = str(int(kind))
        if kind in news and (news[kind] or kind is Metadata.PIXEL_DATA_OFFSET):
            values[number] = [news[kind], values.get(number, ("", 0))[1]]
        else:
            values.pop(number, None)
    return orjson.dumps(dict(sorted(values.items(), key=lambda item: int(item[0])))).decode()


def _resize(db: Database, parent: int | None, disk: int, size: int) -> None:
    """Enter into the sums of the parents by how much a DICOM file has grown."""
    while parent is not None:
        db.execute(RESIZE_TALLY, (disk, size, parent))
        row = db.one("SELECT parent FROM resources WHERE id = ?", (parent,))
        parent = row[0] if row else None
    db.execute(RESIZE_TOTALS, (disk, size))


def file_of(db: Database, digest: bytes) -> Attachment | None:
    """The DICOM file of an instance, with the damage that it is marked with."""
    row = db.one(
        f"SELECT damage, {', '.join('attachments.' + c.strip() for c in ATTACHMENT_COLUMNS.split(','))}"  # noqa: E501, S608
        " FROM resources JOIN attachments ON attachments.resource = resources.id"
        " LEFT JOIN damaged ON damaged.resource = attachments.resource"
        " AND damaged.content_type = attachments.content_type"
        " WHERE public_id = ? AND level = 4 AND attachments.content_type = ?",
        (digest, int(ContentType.DICOM)),
    )
    return None if row is None else unpack_attachment(row[1:], damage=row[0] or "")
