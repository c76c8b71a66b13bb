"""Deleting a resource, with what is below it and what it leaves empty."""

from repertory.errors import IndexFailed, UnknownResource
from repertory.model import DeletionReceipt, Level, ResourceId, ResourceRef
from repertory.storage.index.database import Database
from repertory.storage.index.operations import following
from repertory.storage.index.operations.changes import log_deletions
from repertory.storage.index.operations.group import COUNT_RELEASED, Group
from repertory.storage.index.operations.trashing import Keeping, keep
from repertory.storage.index.packing import pack_id, unpack_id

FIND_ANCESTOR = (
    "SELECT resources.level, resources.parent, resources.public_id,"
    " tallies.studies, tallies.series, tallies.instances"
    " FROM resources JOIN tallies ON tallies.resource = resources.id WHERE resources.id = ?"
)
FIND_ALL_BELOW = (
    "WITH RECURSIVE doomed (id, level) AS ("
    " SELECT id, level FROM resources WHERE id = ?"
    " UNION ALL"
    " SELECT below.id, below.level FROM doomed JOIN resources AS below ON below.parent = doomed.id"
    ") SELECT id, level FROM doomed"
)
SUM_SIZES = (
    "SELECT COALESCE(SUM(compressed_size), 0), COALESCE(SUM(uncompressed_size), 0),"
    " COALESCE(SUM(CASE WHEN content_type = 1 THEN compressed_size END), 0),"
    " COALESCE(SUM(CASE WHEN content_type = 1 THEN uncompressed_size END), 0)"
    " FROM attachments WHERE "
)
RELEASE = (
    "INSERT INTO released (uuid, content_type, size, released_at, location)"
    " SELECT uuid, content_type, compressed_size, ?, location FROM attachments WHERE {}"
    " ORDER BY resource, content_type"
)
COUNT_PLACES = (
    "SELECT location, COUNT(*), SUM(compressed_size) FROM attachments WHERE {} GROUP BY location"
)
REDUCE_TALLY = (
    "UPDATE tallies SET studies = studies - ?, series = series - ?, instances = instances - ?,"
    " disk_size = disk_size - ?, uncompressed_size = uncompressed_size - ?,"
    " dicom_disk_size = dicom_disk_size - ?,"
    " dicom_uncompressed_size = dicom_uncompressed_size - ?, last_update = ? WHERE resource = ?"
)
REDUCE_TOTALS = (
    "UPDATE totals SET patients = patients - ?, studies = studies - ?, series = series - ?,"
    " instances = instances - ?, disk_size = disk_size - ?,"
    " uncompressed_size = uncompressed_size - ?"
)


def delete_resource(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    level: Level,
    id_: ResourceId,
    now: float,
    keeping: Keeping | None = None,
) -> DeletionReceipt:
    """Delete a resource, all below it, and parents left empty; release all their files.

    With ``keeping`` all of it goes to the trash, and the files are released when it leaves that.

    Raises:
        UnknownResource: there is no such resource; nothing was written.
    """
    digest = pack_id(id_)
    target = digest and db.one(
        "SELECT id, parent FROM resources WHERE public_id = ? AND level = ?", (digest, int(level))
    )
    if not target:
        raise UnknownResource
    group.flush()
    number, parent = target
    top = number
    ancestors: list[tuple[int, ResourceRef]] = []
    while parent is not None:
        row = db.one(FIND_ANCESTOR, (parent,))
        if row is None:
            raise IndexFailed("The index is damaged: a resource has lost its parent.")
        ancestor_level, grandparent, ancestor_digest, *children = row
        if not ancestors and children[ancestor_level - 1] == 1:
            top = parent
        else:
            ancestors.append(
                (parent, ResourceRef(Level(ancestor_level), unpack_id(ancestor_digest)))
            )
        parent = grandparent
    named = (ResourceRef(level, id_), number)
    _delete_tree(db, group, top, [other for other, _ in ancestors], now, named, keeping)
    return DeletionReceipt(remaining_ancestor=ancestors[0][1] if ancestors else None)


def _delete_tree(  # noqa: PLR0917 - what ``delete_resource`` has found out
    db: Database,
    group: Group,
    top: int,
    ancestors: list[int],
    now: float,
    named: tuple[ResourceRef, int],
    keeping: Keeping | None,
) -> None:
    doomed = db.all(FIND_ALL_BELOW, (top,))
    numbers = [row[0] for row in doomed]
    levels = [row[1] for row in doomed]
    counts = [levels.count(level) for level in Level]
    of_doomed, value = db.throughout("resource", numbers)
    sizes = db.one(SUM_SIZES + of_doomed, (value,)) or (0, 0, 0, 0)
    for location, number, size in db.all(COUNT_PLACES.format(of_doomed), (value,)):
        group.count_files(location, -number, -size)
    if keeping is None:
        files = db.execute(RELEASE.format(of_doomed), (now, value))
        db.execute(COUNT_RELEASED, (files, sizes[0]))
    else:
        keep(db, named, numbers, ancestors, counts, sizes[0], now, keeping)
    following.keep_changes(db, group, *db.throughout("changes.resource", numbers))
    for table in ("attachments", "labels", "changes", "tallies", "set_aside", "accesses"):
        db.execute(f"DELETE FROM {table} WHERE {of_doomed}", (value,))  # noqa: S608
    log_deletions(db, group, numbers, now)
    of_doomed, value = db.throughout("id", numbers)
    db.execute(f"DELETE FROM resources WHERE {of_doomed}", (value,))  # noqa: S608
    for ancestor in ancestors:
        db.execute(REDUCE_TALLY, (*counts[1:], *sizes, now, ancestor))
    db.execute(REDUCE_TOTALS, (*counts, *sizes[:2]))
