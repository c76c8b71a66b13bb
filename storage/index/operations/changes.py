"""The log of changes (spec, Changes and exports), and the deletions among them."""

from collections.abc import Collection, Sequence

from repertory.model import Change, ChangePage, ChangeType, Level
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations import following
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, stamp, unpack_id

_CHANGES = (
    "SELECT changes.seq, changes.type, changes.date, resources.level, resources.public_id"
    " FROM changes JOIN resources ON resources.id = changes.resource"
    " WHERE changes.seq > ? AND changes.seq <= ?{types}"
)
_DELETIONS = (
    "SELECT seq, 4096, date, level, public_id FROM deletions WHERE seq > ? AND seq <= ?{wanted}"
)
LIST_CHANGES = f"{_CHANGES} ORDER BY changes.seq {{order}} LIMIT ?"
LIST_BOTH = f"{_CHANGES} UNION ALL {_DELETIONS} ORDER BY 1 {{order}} LIMIT ?"
LAST_NUMBER = "SELECT last_change, last_shown FROM totals"

LOG_DELETIONS = (
    "INSERT INTO deletions (seq, level, public_id, date)"
    " SELECT ? + ROW_NUMBER() OVER (ORDER BY level DESC, id), level, public_id, ?"
    " FROM resources WHERE {}"
)

KEPT = 5_000_000
"""How many numbers a deletion stays behind the newest change before it is forgotten."""


def list_changes(
    db: Database,
    since: int | None,
    to: int | None,
    limit: int,
    types: Collection[ChangeType],
    *,
    deletions: bool = False,
) -> ChangePage:
    """The first ``limit`` changes after ``since``, or the last ``limit`` up to ``to``.

    Without ``since``, ``to`` looks backwards, and ``done`` says that nothing comes before.
    ``deletions`` shows them among the changes, as changes of type Deleted.
    """
    backwards = since is None and to is not None
    limit = min(max(limit, 0), LARGEST - 1)
    low = min(max(since or 0, 0), LARGEST)
    high = LARGEST if to is None else min(max(to, 0), LARGEST)
    # One more than asked for tells whether there are more.
    rows = _rows(db, (low, high), limit + 1, types, backwards=backwards, deletions=deletions)
    page = rows[:limit]
    if backwards:
        page.reverse()
    return _page(db, page, done=len(rows) <= limit, deletions=deletions)


def describe_last_change(db: Database, *, deletions: bool = False) -> ChangePage:
    """The newest change alone."""
    rows = _rows(db, (0, LARGEST), 1, (), backwards=True, deletions=deletions)
    return _page(db, rows, done=True, deletions=deletions)


def _rows(
    db: Database,
    between: tuple[int, int],
    limit: int,
    types: Collection[ChangeType],
    *,
    backwards: bool,
    deletions: bool,
) -> list[Row]:
    wanted = " AND changes.type IN ({})".format(", ".join(str(int(t)) for t in sorted(types)))
    sql = (LIST_BOTH if deletions else LIST_CHANGES).format(
        types=wanted if types else "",
        wanted=" AND FALSE" if types and ChangeType.DELETED not in types else "",
        order="DESC" if backwards else "ASC",
    )
    return db.all(sql, (*between, *between, limit) if deletions else (*between, limit))


def _page(db: Database, rows: list[Row], *, done: bool, deletions: bool) -> ChangePage:
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
    last_change, last_shown = db.one(LAST_NUMBER) or (0, 0)
    # Who does not ask for deletions does not see that they were numbered, either.
    last = last_change if deletions else last_shown
    return ChangePage(changes=(), done=done, last=last, first=None)


def log_deletions(db: Database, group: Group, numbers: Sequence[int], now: float) -> None:
    """Log that these resources, which still have their rows, are deleted: instances first."""
    condition, value = db.throughout("id", numbers)
    group.writing = True
    following.keep_deletions(db, group, *db.throughout("resources.id", numbers), now)
    db.execute(LOG_DELETIONS.format(condition), (group.last_change, int(now), value))
    group.last_change += len(numbers)
    db.execute("DELETE FROM deletions WHERE seq <= ?", (group.last_change - KEPT,))


def clear_changes(db: Database, group: Group) -> None:
    """Empty the log; numbering goes on. What is still to be delivered is kept."""
    group.flush()
    following.keep_everything(db, group)
    db.execute("DELETE FROM changes")
    db.execute("DELETE FROM deletions")
