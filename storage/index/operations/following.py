"""Reading the log of changes at one's own pace: targets, what is kept for them, dead letters.

Who reads the log holds it: a line that leaves it before, because its resource is deleted or a
client clears the log, is kept with all that an event tells. Holds are in the group, so that an
ingest pays nothing for them; those of targets are in the index as well, with their places.
"""

import calendar
import time
from collections.abc import Collection, Sequence

from repertory.errors import LeaseLost
from repertory.events import CLASSES, ArchiveEvent, DeadLetter, EventPage, TargetPlace
from repertory.model import ChangeType, Level
from repertory.nodes import DELIVERY
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.duties import need_duty
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, pack_id, stamp, unpack_id, unpack_tags

_PARENTS = (
    " LEFT JOIN resources AS one ON one.id = resources.parent"
    " LEFT JOIN resources AS two ON two.id = one.parent"
    " LEFT JOIN resources AS three ON three.id = two.parent"
)
_ABOVE = "one.public_id, two.public_id, three.public_id"
_ROW = "seq, type, level, public_id, date, above_1, above_2, above_3"

LIST = (
    "SELECT changes.seq, changes.type, resources.level, resources.public_id, changes.date,"  # noqa: S608 - of constants
    f" {_ABOVE}, {{tags}} FROM changes JOIN resources ON resources.id = changes.resource{_PARENTS}"
    " WHERE changes.seq > ?{types}"
    f" UNION ALL SELECT {_ROW}, NULL FROM kept_changes WHERE seq > ?{{kept}}"
    " UNION ALL SELECT seq, 4096, level, public_id, date, NULL, NULL, NULL, NULL"
    " FROM deletions WHERE seq > ?{deleted} AND seq NOT IN (SELECT seq FROM kept_changes)"
    " ORDER BY 1 LIMIT ?"
)
KEEP = (
    f"INSERT INTO kept_changes ({_ROW})"  # noqa: S608 - of constants
    " SELECT changes.seq, changes.type, resources.level, resources.public_id, changes.date,"
    f" {_ABOVE} FROM changes JOIN resources ON resources.id = changes.resource{_PARENTS}"
    " WHERE changes.seq > ? AND {}"
)
KEEP_DELETIONS = (
    f"INSERT INTO kept_changes ({_ROW})"  # noqa: S608 - of constants
    " SELECT ? + ROW_NUMBER() OVER (ORDER BY resources.level DESC, resources.id), 4096,"
    f" resources.level, resources.public_id, ?, {_ABOVE} FROM resources{_PARENTS} WHERE {{}}"
)
KEEP_LOGGED_DELETIONS = (
    f"INSERT INTO kept_changes ({_ROW})"  # noqa: S608 - of constants
    " SELECT seq, 4096, level, public_id, date, NULL, NULL, NULL FROM deletions"
    " WHERE seq > ? AND seq NOT IN (SELECT seq FROM kept_changes)"
)
BURY = (
    f"INSERT INTO dead_letters (target, {_ROW}, reason, attempts, failed_at)"  # noqa: S608 - of constants
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
LIST_LETTERS = (
    f"SELECT number, reason, attempts, failed_at, {_ROW}"  # noqa: S608 - of constants
    " FROM dead_letters WHERE target = ? AND number > ? ORDER BY number LIMIT ?"
)
FIND_PLACE = "SELECT position FROM targets WHERE name = ?"
LIST_TARGETS = (
    "SELECT name, position, is_paused, (SELECT COUNT(*) FROM dead_letters WHERE target = name)"
    " FROM targets WHERE is_enabled = 1 ORDER BY name"
)


# Reading


def list_events(
    db: Database, since: int, limit: int, types: Collection[ChangeType], *, main_tags: bool
) -> EventPage:
    """The first ``limit`` events after ``since``, of ``types`` (empty: all)."""
    limit = min(max(limit, 0), LARGEST - 1)
    since = min(max(since, 0), LARGEST)
    wanted = " AND {} IN ({})".format("{}", ", ".join(str(int(one)) for one in sorted(types)))
    sql = LIST.format(
        tags="resources.main_tags" if main_tags else "NULL",
        types=wanted.format("changes.type") if types else "",
        kept=wanted.format("type") if types else "",
        deleted=" AND FALSE" if types and ChangeType.DELETED not in types else "",
    )
    rows = db.all(sql, (since, since, since, limit + 1))
    events = tuple([_event(row[:8], row[8]) for row in rows[:limit]])
    if len(rows) > limit:
        return EventPage(events, done=False, last=events[-1].number if events else since)
    newest = (db.one("SELECT last_change FROM totals") or (0,))[0]
    return EventPage(events, done=True, last=max(since, newest))


def _event(row: Row, tags: str | None = None) -> ArchiveEvent:
    number, type_, level, digest, date, *above = row
    known = [unpack_id(one) for one in above if one is not None]
    change = ChangeType(type_)
    return CLASSES.get(change, ArchiveEvent)(
        number=number,
        type=change,
        level=Level(level),
        id=unpack_id(digest),
        date=stamp(date),
        parents={Level(level - step): one for step, one in enumerate(known, 1)},
        main_tags=unpack_tags(tags) if tags else {},
    )


def _row(event: ArchiveEvent) -> Row:
    above = [event.parents.get(Level(event.level - step)) for step in range(1, event.level)]
    digests = [pack_id(one) if one else None for one in above]
    date = calendar.timegm(time.strptime(event.date, "%Y%m%dT%H%M%S"))
    packed = (event.number, int(event.type), int(event.level), pack_id(event.id), date)
    return (*packed, *digests, *[None] * (3 - len(digests)))


# Holding the log


def hold(db: Database, group: Group, reader: str, position: int | None) -> int:
    """Keep what leaves the log after ``position``; ``None``: after the newest line.

    Returns:
        The position.
    """
    group.holds[reader] = group.last_change if position is None else position
    group.tell_hold()
    _trim(db, group)
    return group.holds[reader]


def let_go(db: Database, group: Group, reader: str) -> None:
    """Keep nothing for a reader any more."""
    group.holds.pop(reader, None)
    _trim(db, group)


def _trim(db: Database, group: Group) -> None:
    """Drop what everybody was told of."""
    floor = group.floor
    if group.oldest_kept is not None and group.oldest_kept <= floor:
        group.writing = True
        db.execute("DELETE FROM kept_changes WHERE seq <= ?", (floor,))
        group.note_kept()


def keep_changes(db: Database, group: Group, condition: str, value: object) -> None:
    """Keep the lines, of resources by a condition, that are about to leave the log."""
    floor = group.floor
    if floor < group.last_change:
        group.writing = True
        db.execute(KEEP.format(condition), (floor, value))
        group.note_kept()


def keep_deletions(db: Database, group: Group, condition: str, value: object, now: float) -> None:
    """Keep the deletions that are about to be logged, with the parents."""
    if group.floor < LARGEST:
        group.writing = True
        db.execute(KEEP_DELETIONS.format(condition), (group.last_change, int(now), value))
        group.note_kept()


def keep_everything(db: Database, group: Group) -> None:
    """Keep all that is needed of a log that is about to be cleared."""
    floor = group.floor
    if floor < group.last_change:
        group.writing = True
        db.execute(KEEP.format("TRUE"), (floor,))
        db.execute(KEEP_LOGGED_DELETIONS, (floor,))
        group.note_kept()


# Targets


def list_targets(db: Database) -> tuple[TargetPlace, ...]:
    """The targets that are enabled."""
    return tuple(
        TargetPlace(name=name, position=position, paused=bool(paused), dead_letters=letters)
        for name, position, paused, letters in db.all(LIST_TARGETS)
    )


def enlist_targets(db: Database, group: Group, names: Collection[str]) -> tuple[TargetPlace, ...]:
    """These targets, and no others, are to be told from now on; new ones begin at the end."""
    group.writing = True
    known: dict[str, int] = dict(db.all("SELECT name, position FROM targets"))
    for name in known.keys() - set(names):
        db.execute("UPDATE targets SET is_enabled = 0 WHERE name = ?", (name,))
        group.holds.pop(name, None)
    for name in names:
        if name in known:
            db.execute("UPDATE targets SET is_enabled = 1 WHERE name = ?", (name,))
        else:
            row = (name, group.last_change)
            db.execute("INSERT INTO targets (name, position) VALUES (?, ?)", row)
        group.holds[name] = known.get(name, group.last_change)
    _trim(db, group)
    return list_targets(db)


def move_target(
    db: Database,
    group: Group,
    name: str,
    position: int,
    *,
    expected: int | None = None,
    steers: bool = False,
) -> None:
    """All up to ``position`` was delivered to a target, or is to be told again after it.

    Raises:
        LeaseLost: another node delivers, or has somebody moved the target from ``expected``;
            whoever ``steers`` may move it all the same.
    """
    if not steers:
        need_duty(db, group, DELIVERY)
    if expected is not None and db.one(FIND_PLACE, (name,)) != (expected,):
        raise LeaseLost
    group.writing = True
    position = min(max(position, 0), group.last_change)
    db.execute("UPDATE targets SET position = ? WHERE name = ?", (position, name))
    hold(db, group, name, position)


def pause_target(db: Database, group: Group, name: str, *, paused: bool) -> None:
    """Tell a target nothing, or go on."""
    group.writing = True
    db.execute("UPDATE targets SET is_paused = ? WHERE name = ?", (int(paused), name))


# Dead letters


def bury(
    db: Database, group: Group, name: str, event: ArchiveEvent, why: tuple[str, int, float]
) -> None:
    """Put an event aside that a target refused: reason, attempts and time; go on behind it."""
    need_duty(db, group, DELIVERY)
    group.writing = True
    db.execute(BURY, (name, *_row(event), *why))
    move_target(db, group, name, event.number, steers=True)


def list_dead_letters(db: Database, name: str, since: int, limit: int) -> tuple[DeadLetter, ...]:
    """Dead letters of a target after one of them, in the order in which they were given up."""
    return tuple(
        DeadLetter(
            number=number,
            event=_event(tuple(row)),
            reason=reason,
            attempts=attempts,
            failed_at=failed_at,
        )
        for number, reason, attempts, failed_at, *row in db.all(
            LIST_LETTERS, (name, since, min(max(limit, 0), LARGEST))
        )
    )


def drop_dead_letters(db: Database, group: Group, name: str, numbers: Sequence[int] | None) -> int:
    """Forget dead letters of a target, all of them for ``None``; how many there were."""
    group.writing = True
    if numbers is None:
        return db.execute("DELETE FROM dead_letters WHERE target = ?", (name,))
    condition, value = db.among("number", numbers)
    return db.execute(
        f"DELETE FROM dead_letters WHERE target = ? AND {condition}",  # noqa: S608 - of constants
        (name, value),
    )
