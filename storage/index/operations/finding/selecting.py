"""Running a search: numbers and identifiers of what is found, in order."""

from collections import defaultdict
from collections.abc import Sequence

from repertory.errors import UnknownResource
from repertory.model import Attachment, Level, ResourceId, ResourceRef
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.finding.compiling import (
    TABLES,
    Anchor,
    Compiled,
    compile_search,
)
from repertory.storage.index.operations.listing import find, find_above
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    LARGEST,
    unpack_attachment,
    unpack_id,
    unpack_metadata,
)
from repertory.storage.searching import Search

_GRANDCHILD = (
    "(SELECT b.id FROM resources AS a JOIN resources AS b ON b.parent = a.id"
    " WHERE a.parent = resources.id ORDER BY b.id LIMIT 1)"
)
_GREAT_GRANDCHILD = (
    "(SELECT c.id FROM resources AS a JOIN resources AS b ON b.parent = a.id"
    " JOIN resources AS c ON c.parent = b.id"
    " WHERE a.parent = resources.id ORDER BY c.id LIMIT 1)"
)
_FIRST_BELOW = (
    "resources.id",
    "(SELECT a.id FROM resources AS a WHERE a.parent = resources.id ORDER BY a.id LIMIT 1)",
    _GRANDCHILD,
    _GREAT_GRANDCHILD,
)
"""The first instance of each resource, by the number of levels between."""

FirstInstance = tuple[Attachment, dict[int, str], ResourceId]
"""Its file, its metadata, its identifier."""


def select(db: Database, search: Search) -> list[Row]:
    """Number and digest of each resource that is found, in order.

    Raises:
        UnknownResource: the resource that it is to be within is not there.
    """
    anchors = _anchors(db, search)
    if anchors is None:
        return []
    compiled = compile_search(search, anchors)
    # What files have to be looked at for is counted after that.
    limit = 0 if search.needs_files else search.limit
    if limit and compiled.beginning is not None:
        rows = _select(db, search, compiled.beginning, limit)
        if len(rows) == limit:
            return rows
    return _select(db, search, compiled, limit)


def _select(db: Database, search: Search, compiled: Compiled, limit: int) -> list[Row]:
    table = TABLES[search.level]
    # Of many that are ordered and few that are taken, numbers alone are read from indexes.
    in_two_steps = bool(search.order and limit)
    columns = f"{table}.id" if in_two_steps else f"{table}.id, {table}.public_id"
    rows = db.all(
        f"SELECT {columns} {compiled.source} ORDER BY {compiled.order} LIMIT ? OFFSET ?",
        (
            *compiled.values,
            min(limit, LARGEST) if limit > 0 else LARGEST,
            0 if search.needs_files else min(max(search.since, 0), LARGEST),
        ),
    )
    if not in_two_steps:
        return rows
    condition, value = db.among("id", [row[0] for row in rows])
    found = db.all(f"SELECT id, public_id FROM resources WHERE {condition}", (value,))  # noqa: S608 - our own names
    digests: dict[int, bytes] = dict(found)
    return [(number, digests[number]) for (number,) in rows]


def count(db: Database, search: Search) -> int:
    """How many resources a search finds, whatever its limit."""
    anchors = _anchors(db, search)
    if anchors is None:
        return 0
    compiled = compile_search(search, anchors)
    row = db.one(f"SELECT count(*) {compiled.source}", compiled.values)
    return int(row[0]) if row else 0


def first_instances(
    db: Database, level: Level, numbers: Sequence[int], at: Level | None = None
) -> dict[int, list[FirstInstance]]:
    """The file of each resource's first instance, and that instance's metadata and identifier.

    With ``at``, of the first instance of each that is below the resource at that level.
    """
    at = at or level
    top = f"u{at - level}"
    joins = "".join(
        f" JOIN resources AS u{n} ON u{n}.id = {f'u{n - 1}' if n > 1 else 'resources'}.parent"
        for n in range(1, at - level + 1)
    )
    top = top if joins else "resources"
    condition, value = db.among(f"{top}.id", numbers)
    columns = ", ".join(f"f.{name.strip()}" for name in ATTACHMENT_COLUMNS.split(","))
    rows = db.all(
        f"SELECT q.top, i.public_id, i.metadata, {columns} FROM (SELECT {top}.id AS top,"  # noqa: S608 - our own names
        f" {_FIRST_BELOW[Level.INSTANCE - at]} AS first FROM resources{joins}"
        f" WHERE {condition}) AS q"
        " JOIN resources AS i ON i.id = q.first"
        " JOIN attachments AS f ON f.resource = i.id AND f.content_type = 1 ORDER BY i.id",
        (value,),
    )
    found: dict[int, list[FirstInstance]] = defaultdict(list)
    for number, digest, metadata, *attachment in rows:
        file = unpack_attachment(tuple(attachment))
        found[number].append((file, unpack_metadata(metadata), unpack_id(digest)))
    return found


def resolve(
    db: Database, ids: Sequence[ResourceId], at: Level | None
) -> list[tuple[Level, list[int]]]:
    """Numbers of resources of whatever level, in order and without the unknown, level by level.

    Args:
        db: the index.
        ids: their identifiers.
        at: the level that is wanted: what is above or below each of them; ``None``: theirs.
    """
    runs: list[tuple[Level, list[int]]] = []
    seen: set[int] = set()
    for id_ in dict.fromkeys(ids):
        for level, number in _numbers(db, id_, at):
            if number in seen:
                continue
            seen.add(number)
            if not runs or runs[-1][0] is not level:
                runs.append((level, []))
            runs[-1][1].append(number)
    return runs


def _numbers(db: Database, id_: ResourceId, at: Level | None) -> list[tuple[Level, int]]:
    for level in Level:
        try:
            row = find(db, level, id_)
        except UnknownResource:
            continue
        if at is None:
            return [(level, row[0])]
        if at <= level:
            return [(at, find_above(db, level, id_, at))]
        below = Search(level=at, within=ResourceRef(level, id_))
        return [(at, found[0]) for found in select(db, below)]
    return []


def _anchors(db: Database, search: Search) -> tuple[Anchor, ...] | None:
    """The rows that the search is bound to; ``None`` where a parent is not there."""
    anchors = []
    within = search.within
    if within is not None:
        level = min(within.level, search.level)
        anchors.append(Anchor(level, find_above(db, within.level, within.id, level)))
    for parent in search.parents:
        try:
            anchors.append(Anchor(parent.level, find(db, parent.level, parent.id)[0]))
        except UnknownResource:
            return None
    return tuple(anchors)
