"""Giving attachments to resources, replacing and deleting them (spec, Attachments)."""

from dataclasses import replace

from repertory.errors import UnknownItem
from repertory.items import Revision, written
from repertory.model import Attachment, ChangeType, Level, ResourceId, ResourceRef
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.listing import find
from repertory.storage.index.operations.recompressing import find_file, put_file, resize
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
    old = find_file(db, find(db, level, id_)[0], content_type)
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
    number = find(db, resource.level, resource.id)[0]
    pack_attachment(attachment)
    group.settle()
    old = find_file(db, number, attachment.content_type)
    check(expected, None if old is None else written(old))
    group.writing = True
    new = replace(attachment, revision=0 if old is None else old.revision + 1)
    resize(db, number, *put_file(db, group, number, old, pack_attachment(new)))
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
    number = find(db, resource.level, resource.id)[0]
    group.settle()
    old = find_file(db, number, content_type)
    if old is None:
        raise UnknownItem
    check(expected, written(old))
    group.writing = True
    resize(db, number, *put_file(db, group, number, old, None))
    group.log(ChangeType.UPDATED_ATTACHMENT, number, now)
