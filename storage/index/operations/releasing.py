"""Files that no resource owns any more, until they are removed."""

from collections.abc import Sequence

from repertory.deletion import LAST_RETRY, Backlog, FailedRemoval, ReleasedFile, retry_delay
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.duties import lives
from repertory.storage.index.operations.group import COUNT_RELEASED, Group
from repertory.storage.index.packing import LARGEST, pack_uuid_or_none, unpack_uuid

_AT_ONCE = 500
_PAUSED = "removals_paused"

_UNTRIED = (
    "NOT EXISTS (SELECT 1 FROM failed_removals WHERE failed_removals.number = released.number)"
)
LIST_RELEASED = (
    "SELECT number, uuid, content_type, size, location FROM released WHERE number > ?"
    " ORDER BY number LIMIT ?"
)
LIST_UNTRIED = LIST_RELEASED.replace(" ORDER BY", f" AND (number > ? OR {_UNTRIED}) ORDER BY")
LIST_CLAIMED = LIST_RELEASED.replace("number > ?", f"node = ? AND {_UNTRIED}")
LIST_FREE = "SELECT number FROM released WHERE node IS NULL ORDER BY number LIMIT ?"
_FAILED = (
    "SELECT released.number, released.uuid, released.content_type, released.size,"
    " released.location, failed_removals.attempts, failed_removals.reason,"
    " failed_removals.failed_at, failed_removals.due"
    " FROM failed_removals JOIN released ON released.number = failed_removals.number"
)
LIST_FAILED = f"{_FAILED} ORDER BY failed_removals.number LIMIT ?"
# A date further away than the longest delay was written before the clock was set back.
LIST_DUE = (
    f"{_FAILED} WHERE (failed_removals.due <= ? OR failed_removals.due > ?)"
    " AND failed_removals.number <= ? ORDER BY failed_removals.due LIMIT ?"
)
LIST_DUE_HERE = LIST_DUE.replace(" ORDER BY", " AND released.node = ? ORDER BY")
DESCRIBE = (
    "SELECT released_files, released_size, (SELECT MAX(number) FROM released),"
    " (SELECT released_at FROM released ORDER BY number LIMIT 1),"
    " (SELECT COUNT(*) FROM failed_removals),"
    " (SELECT value FROM properties WHERE name = ?) FROM totals"
)
FAIL = (
    "INSERT INTO failed_removals (number, attempts, reason, failed_at, due)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET attempts = excluded.attempts,"
    " reason = excluded.reason, failed_at = excluded.failed_at, due = excluded.due"
)
SET_PROPERTY = (
    "INSERT INTO properties (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def list_released(
    db: Database,
    limit: int,
    after: int = 0,
    tried: int = 0,
    without: Sequence[int] = (),
) -> tuple[ReleasedFile, ...]:
    """At most ``limit`` of them after a number, first released first; 0 is no limit.

    Up to ``tried``, those alone that have not failed; none in the storages ``without``.
    """
    numbers = (after, tried) if tried > after else (after,)
    statement = _elsewhere(LIST_UNTRIED if tried > after else LIST_RELEASED, without)
    most = min(limit, LARGEST) if limit > 0 else LARGEST
    return tuple(_file(row) for row in db.all(statement, (*numbers, *without, most)))


def _elsewhere(statement: str, without: Sequence[int]) -> str:
    """A statement, about files that lie in none of these storages."""
    if not without:
        return statement
    marks = ", ".join("?" * len(without))
    return statement.replace(" ORDER BY", f" AND released.location NOT IN ({marks}) ORDER BY")


def claim_released(
    db: Database, group: Group, limit: int, without: Sequence[int] = ()
) -> tuple[ReleasedFile, ...]:
    """Files that this node is to remove: its own that have not failed, and free ones.

    None in the storages ``without``.
    """
    if not lives(db, group):
        return ()
    claimed, unclaimed = _elsewhere(LIST_CLAIMED, without), _elsewhere(LIST_FREE, without)
    while True:
        mine = db.all(claimed, (group.node, *without, limit))
        free = db.all(unclaimed, (*without, limit - len(mine))) if len(mine) < limit else []
        if not free:
            break
        group.writing = True
        condition, value = db.among("number", [row[0] for row in free])
        claim = f"UPDATE released SET node = ? WHERE {condition}"  # noqa: S608 - of constants
        db.execute(claim, (group.node, value))
    return tuple(_file(row) for row in mine)


def count_released(db: Database) -> int:
    """How many there are."""
    row = db.one("SELECT released_files FROM totals") or (0,)
    return int(row[0])


def describe_backlog(db: Database, failures: int) -> Backlog:
    """How many there are, and at most so many of those that could not be removed yet."""
    row = db.one(DESCRIBE, (_PAUSED,)) or (0, 0, None, None, 0, None)
    files, size, last, oldest, failed, paused = row
    rows = db.all(LIST_FAILED, (failures,)) if failed and failures else []
    return Backlog(
        files=files,
        size=size,
        last=last or 0,
        oldest=oldest or None,
        failed=failed,
        failures=tuple(_failure(row) for row in rows),
        is_paused=paused == "1",
    )


def list_failed_removals(
    db: Database,
    up_to: int,
    limit: int,
    due: float | None = None,
    *,
    node: str = "",
    without: Sequence[int] = (),
) -> tuple[FailedRemoval, ...]:
    """Those that could not be removed, the first due first; of those due, if that is asked.

    Of a ``node``, if one is named; none in the storages ``without``.
    """
    times = (float(LARGEST), float(LARGEST)) if due is None else (due, due + LAST_RETRY)
    owner = (node,) if node else ()
    statement = _elsewhere(LIST_DUE_HERE if node else LIST_DUE, without)
    rows = db.all(statement, (*times, up_to, *owner, *without, limit))
    return tuple(_failure(row) for row in rows)


def find_attachments(db: Database, uuids: Sequence[str]) -> frozenset[str]:
    """Which of these files belong to a resource, in the trash or not, or to a job.

    Only a start after a crash asks, for a few files: an index on the names would cost every
    ingest more than this costs in all.
    """
    wanted = {packed for packed in map(pack_uuid_or_none, uuids) if packed is not None}
    known: set[str] = set()
    names = sorted(wanted)
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for table in ("attachments", "trashed_attachments", "job_outputs"):
            rows = db.all(f"SELECT uuid FROM {table} WHERE uuid IN ({marks})", some)  # noqa: S608
            known.update(unpack_uuid(uuid) for (uuid,) in rows)
    return frozenset(known)


def forget_released(db: Database, group: Group, numbers: Sequence[int]) -> None:
    """These are removed; to forget one twice does no harm."""
    group.writing = True
    condition, value = db.among("number", numbers)
    sizes = db.one(
        f"SELECT COUNT(*), COALESCE(SUM(size), 0) FROM released WHERE {condition}",  # noqa: S608
        (value,),
    ) or (0, 0)
    db.execute(COUNT_RELEASED, (-sizes[0], -sizes[1]))
    db.execute(f"DELETE FROM released WHERE {condition}", (value,))  # noqa: S608 - of constants
    db.execute(f"DELETE FROM failed_removals WHERE {condition}", (value,))  # noqa: S608


def record_failed_removals(
    db: Database, group: Group, failures: Sequence[tuple[int, str]], now: float
) -> None:
    """These could not be removed: their numbers and reasons; those that are gone are left out."""
    group.writing = True
    condition, value = db.among("released.number", [number for number, _ in failures])
    attempts: dict[int, int] = dict(
        db.all(
            "SELECT released.number, COALESCE(attempts, 0) FROM released"  # noqa: S608
            " LEFT JOIN failed_removals ON failed_removals.number = released.number"
            f" WHERE {condition}",
            (value,),
        )
    )
    db.execute_many(
        FAIL,
        [
            (number, tried, reason, now, now + retry_delay(tried))
            for number, reason in failures
            if (tried := attempts.get(number, -1) + 1)
        ],
    )


def record_pause(db: Database, group: Group, is_paused: bool) -> None:
    """Remember whether nothing is to be removed."""
    group.writing = True
    db.execute(SET_PROPERTY, (_PAUSED, str(int(is_paused))))


def _file(row: Row) -> ReleasedFile:
    number, uuid, content_type, size, location = row[:5]
    return ReleasedFile(number, unpack_uuid(uuid), content_type, size, location)


def _failure(row: Row) -> FailedRemoval:
    attempts, reason, failed_at, due = row[5:]
    return FailedRemoval(_file(row), attempts, reason, failed_at, due)
