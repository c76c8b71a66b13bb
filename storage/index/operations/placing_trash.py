"""In which storage the files in the trash lie, and giving them the place of a copy elsewhere."""

from repertory.model import Attachment, Level
from repertory.places import Copy, OwnedFile, TrashCursor, TrashedPlace
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_attachment,
    unpack_attachment,
    unpack_id,
)

COUNT = (
    "SELECT places.name, COUNT(*), SUM(compressed_size) FROM trashed_attachments"
    " JOIN places ON places.number = location GROUP BY places.number ORDER BY places.number"
)
LIST = (
    "SELECT f.trash, f.resource, r.level, r.public_id,"  # noqa: S608 - our own names
    f" {', '.join('f.' + it for it in ATTACHMENT_COLUMNS.split(', '))}"
    " FROM trashed_attachments AS f JOIN trashed_resources AS r"
    " ON r.trash = f.trash AND r.id = f.resource"
    " WHERE (f.trash, f.resource, f.content_type) > (?, ?, ?)"
    " AND f.location <> COALESCE((SELECT number FROM places WHERE name = ?), -1)"
    " ORDER BY f.trash, f.resource, f.content_type LIMIT ?"
)
FIND = (
    f"SELECT {ATTACHMENT_COLUMNS} FROM trashed_attachments"  # noqa: S608 - our own names
    " WHERE trash = ? AND resource = ? AND content_type = ?"
)
REPLACE = (
    "UPDATE trashed_attachments SET uuid = ?, location = ?, damage = NULL"
    " WHERE trash = ? AND resource = ? AND content_type = ?"
)


def list_trashed_places(db: Database) -> tuple[TrashedPlace, ...]:
    """How many files and bytes in the trash each storage holds; counted."""
    return tuple(TrashedPlace(*row) for row in db.all(COUNT))


def list_movable_trash(
    db: Database, after: TrashCursor, target: str, limit: int
) -> tuple[OwnedFile, ...]:
    """Files in the trash that lie elsewhere than in ``target``, some at a time."""
    rows = db.all(LIST, (after.trash, after.row, after.content_type, target, limit))
    return tuple(
        OwnedFile(Level(level), unpack_id(digest), unpack_attachment(tuple(packed)), trash, row)
        for trash, row, level, digest, *packed in rows
    )


def record_move_in_trash(db: Database, group: Group, copy: Copy) -> bool:
    """Let a copy take the place of a file in the trash, which is released; whether it did."""
    file, new = copy.file, copy.attachment
    place = (file.trash, file.row, int(new.content_type))
    row = db.one(FIND, place)
    old: Attachment | None = None if row is None else unpack_attachment(row)
    if old is None or old.uuid != file.attachment.uuid:
        group.release(new)  # it was restored, or given up
        return False
    packed = pack_attachment(new)
    db.execute(REPLACE, (packed[1], packed[7], *place))
    group.release(old)
    return True
