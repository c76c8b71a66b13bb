"""Giving an instance a good file in the place of a damaged one."""

from collections.abc import Mapping
from dataclasses import replace

from repertory.model import Attachment, ContentType, Level, ResourceId, Summary
from repertory.storage.index.database import Database
from repertory.storage.index.operations.checking import damage_of
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.parents import FIND_RESOURCE
from repertory.storage.index.operations.recompressing import find_file, put_file, resize
from repertory.storage.index.operations.refreshing import refresh
from repertory.storage.index.packing import (
    pack_attachment,
    pack_id,
    pack_tags,
)


def mend_instance(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    signatures: Mapping[Level, str],
    id_: ResourceId,
    replaces: str,
    attachment: Attachment,
    summary: Summary,
) -> bool:
    """Put ``attachment`` in the place of the instance's file named ``replaces``.

    One of the two files is released: the new one, where the instance has another file by now or
    is gone; whether the old one was.

    Raises:
        BadParameter: something cannot be kept as it is; nothing was written.
    """
    pack_tags(summary.main_tags.get(Level.INSTANCE, {}))
    packed = pack_attachment(attachment)
    # What waits in the group may be this very instance.
    group.settle()
    row = db.one(FIND_RESOURCE, (pack_id(id_), int(Level.INSTANCE)))
    old = find_file(db, row[0], ContentType.DICOM) if row else None
    if row is None or old is None or old.uuid != replaces:
        group.release(attachment)
        return False
    group.writing = True
    number = row[0]
    # The revision stays: it counts what users wrote.
    resize(db, number, *put_file(db, group, number, old, (*packed[:-1], old.revision)))
    if not old.uncompressed_md5 or old.uncompressed_md5 != attachment.uncompressed_md5:
        refresh(db, Level.INSTANCE, number, summary, signatures)
    return True


def file_of(db: Database, digest: bytes) -> Attachment | None:
    """The DICOM file of an instance, with the damage that it is marked with."""
    row = db.one(FIND_RESOURCE, (digest, int(Level.INSTANCE)))
    file = find_file(db, row[0], ContentType.DICOM) if row else None
    if row is None or file is None:
        return None
    return replace(file, damage=damage_of(db, row[0], ContentType.DICOM))
