"""What a check of the archive asks of the index, and what a repair changes in it."""

from collections.abc import Iterable, Sequence

from repertory.integrity import Damage, DamageMark, IndexedFile
from repertory.model import Level, ResourceId
from repertory.storage.index.database import Database, Question
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, pack_id, pack_uuid, unpack_id

_END = b"\xff" * 17
"""Comes after every UUID."""

LIST = (
    "SELECT resource, content_type, uuid, compressed_size, compressed_md5, location"
    " FROM attachments"
    " WHERE (resource, content_type) > (?, ?) AND uuid >= ? AND uuid < ?"
    " ORDER BY resource, content_type LIMIT ?"
)
OWNER = (
    "SELECT resources.level, resources.public_id FROM attachments"
    " JOIN resources ON resources.id = attachments.resource"
    " WHERE attachments.resource = ? AND attachments.content_type = ? AND attachments.uuid = ?"
)
MARKS = (
    "SELECT resources.level, resources.public_id, damaged.damage, attachments.resource,"
    " attachments.content_type, attachments.uuid, attachments.compressed_size,"
    " attachments.compressed_md5, attachments.location FROM damaged"
    " JOIN attachments ON attachments.resource = damaged.resource"
    " AND attachments.content_type = damaged.content_type"
    " JOIN resources ON resources.id = damaged.resource"
    " ORDER BY damaged.resource, damaged.content_type"
)
# Only the file that was looked at: its resource may have another one by now.
MARK = (
    "INSERT INTO damaged (resource, content_type, damage)"
    " SELECT resource, content_type, ? FROM attachments"
    " WHERE resource = ? AND content_type = ? AND uuid = ?"
    " ON CONFLICT (resource, content_type) DO UPDATE SET damage = excluded.damage"
    " WHERE damaged.damage <> excluded.damage"
)
CLEAR = (
    "DELETE FROM damaged WHERE resource = ? AND content_type = ? AND EXISTS (SELECT 1"
    " FROM attachments WHERE attachments.resource = damaged.resource"
    " AND attachments.content_type = damaged.content_type AND attachments.uuid = ?)"
)


OF_RESOURCES = "SELECT resource, content_type, damage FROM damaged WHERE "
OF_FILE = f"{OF_RESOURCES}resource = ? AND content_type = ?"
ANY_DAMAGED = "SELECT 1 FROM damaged WHERE resource >= 0 LIMIT 1"


def count_files(db: Database) -> int:
    """How many files the index knows."""
    row = db.one("SELECT COUNT(*) FROM attachments") or (0,)
    return int(row[0])


def list_files(
    db: Database, after: tuple[int, int], first: int, last: int, limit: int
) -> tuple[IndexedFile, ...]:
    """Files after one of them whose UUIDs begin with a byte from ``first`` to before ``last``."""
    below = bytes([last]) if last < 256 else _END
    rows = db.all(LIST, (*after, bytes([first]), below, min(limit, LARGEST)))
    return tuple([IndexedFile(*row) for row in rows])


def list_owners(
    db: Database, files: Sequence[tuple[IndexedFile, Damage]]
) -> tuple[DamageMark | None, ...]:
    """To whom these files belong; ``None`` for those that belong to nobody any more."""
    owners: list[DamageMark | None] = []
    for file, damage in files:
        row = db.one(OWNER, file[:3])
        owners.append(
            None if row is None else DamageMark(Level(row[0]), unpack_id(row[1]), damage, file)
        )
    return tuple(owners)


def list_damaged(db: Database) -> tuple[DamageMark, ...]:
    """The files that are marked."""
    return tuple(
        DamageMark(Level(level), unpack_id(digest), Damage(damage), IndexedFile(*file))
        for level, digest, damage, *file in db.all(MARKS)
    )


def damage_of(db: Database, resource: int, content_type: int) -> str:
    """What a file is marked with; "" where it is not."""
    row = db.one(OF_FILE, (resource, int(content_type)))
    return row[2] if row else ""


def damages_of(db: Database, numbers: Sequence[int]) -> Question:
    """Asks which files of these resources are marked: resource, content type, and with what."""
    condition, value = db.among("resource", numbers)
    # Mostly nothing at all is marked.
    return Question(OF_RESOURCES + condition, (value,), only_if=ANY_DAMAGED)


def mark_files(
    db: Database,
    group: Group,
    damaged: Iterable[tuple[IndexedFile, Damage]],
    sound: Iterable[IndexedFile],
) -> int:
    """Mark files, and take the marks off others; how many marks are new or changed."""
    group.flush()
    marked = 0
    for file, damage in damaged:
        marked += db.execute(MARK, (damage.value, *file[:3]))
    for file in sound:
        db.execute(CLEAR, file[:3])
    return marked


def note_damage(  # noqa: PLR0917 - the database, the group, then a file
    db: Database,
    group: Group,
    level: Level,
    id_: ResourceId,
    content_type: int,
    uuid: str,
    damage: Damage,
) -> bool:
    """Mark the file of a resource unless it is marked; whether that was done."""
    digest = pack_id(id_)
    row = digest and db.one(
        "SELECT id FROM resources WHERE public_id = ? AND level = ?", (digest, int(level))
    )
    if not row or damage_of(db, row[0], content_type):
        return False
    group.flush()
    return db.execute(MARK, (damage.value, row[0], int(content_type), pack_uuid(uuid))) > 0
