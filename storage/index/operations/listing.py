"""Finding resources by identifier and by place in the tree; each by the number of its row."""

from repertory.errors import BadParameter, UnknownResource
from repertory.model import Level, ResourceId, ResourceRef
from repertory.storage.index.database import Database, Question, Row
from repertory.storage.index.normalization import normalized
from repertory.storage.index.packing import LARGEST, pack_id, unpack_id

FIND = "SELECT id, parent, public_id FROM resources WHERE public_id = ? AND level = ?"
FIND_GRANDPARENT = (
    "SELECT one.parent FROM resources AS low JOIN resources AS one ON one.id = low.parent"
    " WHERE low.public_id = ? AND low.level = ?"
)
FIND_GREAT_GRANDPARENT = (
    "SELECT two.parent FROM resources AS low JOIN resources AS one ON one.id = low.parent"
    " JOIN resources AS two ON two.id = one.parent WHERE low.public_id = ? AND low.level = ?"
)
FIND_ABOVE = (
    "SELECT id FROM resources WHERE public_id = ? AND level = ?",
    "SELECT parent FROM resources WHERE public_id = ? AND level = ?",
    FIND_GRANDPARENT,
    FIND_GREAT_GRANDPARENT,
)
"""By the number of levels between."""

LIST = "SELECT id, public_id FROM resources WHERE level = ? ORDER BY id LIMIT ? OFFSET ?"

LIST_AFTER = "SELECT id, public_id FROM resources WHERE level = ? AND id > ? ORDER BY id LIMIT 1"

_TOP = "(SELECT id FROM resources WHERE public_id = ? AND level = ?)"
LIST_CHILDREN = f"SELECT id, public_id FROM resources WHERE parent = {_TOP} ORDER BY id"  # noqa: S608
LIST_GRANDCHILDREN = (
    "SELECT low.id, low.public_id FROM resources AS top"  # noqa: S608
    f" JOIN resources AS low ON low.parent = top.id WHERE top.parent = {_TOP} ORDER BY low.id"
)
LIST_GREAT_GRANDCHILDREN = (
    "SELECT low.id, low.public_id FROM resources AS top"  # noqa: S608
    " JOIN resources AS middle ON middle.parent = top.id"
    f" JOIN resources AS low ON low.parent = middle.id WHERE top.parent = {_TOP} ORDER BY low.id"
)
LIST_BELOW = (
    "SELECT id, public_id FROM resources WHERE public_id = ? AND level = ?",
    LIST_CHILDREN,
    LIST_GRANDCHILDREN,
    LIST_GREAT_GRANDCHILDREN,
)
"""By the number of levels between."""

LOOK_UP = (
    "SELECT level, public_id, id FROM resources WHERE patient_id = ? AND level = 1"
    " UNION ALL SELECT level, public_id, id FROM resources WHERE study_uid = ? AND level = 2"
    " UNION ALL SELECT level, public_id, id FROM resources WHERE series_uid = ? AND level = 3"
    " UNION ALL SELECT level, public_id, id FROM resources WHERE sop_uid = ? AND level = 4"
    " ORDER BY level, id"
)


def find(db: Database, level: Level, id_: ResourceId) -> Row:
    """Number, parent's number and digest of a resource; ``UnknownResource`` if there is none."""
    digest = pack_id(id_)
    row = digest and db.one(FIND, (digest, int(level)))
    if not row:
        raise UnknownResource
    return row


def list_page(db: Database, level: Level, since: int, limit: int) -> list[Row]:
    """Number and digest of the resources of a level, in order of arrival; 0 is no limit."""
    bound = min(limit, LARGEST) if limit > 0 else LARGEST
    return db.all(LIST, (int(level), bound, min(max(since, 0), LARGEST)))


def find_after(db: Database, level: Level, after: int) -> tuple[int, ResourceId] | None:
    """The resource that arrived next after the one with this number, with its own number."""
    row = db.one(LIST_AFTER, (int(level), after))
    return None if row is None else (row[0], unpack_id(row[1]))


def list_below(db: Database, level: Level, id_: ResourceId, at: Level) -> list[Row]:
    """Number and digest of the descendants at level ``at``, in order of arrival."""
    if at < level:
        raise BadParameter(f"A {level.word} has no {at.plural} below it.")
    digest = pack_id(id_)
    key = (digest, int(level))
    found, rows = db.gather([Question(FIND, key), Question(LIST_BELOW[at - level], key)])
    if digest is None or not found:
        raise UnknownResource
    return rows


def find_above(db: Database, level: Level, id_: ResourceId, at: Level) -> int:
    """The number of the ancestor at level ``at``."""
    if at > level:
        raise BadParameter(f"A {level.word} has no {at.word} above it.")
    digest = pack_id(id_)
    row = digest and db.one(FIND_ABOVE[level - at], (digest, int(level)))
    if not row:
        raise UnknownResource
    return int(row[0])


def lookup_identifier(db: Database, identifier: str) -> tuple[ResourceRef, ...]:
    """The resources whose PatientID or UID it is, from patients down."""
    rows = db.all(LOOK_UP, (normalized(identifier),) * 4)
    return tuple(ResourceRef(Level(level), unpack_id(digest)) for level, digest, _ in rows)
