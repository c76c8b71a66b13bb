"""Files that no resource owns any more, until they are removed."""

from collections.abc import Sequence

from repertory.model import ReleasedFile
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.packing import LARGEST, unpack_uuid


def list_released(db: Database, limit: int) -> tuple[ReleasedFile, ...]:
    """The first ``limit`` of them, first released first; 0 is no limit."""
    rows = db.all(
        "SELECT number, uuid, content_type, size FROM released ORDER BY number LIMIT ?",
        (min(limit, LARGEST) if limit > 0 else LARGEST,),
    )
    return tuple(
        ReleasedFile(number=number, uuid=unpack_uuid(uuid), content_type=content_type, size=size)
        for number, uuid, content_type, size in rows
    )


def count_released(db: Database) -> int:
    """How many there are."""
    row = db.one("SELECT COUNT(*) FROM released") or (0,)
    return int(row[0])


def forget_released(db: Database, group: Group, numbers: Sequence[int]) -> None:
    """These are removed; to forget one twice does no harm."""
    group.writing = True
    condition, value = db.among("number", numbers)
    db.execute(f"DELETE FROM released WHERE {condition}", (value,))  # noqa: S608 - of constants
