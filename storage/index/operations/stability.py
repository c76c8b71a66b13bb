"""Which patients, studies and series are stable: nothing new came for a while."""

from repertory.errors import UnknownResource
from repertory.items import Stabilized, Unstable
from repertory.model import (
    ChangeType,
    Level,
    ResourceId,
    ResourceRef,
)
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, pack_id, unpack_id

_DUE = "tallies.unstable_at + tallies.stable_age"
"""The expression of the index ``tallies_by_due``."""

_UNSTABLE = (
    "SELECT resources.level, resources.public_id, tallies.activity, tallies.unstable_at,"
    " tallies.stable_age, resources.id"
    " FROM tallies JOIN resources ON resources.id = tallies.resource"
    " WHERE tallies.unstable_at IS NOT NULL"
)
_IN_ORDER = f" ORDER BY {_DUE}, tallies.activity, resources.level DESC"
LIST_UNSTABLE = f"{_UNSTABLE}{_IN_ORDER} LIMIT ?"
LIST_DUE = f"{_UNSTABLE} AND {_DUE} <= ?{_IN_ORDER} LIMIT ?"
DESCRIBE_UNSTABLE = f"{_UNSTABLE} AND resources.public_id = ? AND resources.level = ?"
FIND_NEXT = (
    "SELECT unstable_at + stable_age FROM tallies WHERE unstable_at IS NOT NULL"
    " ORDER BY unstable_at + stable_age LIMIT 1"
)
FIND_TALLY = (
    "SELECT resources.id, tallies.unstable_at"
    " FROM resources JOIN tallies ON tallies.resource = resources.id"
    " WHERE resources.public_id = ? AND resources.level = ?"
)
DECLARE_STABLE = "UPDATE tallies SET unstable_at = NULL WHERE resource = ?"
DECLARE_UNSTABLE = (
    "UPDATE tallies SET unstable_at = ?,"
    " stable_age = CASE WHEN stable_age > ? THEN ? ELSE stable_age END WHERE resource = ?"
)
LIMIT_PERIODS = (
    "UPDATE tallies SET unstable_at = CASE WHEN unstable_at > ? THEN ? ELSE unstable_at END,"
    " stable_age = CASE WHEN stable_age > ? THEN ? ELSE stable_age END"
    " WHERE unstable_at IS NOT NULL AND unstable_at + stable_age > ?"
)
SHIFT_PERIODS = "UPDATE tallies SET unstable_at = unstable_at + ? WHERE unstable_at IS NOT NULL"

_STABLE = {
    Level.PATIENT: ChangeType.STABLE_PATIENT,
    Level.STUDY: ChangeType.STABLE_STUDY,
    Level.SERIES: ChangeType.STABLE_SERIES,
}

_MORE = 1.0
"""Orthanc compares whole seconds: to be more than StableAge they must be one more."""

_ROUNDING = 0.001
"""Seconds that sums and differences of times may be off."""


def list_unstable(db: Database, limit: int) -> tuple[Unstable, ...]:
    """All that are not stable, in the order in which they will be; at most ``limit``, 0: all."""
    return tuple(map(_unstable, db.all(LIST_UNSTABLE, (limit or LARGEST,))))


def describe_unstable(db: Database, level: Level, id_: ResourceId) -> Unstable | None:
    """One of them; ``None`` where it is gone, stable, or an instance."""
    digest = pack_id(id_)
    row = digest and db.one(DESCRIBE_UNSTABLE, (digest, int(level)))
    return _unstable(row) if row else None


def _unstable(row: Row) -> Unstable:
    level, digest, activity, unstable_at, stable_age, _ = row
    return Unstable(Level(level), unpack_id(digest), activity, unstable_at, stable_age)


def declare_due(db: Database, group: Group, moment: float, limit: int, now: float) -> Stabilized:
    """Mark stable, and log, what was quiet for longer than its age; at most ``limit``."""
    group.flush()
    rows = db.all(LIST_DUE, (moment - _MORE + _ROUNDING, limit))
    if rows:
        db.execute_many(DECLARE_STABLE, [(row[5],) for row in rows])
    for row in rows:
        group.log(_STABLE[Level(row[0])], row[5], now)
    following = db.one(FIND_NEXT)
    next_in = max(following[0] + _MORE - moment, 0.0) if following else None
    return Stabilized(tuple(ResourceRef(Level(row[0]), unpack_id(row[1])) for row in rows), next_in)


def declare_stable(db: Database, group: Group, resource: ResourceRef, now: float) -> bool:
    """Mark a resource stable and log it; whether it was not stable.

    Raises:
        UnknownResource: there is no such patient, study or series.
    """
    number, unstable_at = _find(db, group, resource)
    if unstable_at is None:
        return False
    group.writing = True
    db.execute(DECLARE_STABLE, (number,))
    group.log(_STABLE[resource.level], number, now)
    return True


def declare_unstable(
    db: Database, group: Group, resource: ResourceRef, moment: float, longest: float
) -> bool:
    """Let a resource be quiet since ``moment``; whether it was stable.

    Raises:
        UnknownResource: there is no such patient, study or series.
    """
    number, unstable_at = _find(db, group, resource)
    group.writing = True
    db.execute(DECLARE_UNSTABLE, (moment, longest, longest, number))
    return unstable_at is None


def _find(db: Database, group: Group, resource: ResourceRef) -> tuple[int, float | None]:
    digest = pack_id(resource.id)
    if digest is None or resource.level not in _STABLE:
        raise UnknownResource
    group.settle()
    row = db.one(FIND_TALLY, (digest, int(resource.level)))
    if row is None:
        raise UnknownResource
    return row[0], row[1]


def limit_periods(db: Database, group: Group, moment: float, longest: float) -> int:
    """Let nothing wait for longer than ``longest`` from ``moment`` on; how much would have.

    It would after the clock was set back while nobody served, or StableAge was made shorter.
    """
    group.flush()
    return db.execute(
        LIMIT_PERIODS, (moment, moment, longest, longest, moment + longest + _ROUNDING)
    )


def shift_periods(db: Database, group: Group, seconds: float) -> None:
    """Move the periods of all that is not stable, as the clock was moved."""
    group.flush()
    db.execute(SHIFT_PERIODS, (seconds,))
