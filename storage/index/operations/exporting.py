"""The log of exports (spec, Changes and exports)."""

from collections.abc import Sequence

from repertory.items import Export, ExportPage
from repertory.model import Identity, Level, ResourceId, ResourceRef
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, pack_id, stamp, unpack_id, unpack_tags

FIND = "SELECT parent, main_tags, level FROM resources WHERE public_id = ? AND level = ?"
FIND_PARENT = "SELECT parent, main_tags, level FROM resources WHERE id = ?"
INSERT = (
    "INSERT INTO exports"
    " (level, public_id, remote, date, patient_id, study_uid, series_uid, sop_uid)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
COLUMNS = "seq, level, public_id, remote, date, patient_id, study_uid, series_uid, sop_uid"
LIST = f"SELECT {COLUMNS} FROM exports WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - a constant
LAST = f"SELECT {COLUMNS} FROM exports ORDER BY seq DESC LIMIT 1"  # noqa: S608 - a constant

_IDENTIFIERS = {
    Level.PATIENT: "0010,0020",
    Level.STUDY: "0020,000d",
    Level.SERIES: "0020,000e",
    Level.INSTANCE: "0008,0018",
}


def record_exports(
    db: Database, group: Group, resources: Sequence[ResourceRef], remote: str, now: float
) -> None:
    """Log that resources were sent to ``remote``; those that are gone meanwhile are left out."""
    rows = []
    for resource in resources:
        digest = pack_id(resource.id)
        row = digest and db.one(FIND, (digest, int(resource.level)))
        if not row:
            continue
        found = dict.fromkeys(Level, "")
        while row:
            parent, packed, level = row
            found[Level(level)] = unpack_tags(packed).get(_IDENTIFIERS[Level(level)], "")
            row = db.one(FIND_PARENT, (parent,)) if parent is not None else None
        rows.append((int(resource.level), digest, remote, int(now), *found.values()))
    if rows:
        group.writing = True
        db.execute_many(INSERT, rows)


def list_exports(db: Database, since: int, limit: int) -> ExportPage:
    """The first ``limit`` exports after ``since``; 0 is no limit."""
    bound = min(limit, LARGEST - 1) if limit > 0 else LARGEST - 1
    since = min(max(since, 0), LARGEST)
    rows = db.all(LIST, (since, bound + 1))
    page = tuple(_export(row) for row in rows[:bound])
    return _page(page, since, done=len(rows) <= bound)


def describe_last_export(db: Database) -> ExportPage:
    """The newest export alone."""
    return _page(tuple(_export(row) for row in db.all(LAST)), 0, done=True)


def _page(exports: tuple[Export, ...], since: int, *, done: bool) -> ExportPage:
    if not exports:
        return ExportPage(exports=(), done=done, last=since, first=None)
    return ExportPage(exports=exports, done=done, last=exports[-1].seq, first=exports[0].seq)


def _export(row: Row) -> Export:
    seq, level, digest, remote, date, *identifiers = row
    return Export(
        seq=seq,
        level=Level(level),
        id=ResourceId(unpack_id(digest)),
        remote=remote,
        date=stamp(date),
        identity=Identity(*identifiers),
    )


def clear_exports(db: Database, group: Group) -> None:
    """Empty the log; numbering goes on."""
    group.writing = True
    db.execute("DELETE FROM exports")
