"""The trash: keeping what is deleted, telling what there is, and giving it up."""

from collections.abc import Sequence
from dataclasses import dataclass

from repertory.errors import UnknownItem
from repertory.model import Level, ResourceId, ResourceRef, Tags
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.group import COUNT_RELEASED, Group
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    LARGEST,
    pack_id,
    unpack_both_tags,
    unpack_id,
    unpack_metadata,
    unpack_tags,
)
from repertory.trash import TrashContent, TrashedResource, TrashEntry, TrashTide

RESOURCE_COLUMNS = (
    "id, public_id, level, parent, is_protected, index_in_series, patient_id, patient_name,"
    " patient_birth_date, study_uid, accession_number, study_description, study_date, series_uid,"
    " sop_uid, main_tags, metadata"
)
TALLY_COLUMNS = "last_update, activity, unstable_at, stable_age, unprotected_at"
ENTRY_COLUMNS = (
    "number, level, public_id, resource, deleted_at, expires_at, patients, studies, series,"
    " instances, files, size"
)
INSERT_ENTRY = (
    "INSERT INTO trash (level, public_id, resource, deleted_at, expires_at, due, patients,"
    " studies, series, instances, files, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LAST_ENTRY = "SELECT MAX(number) FROM trash"
KEEP_RESOURCES = (
    f"INSERT INTO trashed_resources (trash, is_ancestor, {RESOURCE_COLUMNS}, {TALLY_COLUMNS})"  # noqa: S608
    f" SELECT ?, ?, {RESOURCE_COLUMNS}, {TALLY_COLUMNS} FROM resources"
    " LEFT JOIN tallies ON tallies.resource = resources.id WHERE "
)
KEEP_ATTACHMENTS = (
    f"INSERT INTO trashed_attachments (trash, resource, {ATTACHMENT_COLUMNS}, damage)"  # noqa: S608
    " SELECT ?, attachments.resource, attachments.content_type, uuid, uncompressed_size,"
    " uncompressed_md5, compressed_size, compressed_md5, compression, location, revision, damage"
    " FROM attachments LEFT JOIN damaged ON damaged.resource = attachments.resource"
    " AND damaged.content_type = attachments.content_type WHERE "
)
KEEP_LABELS = (
    "INSERT INTO trashed_labels (trash, resource, label)"
    " SELECT ?, resource, label FROM labels WHERE "
)
COUNT_TRASHED = (
    "UPDATE totals SET trashed_files = trashed_files + ?, trashed_size = trashed_size + ?"
)
RELEASE = (
    "INSERT INTO released (uuid, content_type, size, released_at, location)"
    " SELECT uuid, content_type, compressed_size, ?, location FROM trashed_attachments"
    " WHERE trash = ?"
    " ORDER BY resource, content_type"
)
TIME = "trash_time"
SET_TIME = (
    "INSERT INTO properties (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
LIST = f"SELECT {ENTRY_COLUMNS} FROM trash ORDER BY number DESC LIMIT ? OFFSET ?"  # noqa: S608
FIND = f"SELECT {ENTRY_COLUMNS} FROM trash WHERE "  # noqa: S608
LIST_TAGS = (
    "WITH RECURSIVE above (id, parent, level, main_tags) AS ("
    " SELECT id, parent, level, main_tags FROM trashed_resources"
    " WHERE trash = ? AND id = ?"
    " UNION ALL SELECT up.id, up.parent, up.level, up.main_tags FROM above"
    " JOIN trashed_resources AS up ON up.trash = ? AND up.id = above.parent"
    ") SELECT main_tags FROM above ORDER BY level"
)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is deleted goes to the trash: until when, as told, and in the archive's own time.

    ``time`` is what that time is now.
    """

    expires_at: float
    due: float
    time: float


def keep(  # noqa: PLR0917 - the database, then what ``delete_resource`` has found out
    db: Database,
    target: tuple[ResourceRef, int],
    doomed: Sequence[int],
    ancestors: Sequence[int],
    counts: Sequence[int],
    size: int,
    now: float,
    keeping: Keeping,
) -> None:
    """Copy what is about to be deleted, with the parents that stay.

    ``target`` is what is deleted, with its number; ``size`` how many bytes on disk its files have.
    """
    what = (int(target[0].level), pack_id(target[0].id), target[1])
    times = (now, keeping.expires_at, keeping.due)
    db.execute(INSERT_ENTRY, (*what, *times, *counts, 0, size))
    number = (db.one(LAST_ENTRY) or (0,))[0]
    for is_ancestor, numbers in enumerate((doomed, ancestors)):
        condition, those = db.throughout("resources.id", numbers)
        db.execute(KEEP_RESOURCES + condition, (number, is_ancestor, those))
        condition, those = db.throughout("resource", numbers)
        db.execute(KEEP_LABELS + condition, (number, those))
    condition, those = db.throughout("attachments.resource", doomed)
    files = db.execute(KEEP_ATTACHMENTS + condition, (number, those))
    db.execute("UPDATE trash SET files = ? WHERE number = ?", (files, number))
    db.execute(COUNT_TRASHED, (files, size))
    db.execute(SET_TIME, (TIME, f"{keeping.time!r} {now!r}"))


def list_trash(db: Database, since: int, limit: int) -> tuple[TrashEntry, ...]:
    """Entries, the last deleted first; ``limit`` 0 is no limit."""
    bound = min(limit, LARGEST) if limit > 0 else LARGEST
    rows = db.all(LIST, (bound, min(max(since, 0), LARGEST)))
    return tuple(_entry(db, row) for row in rows)


def describe_trash(db: Database, name: str) -> TrashContent:
    """One entry with its resources."""
    row = find_entry(db, name)
    labels: dict[int, list[str]] = {}
    for resource, label in db.all(
        "SELECT resource, label FROM trashed_labels WHERE trash = ? ORDER BY label", (row[0],)
    ):
        labels.setdefault(resource, []).append(label)
    rows = db.all(
        "SELECT id, level, public_id, main_tags, metadata FROM trashed_resources"
        " WHERE trash = ? AND is_ancestor = 0 ORDER BY level, id",
        (row[0],),
    )
    return TrashContent(
        entry=_entry(db, row),
        resources=tuple(
            TrashedResource(
                level=Level(level),
                id=unpack_id(digest),
                main_tags=unpack_tags(tags),
                metadata=unpack_metadata(metadata),
                labels=tuple(labels.get(number, ())),
            )
            for number, level, digest, tags, metadata in rows
        ),
    )


def list_trashed_files(
    db: Database, after: tuple[int, int, int], limit: int
) -> tuple[tuple[int, int, int, bytes], ...]:
    """Files in the trash, some at a time."""
    rows = db.all(
        "SELECT trash, resource, content_type, uuid FROM trashed_attachments"
        " WHERE (trash, resource, content_type) > (?, ?, ?)"
        " ORDER BY trash, resource, content_type LIMIT ?",
        (*after, limit),
    )
    return tuple((row[0], row[1], row[2], row[3]) for row in rows)


def find_entry(db: Database, name: str) -> Row:
    """The ``ENTRY_COLUMNS`` of an entry, by its number or by what was deleted.

    Raises:
        UnknownItem: there is none.
    """
    row = None
    if name.isascii() and name.isdecimal():
        row = db.one(f"{FIND} number = ?", (min(int(name[:19]), LARGEST),))
    elif (digest := pack_id(ResourceId(name))) is not None:
        row = db.one(f"{FIND} public_id = ? ORDER BY number DESC LIMIT 1", (digest,))
    if row is None:
        raise UnknownItem("There is no such entry in the trash.")
    return row


def empty(db: Database, group: Group, name: str | None, now: float) -> int:
    """Give up one entry, or all; how many."""
    if name is not None:
        numbers = [find_entry(db, name)[0]]
    else:
        numbers = [row[0] for row in db.all("SELECT number FROM trash ORDER BY number")]
    give_up(db, group, numbers, now)
    return len(numbers)


def expire(db: Database, group: Group, time: float, limit: int, now: float) -> TrashTide:
    """Give up what is due in the archive's own time, and remember that time."""
    numbers = [
        row[0]
        for row in db.all(
            "SELECT number FROM trash WHERE due <= ? ORDER BY due LIMIT ?", (time, limit)
        )
    ]
    give_up(db, group, numbers, now)
    left = (db.one("SELECT COUNT(*) FROM trash") or (0,))[0]
    if left or numbers:
        record_time(db, group, time, now)
    return TrashTide(expired=len(numbers), left=left)


def give_up(db: Database, group: Group, numbers: Sequence[int], now: float) -> None:
    """Release the files of entries, and forget what was kept of them."""
    if numbers:
        group.writing = True
    for number in numbers:
        files, size = db.one("SELECT files, size FROM trash WHERE number = ?", (number,)) or (0, 0)
        db.execute(RELEASE, (now, number))
        db.execute(COUNT_RELEASED, (files, size))
        forget(db, number, files, size)


def forget(db: Database, number: int, files: int, size: int) -> None:
    """Drop an entry, whose files belong to others by now."""
    db.execute(COUNT_TRASHED, (-files, -size))
    for table in ("trashed_resources", "trashed_attachments", "trashed_labels"):
        db.execute(f"DELETE FROM {table} WHERE trash = ?", (number,))  # noqa: S608 - our own names
    db.execute("DELETE FROM trash WHERE number = ?", (number,))


def make_room(db: Database, group: Group, size: int, now: float) -> None:
    """Give up the oldest entries until so many bytes are free, or nothing is left."""
    while size > 0:
        row = db.one("SELECT number, size FROM trash ORDER BY number LIMIT 1")
        if row is None:
            return
        give_up(db, group, [row[0]], now)
        size -= row[1]


def record_time(db: Database, group: Group, time: float, now: float) -> None:
    """Remember how far the archive's own time is, and what the clock said then."""
    group.writing = True
    db.execute(SET_TIME, (TIME, f"{time!r} {now!r}"))


def recorded_time(db: Database) -> tuple[float, float] | None:
    """What was remembered last."""
    row = db.one("SELECT value FROM properties WHERE name = ?", (TIME,))
    if row is None:
        return None
    time, now = row[0].split()
    return float(time), float(now)


def _entry(db: Database, row: Row) -> TrashEntry:
    number, level, digest, resource, deleted_at, expires_at, *counts = row
    tags: Tags = {}
    for (packed,) in db.all(LIST_TAGS, (number, resource, number)):
        own, of_patient = unpack_both_tags(packed)
        tags |= own if of_patient is None else of_patient | own
    patients, studies, series, instances, files, size = counts
    return TrashEntry(
        number=number,
        level=Level(level),
        id=unpack_id(digest),
        main_tags=tags,
        deleted_at=deleted_at,
        expires_at=expires_at,
        patients=patients,
        studies=studies,
        series=series,
        instances=instances,
        files=files,
        size=size,
    )
