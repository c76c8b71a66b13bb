"""In which storage files lie, and giving them the place of a copy in another one."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from repertory.errors import IndexFailed
from repertory.model import Attachment, Level, ResourceId, ResourceRef
from repertory.places import Copy, Cursor, FilesPage, OwnedFile, Place
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.duties import need_life
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.placing_trash import record_move_in_trash
from repertory.storage.index.operations.recompressing import find_file, put_file
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_attachment,
    pack_id,
    pack_uuid,
    unpack_attachment,
    unpack_id,
)

LIST = "SELECT number, name, files, size FROM places ORDER BY number"
FIND_PLACE = "SELECT number FROM places WHERE name = ?"
ADD_PLACE = "INSERT INTO places (number, name) SELECT MAX(number) + 1, ? FROM places"
COUNT = (
    "SELECT places.number, places.files, places.size, COUNT(attachments.resource),"
    " COALESCE(SUM(attachments.compressed_size), 0) FROM places"
    " LEFT JOIN attachments ON attachments.location = places.number GROUP BY places.number"
)
FIND_LEVELS = "SELECT id, level, public_id FROM resources WHERE public_id = ? ORDER BY level"
FAMILY = (
    "WITH RECURSIVE family (id, level, public_id) AS ("
    " SELECT id, level, public_id FROM resources WHERE id = ?"
    " UNION ALL SELECT below.id, below.level, below.public_id FROM family"
    " JOIN resources AS below ON below.parent = family.id AND family.level < 3"
    ") SELECT id, level, public_id FROM family WHERE id >= ? ORDER BY id"
)
COUNT_BELOW = (
    "WITH RECURSIVE below (id) AS ("
    " SELECT id FROM resources WHERE id = ?"
    " UNION ALL SELECT resources.id FROM below JOIN resources ON resources.parent = below.id"
    ") SELECT COUNT(*), COALESCE(SUM(compressed_size), 0) FROM below"
    # CROSS: SQLite takes the tables in this order, or it would go through all attachments.
    " CROSS JOIN attachments WHERE attachments.resource = below.id AND location <> ?"
    " AND (? < 0 OR location = ?)"
)
OWN_FILES = (
    f"SELECT resource, {ATTACHMENT_COLUMNS} FROM attachments"  # noqa: S608 - a constant
    " WHERE resource = ? AND content_type > ? AND location <> ? AND (? < 0 OR location = ?)"
    " ORDER BY content_type LIMIT ?"
)
FILES_OF_INSTANCES = (
    f"SELECT resources.public_id, resource, {ATTACHMENT_COLUMNS} FROM resources"  # noqa: S608
    " JOIN attachments ON attachments.resource = resources.id"
    " WHERE parent = ? AND (resources.id, content_type) > (?, ?) AND location <> ?"
    " AND (? < 0 OR location = ?)"
    " ORDER BY resources.id, content_type LIMIT ?"
)
RESERVE = "INSERT INTO copies (uuid, content_type, size, location, node) VALUES (?, ?, ?, ?, ?)"
FORGET_COPY = "DELETE FROM copies WHERE uuid = ?"
FIND_COPY = "SELECT uuid, content_type, size, location FROM copies WHERE uuid = ?"
LIST_COPIES = "SELECT uuid, content_type, size, location FROM copies"
LIST_NOBODYS = f"{LIST_COPIES} WHERE node IS NULL"
MOST_PLACES = 1 << 30
"""A number that no storage has."""

CORRECT = "UPDATE attachments SET location = ? WHERE resource = ? AND content_type = ? AND uuid = ?"


def list_places(db: Database) -> tuple[Place, ...]:
    """The storages that the index knows, in the order of their numbers."""
    return tuple(Place(*row) for row in db.all(LIST))


def add_places(db: Database, group: Group, names: Sequence[str]) -> tuple[Place, ...]:
    """Give numbers to the storages that have none yet; all that there are then."""
    for name in names:
        if db.one(FIND_PLACE, (name,)) is None:
            group.writing = True
            db.execute(ADD_PLACE, (name,))
    return list_places(db)


def recount_places(db: Database) -> tuple[tuple[int, str, int, int], ...]:
    """The counters of storages that are wrong: number, column, kept and counted."""
    wrong: list[tuple[int, str, int, int]] = []
    for number, files, size, counted, counted_size in db.all(COUNT):
        if files != counted:
            wrong.append((number, "files", files, counted))
        if size != counted_size:
            wrong.append((number, "size", size, counted_size))
    return tuple(wrong)


def find_levels(db: Database, ids: Sequence[ResourceId]) -> tuple[ResourceRef | None, ...]:
    """Which resources these are, of whatever level; ``None`` for those that are not there."""
    rows = [_find(db, id_) for id_ in ids]
    return tuple(
        None if row is None else ResourceRef(Level(row[1]), id_)
        for id_, row in zip(ids, rows, strict=True)
    )


def list_movable(  # noqa: PLR0917 - the database, then what the message has
    db: Database,
    ids: Sequence[ResourceId],
    after: Cursor,
    target: str,
    limit: int,
    source: str = "",
    *,
    most: int = 0,
) -> FilesPage:
    """Files of resources, and of all below these, that lie elsewhere than in ``target``.

    With a ``source``, only those that lie there. They end with the ``limit``th, or with the one
    that makes ``most`` bytes of them; 0: however many.
    """
    where = _where(db, target, source)
    room = most or sys.maxsize
    files: list[OwnedFile] = []
    cursor = after
    unknown = 0
    while cursor.passed < len(ids):
        found = _find(db, ids[cursor.passed])
        if found is None:
            unknown += 1
        else:
            for file, number in _below(db, found, cursor, where, limit - len(files)):
                files.append(file)
                cursor = replace(
                    cursor,
                    parent=number[0],
                    resource=number[1],
                    content_type=file.attachment.content_type,
                )
                room -= file.attachment.compressed_size
                if room <= 0:
                    break
            if len(files) >= limit or room <= 0:
                break
        cursor = Cursor(cursor.passed + 1)
    return FilesPage(files, cursor, unknown)


def count_movable(
    db: Database, ids: Sequence[ResourceId], target: str, source: str = ""
) -> tuple[int, int]:
    """How many files of resources, and of all below these, lie elsewhere; and their bytes."""
    where = _where(db, target, source)
    files = size = 0
    for id_ in ids:
        found = _find(db, id_)
        if found is not None:
            more = db.one(COUNT_BELOW, (found[0], *where)) or (0, 0)
            files, size = files + more[0], size + more[1]
    return files, size


def _where(db: Database, target: str, source: str) -> tuple[int, int, int]:
    """Values for: not in ``target``, and in ``source`` where one is named."""
    row = db.one(FIND_PLACE, (target,))
    location = -1 if row is None else int(row[0])
    if not source:
        return location, -1, -1
    row = db.one(FIND_PLACE, (source,))
    number = MOST_PLACES if row is None else int(row[0])  # nothing lies where nobody knows of
    return location, number, number


def _find(db: Database, id_: ResourceId) -> Row | None:
    digest = pack_id(id_)
    return None if digest is None else db.one(FIND_LEVELS, (digest,))


def _below(
    db: Database, top: Row, after: Cursor, where: tuple[int, int, int], room: int
) -> Iterator[tuple[OwnedFile, tuple[int, int]]]:
    """The files of a resource and of all below it; each with its parent's row, and its own."""
    for number, level, digest in db.all(FAMILY, (top[0], after.parent)):
        goes_on = number == after.parent
        if not goes_on or after.resource == number:
            since = after.content_type if goes_on else -1
            for row in db.all(OWN_FILES, (number, since, *where, room)):
                room -= 1
                yield _owned(level, digest, row[1:]), (number, number)
        if level == Level.SERIES and room > 0:
            last = (after.resource, after.content_type) if goes_on else (0, 0)
            for row in db.all(FILES_OF_INSTANCES, (number, *last, *where, room)):
                room -= 1
                yield _owned(Level.INSTANCE, row[0], row[2:]), (number, row[1])
        if room <= 0:
            return


def _owned(level: int, digest: bytes, packed: Row) -> OwnedFile:
    return OwnedFile(Level(level), unpack_id(digest), unpack_attachment(tuple(packed)))


def reserve_copies(db: Database, group: Group, copies: Sequence[Attachment]) -> None:
    """Remember copies that are going to be made, so that what a crash cuts short is removed."""
    need_life(db, group)
    packed = [pack_attachment(copy) for copy in copies]
    group.writing = True
    node = group.node or None
    db.execute_many(RESERVE, [(row[1], row[0], row[4], row[7], node) for row in packed])


def record_moves(db: Database, group: Group, copies: Sequence[Copy]) -> tuple[bool, ...]:
    """Let copies take the places of their files, which are released; whether each did.

    A copy whose file was replaced or deleted meanwhile is released instead. What users see of the
    attachment stays: its revision, and the date of its resource.
    """
    group.settle()
    group.writing = True
    return tuple(_record_move(db, group, copy) for copy in copies)


def _record_move(db: Database, group: Group, copy: Copy) -> bool:
    file, new = copy.file, copy.attachment
    if not db.execute(FORGET_COPY, (pack_uuid(new.uuid),)):
        # Released at a start after a crash: it may be gone.
        return False
    if file.trash:
        return record_move_in_trash(db, group, copy)
    row = db.one(
        "SELECT id FROM resources WHERE public_id = ? AND level = ?",
        (pack_id(file.id), int(file.level)),
    )
    old = find_file(db, row[0], new.content_type) if row else None
    if row is None or old is None or old.uuid != file.attachment.uuid:
        group.release(new)
        return False
    put_file(db, group, row[0], old, pack_attachment(replace(new, revision=old.revision)))
    return True


def release_copies(db: Database, group: Group, uuids: Sequence[str]) -> None:
    """Release copies that were made in vain."""
    for uuid in uuids:
        row = db.one(FIND_COPY, (pack_uuid(uuid),))
        if row is not None:
            _release(db, group, row)


def has_copies(db: Database) -> bool:
    """Whether there are any."""
    return db.one("SELECT 1 FROM copies LIMIT 1") is not None


def release_all_copies(db: Database, group: Group) -> int:
    """Release the copies that the last run left unfinished; how many there were."""
    rows = db.all(LIST_COPIES)
    for row in rows:
        _release(db, group, row)
    return len(rows)


def release_copies_of(db: Database, group: Group, node: str | None) -> int:
    """Release the copies that a node has left unfinished, or that nobody makes; how many."""
    rows = db.all(f"{LIST_COPIES} WHERE node = ?", (node,)) if node else db.all(LIST_NOBODYS)
    for row in rows:
        _release(db, group, row)
    return len(rows)


def _release(db: Database, group: Group, row: Row) -> None:
    group.writing = True
    group.release_row(*row)
    db.execute(FORGET_COPY, (row[0],))


def correct_location(db: Database, group: Group, file: OwnedFile, location: int) -> bool:
    """Note that a file lies elsewhere than it was thought to; whether anything was to correct."""
    row = db.one(
        "SELECT id FROM resources WHERE public_id = ? AND level = ?",
        (pack_id(file.id), int(file.level)),
    )
    if row is None:
        return False
    group.settle()
    old = find_file(db, row[0], file.attachment.content_type)
    if old is None or old.uuid != file.attachment.uuid or old.location == location:
        return False
    group.writing = True
    if not db.execute(CORRECT, (location, row[0], int(old.content_type), pack_uuid(old.uuid))):
        raise IndexFailed
    group.count_files(old.location, -1, -old.compressed_size)
    group.count_files(location, 1, old.compressed_size)
    return True
