"""The log of changes (spec, Changes and exports)."""

from collections.abc import Collection

from repertory.model import Change, ChangePage, ChangeType, Level
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, stamp, unpack_id

LIST_CHANGES = (
    "SELECT changes.seq, changes.type, changes.date, resources.level, resources.public_id"
    " FROM changes JOIN resources ON resources.id = changes.resource"
    " WHERE changes.seq > ? AND changes.seq <= ?{types} ORDER BY changes.seq {order} LIMIT ?"
)
LAST_NUMBER = "SELECT last_change FROM totals"


def list_changes(
    db: Database, since: int | None, to: int | None, limit: int, types: Collection[ChangeType]
) -> ChangePage:
    """The first ``limit`` changes after ``since``, or the last ``limit`` up to ``to``.

    Without ``since``, ``to`` looks backwards, and ``done`` says that nothing comes before.
    """
    backwards = since is None and to is not None
    wanted = " AND changes.type IN ({})".format(", ".join(str(int(t)) for t in sorted(types)))
    sql = LIST_CHANGES.format(types=wanted if types else "", order="DESC" if backwards else "ASC")
    limit = min(max(limit, 0), LARGEST - 1)
    low = min(max(since or 0, 0), LARGEST)
    high = LARGEST if to is None else min(max(to, 0), LARGEST)
    # One more than asked for tells whether there are more.
    rows = db.all(sql, (low, high, limit + 1))
    page = rows[:limit]
    if backwards:
        page.reverse()
    return _page(db, page, done=len(rows) <= limit)


def describe_last_change(db: Database) -> ChangePage:
    """The newest change alone."""
    rows = db.all(LIST_CHANGES.format(types="", order="DESC"), (0, LARGEST, 1))
    return _page(db, rows, done=True)


def _page(db: Database, rows: list[Row], *, done: bool) -> ChangePage:
    changes = tuple(
        Change(
            seq=seq,
            type=ChangeType(type_),
            level=Level(level),
            id=unpack_id(digest),
            date=stamp(date),
        )
        for seq, type_, date, level, digest in rows
    )
    if changes:
        return ChangePage(changes=changes, done=done, last=changes[-1].seq, first=changes[0].seq)
    row = db.one(LAST_NUMBER) or (0,)
    return ChangePage(changes=(), done=done, last=row[0], first=None)


def clear_changes(db: Database, group: Group) -> None:
    """Empty the log; numbering goes on."""
    group.flush()
    db.execute("DELETE FROM changes")
