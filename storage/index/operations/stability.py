"""Which patients, studies and series are stable: nothing new came for a while."""

from repertory.model import ChangeType, Level, ResourceId, Unstable
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import pack_id, unpack_id

_UNSTABLE = (
    "SELECT resources.level, resources.public_id, tallies.activity, tallies.unstable_at"
    " FROM tallies JOIN resources ON resources.id = tallies.resource"
)
LIST_UNSTABLE = (
    f"{_UNSTABLE} WHERE tallies.unstable_at IS NOT NULL"
    " ORDER BY tallies.unstable_at, resources.level DESC, tallies.activity"
)
DESCRIBE_UNSTABLE = (
    f"{_UNSTABLE} WHERE resources.public_id = ? AND resources.level = ?"
    " AND tallies.unstable_at IS NOT NULL"
)
FIND_UNSTABLE = (
    "SELECT resources.id FROM resources JOIN tallies ON tallies.resource = resources.id"
    " WHERE resources.public_id = ? AND resources.level = ?"
    " AND tallies.activity = ? AND tallies.unstable_at IS NOT NULL"
)
DECLARE_STABLE = "UPDATE tallies SET unstable_at = NULL WHERE resource = ?"

_STABLE = {
    Level.PATIENT: ChangeType.STABLE_PATIENT,
    Level.STUDY: ChangeType.STABLE_STUDY,
    Level.SERIES: ChangeType.STABLE_SERIES,
}


def list_unstable(db: Database) -> tuple[Unstable, ...]:
    """All that are not stable, the longest quiet first, at equal times series before study."""
    return tuple(map(_unstable, db.all(LIST_UNSTABLE)))


def describe_unstable(db: Database, level: Level, id_: ResourceId) -> Unstable | None:
    """One of them; ``None`` where it is gone, stable, or an instance."""
    digest = pack_id(id_)
    row = digest and db.one(DESCRIBE_UNSTABLE, (digest, int(level)))
    return _unstable(row) if row else None


def _unstable(row: Row) -> Unstable:
    level, digest, activity, unstable_at = row
    return Unstable(
        level=Level(level), id=unpack_id(digest), activity=activity, last_update=unstable_at
    )


def declare_stable(db: Database, group: Group, resource: Unstable, now: float) -> bool:
    """Mark it stable and log the change, unless it is gone, stable, or had news since."""
    digest = pack_id(resource.id)
    change = _STABLE.get(resource.level)
    if digest is None or change is None:
        return False
    group.flush()
    row = db.one(FIND_UNSTABLE, (digest, int(resource.level), resource.activity))
    if row is None:
        return False
    db.execute(DECLARE_STABLE, (row[0],))
    group.log(change, row[0], now)
    return True
