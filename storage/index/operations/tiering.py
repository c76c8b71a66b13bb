"""Which studies a rule of tiering asks for, and when studies were last read."""

from collections.abc import Sequence
from typing import Any

from repertory.model import Level, ResourceRef
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations.finding.matching import of_tag
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.placing import FIND_PLACE
from repertory.storage.index.packing import pack_id, unpack_id
from repertory.tiering import (
    Conditions,
    KeptTiering,
    StudiesPage,
    StudiesWanted,
    StudyCursor,
    StudyRead,
)

STATE = "tiering"

_MODALITY = "0008,0060"

# Some studies by their rows: cheap to page, and what follows looks at no others.
BY_NUMBER = "SELECT id, public_id, 0 FROM resources WHERE level = 2 AND id > ? ORDER BY id LIMIT ?"
_IN_ORDER = (
    "SELECT id, public_id, key FROM (SELECT s.id, s.public_id, {} AS key FROM resources AS s"
    " JOIN tallies AS t ON t.resource = s.id"
    " LEFT JOIN accesses AS a ON a.resource = s.id WHERE s.level = 2) AS x"
    " WHERE (key, id) > (?, ?) ORDER BY key, id LIMIT ?"
)
IN_ORDER = {
    "LastRead": _IN_ORDER.format(
        "CASE WHEN COALESCE(a.at, 0) > t.last_update THEN a.at ELSE t.last_update END"
    ),
    "LastReceived": _IN_ORDER.format("t.last_update"),
}
LIES_THERE = (
    "(EXISTS (SELECT 1 FROM attachments WHERE resource = l.id AND location = ?)"
    " OR EXISTS (SELECT 1 FROM resources AS e JOIN attachments ON attachments.resource = e.id"
    " WHERE e.parent = l.id AND location = ?)"
    " OR EXISTS (SELECT 1 FROM resources AS e JOIN resources AS i ON i.parent = e.id"
    " JOIN attachments ON attachments.resource = i.id WHERE e.parent = l.id AND location = ?))"
)
FIND_STUDY = (
    "SELECT s.id, COALESCE(a.at, 0) FROM resources AS r{} LEFT JOIN accesses AS a"
    " ON a.resource = s.id WHERE r.public_id = ? AND r.level = ?"
)
STUDY_OF = {
    Level.STUDY: FIND_STUDY.format(" JOIN resources AS s ON s.id = r.id"),
    Level.SERIES: FIND_STUDY.format(" JOIN resources AS s ON s.id = r.parent"),
    Level.INSTANCE: FIND_STUDY.format(
        " JOIN resources AS e ON e.id = r.parent JOIN resources AS s ON s.id = e.parent"
    ),
}
# Only for a study that is there: it may have been deleted since somebody read it.
RECORD_ACCESS = (
    "INSERT INTO accesses (resource, at) SELECT id, ? FROM resources WHERE id = ? AND level = 2"
    " ON CONFLICT (resource) DO UPDATE SET at = excluded.at WHERE excluded.at > accesses.at"
)
SUM_RELEASED = (
    "SELECT COALESCE(SUM(released.size), 0) FROM released"
    " JOIN places ON places.number = released.location WHERE places.name = ?"
)
PROPERTY = "SELECT value FROM properties WHERE name = ?"


def find_tierable(db: Database, wanted: StudiesWanted) -> StudiesPage:
    """Some studies that have files in a storage and are as a rule wants them."""
    place = db.one(FIND_PLACE, (wanted.source,))
    if place is None:
        return StudiesPage((), None)
    looked = _look(db, wanted)
    after = _last(looked, wanted)
    if not looked:
        return StudiesPage((), None)
    numbers = [row[0] for row in looked]
    found, value = db.among("l.id", numbers)
    where, values = _conditions(wanted.conditions)
    for other in wanted.unless:
        text, more = _conditions(other)
        where.append(f"NOT ({' AND '.join(text or ['1 = 1'])})")
        values += more
    if wanted.not_read_since is not None:
        where.append("COALESCE(a.at, 0) < ?")
        values.append(wanted.not_read_since)
    rows = db.all(
        "SELECT l.id FROM resources AS l JOIN tallies AS t ON t.resource = l.id"  # noqa: S608
        " LEFT JOIN accesses AS a ON a.resource = l.id"
        f" WHERE {' AND '.join([found, *where, LIES_THERE])}",
        (value, *values, *(place[0],) * 3),
    )
    met = {row[0] for row in rows}
    return StudiesPage(tuple(unpack_id(row[1]) for row in looked if row[0] in met), after)


def _look(db: Database, wanted: StudiesWanted) -> list[Row]:
    after = wanted.after
    if not wanted.first_out:
        return db.all(BY_NUMBER, (after.number, wanted.looks))
    return db.all(IN_ORDER[wanted.first_out], (after.key, after.number, wanted.looks))


def _last(looked: list[Row], wanted: StudiesWanted) -> StudyCursor | None:
    if len(looked) < wanted.looks:
        return None
    return StudyCursor(float(looked[-1][2]), looked[-1][0])


def _conditions(wanted: Conditions) -> tuple[list[str], list[Any]]:
    """The conditions in SQL, and their values."""
    texts: list[str] = []
    values: list[Any] = []
    if wanted.received_before is not None:
        texts.append("t.last_update < ?")
        values.append(wanted.received_before)
    if wanted.read_before is not None:
        texts.append("t.last_update < ? AND COALESCE(a.at, 0) < ?")
        values += [wanted.read_before, wanted.read_before]
    if wanted.modalities:
        texts.append(
            "EXISTS (SELECT 1 FROM resources AS e WHERE e.parent = l.id"  # noqa: S608
            f" AND upper({of_tag('e', _MODALITY)}) IN ({_marks(wanted.modalities)}))"
        )
        values += [word.strip().upper() for word in wanted.modalities]
    if wanted.labels:
        texts.append(_labelled(wanted.labels))
        values += wanted.labels
    if wanted.without_labels:
        texts.append(f"NOT {_labelled(wanted.without_labels)}")
        values += wanted.without_labels
    return texts, values


def _labelled(labels: Sequence[str]) -> str:
    return f"EXISTS (SELECT 1 FROM labels WHERE resource = l.id AND label IN ({_marks(labels)}))"  # noqa: S608


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def find_read_studies(db: Database, read: Sequence[ResourceRef]) -> tuple[StudyRead, ...]:
    """The studies that resources are, or belong to, each once; patients belong to none."""
    found: dict[int, StudyRead] = {}
    for ref in read:
        sql = STUDY_OF.get(ref.level)
        row = db.one(sql, (pack_id(ref.id), int(ref.level))) if sql else None
        if row is not None:
            found[row[0]] = StudyRead(row[0], row[1])
    return tuple(found.values())


def record_accesses(db: Database, group: Group, studies: Sequence[int], at: int) -> None:
    """Note that studies were read; one that is known to have been read later stays so."""
    group.settle()
    group.writing = True
    db.execute_many(RECORD_ACCESS, [(at, number) for number in studies])


def sum_released(db: Database, place: str) -> int:
    """Bytes of files that wait to be removed from a storage."""
    return int((db.one(SUM_RELEASED, (place,)) or (0,))[0])


def describe_kept_tiering(db: Database) -> KeptTiering:
    """What is kept of tiering."""
    text = db.one(PROPERTY, (STATE,))
    paused = db.one(PROPERTY, (f"{STATE}/paused",))
    return KeptTiering("" if text is None else text[0], paused == ("true",))
