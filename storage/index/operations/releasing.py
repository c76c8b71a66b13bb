"""Files that no resource owns any more, until they are removed."""

from collections.abc import Sequence

from repertory.model import ReleasedFile
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, pack_uuid_or_none, unpack_uuid

_AT_ONCE = 500


def list_released(db: Database, limit: int) -> tuple[ReleasedFile, ...]:
    """The first ``limit`` of them, first released first; 0 is no limit."""
    rows = db.all(
        "SELECT number, uuid, content_type, size, location FROM released ORDER BY number LIMIT ?",
        (min(limit, LARGEST) if limit > 0 else LARGEST,),
    )
    return tuple(
        ReleasedFile(number, unpack_uuid(uuid), content_type, size, location)
        for number, uuid, content_type, size, location in rows
    )


def count_released(db: Database) -> int:
    """How many there are."""
    row = db.one("SELECT COUNT(*) FROM released") or (0,)
    return int(row[0])


def find_attachments(db: Database, uuids: Sequence[str]) -> frozenset[str]:
    """Which of these files belong to a resource, or to a job.

    Only a start after a crash asks, for a few files: an index on the names would cost every
    ingest more than this costs in all.
    """
    wanted = {packed for packed in map(pack_uuid_or_none, uuids) if packed is not None}
    known: set[str] = set()
    names = sorted(wanted)
    for first in range(0, len(names), _AT_ONCE):
        some = names[first : first + _AT_ONCE]
        marks = ", ".join("?" * len(some))
        for table in ("attachments", "job_outputs"):
            rows = db.all(f"SELECT uuid FROM {table} WHERE uuid IN ({marks})", some)  # noqa: S608
            known.update(unpack_uuid(uuid) for (uuid,) in rows)
    return frozenset(known)


def forget_released(db: Database, group: Group, numbers: Sequence[int]) -> None:
    """These are removed; to forget one twice does no harm."""
    group.writing = True
    condition, value = db.among("number", numbers)
    db.execute(f"DELETE FROM released WHERE {condition}", (value,))  # noqa: S608 - of constants
