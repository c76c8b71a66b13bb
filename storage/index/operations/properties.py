"""What the archive keeps about itself, by name."""

from repertory.errors import RevisionConflict
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group

FIND = "SELECT value FROM properties WHERE name = ?"
KEEP = (
    "INSERT INTO properties (name, value) VALUES (?, ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def describe_property(db: Database, name: str) -> str | None:
    """What is kept under a name."""
    row = db.one(FIND, (name,))
    return None if row is None else str(row[0])


def need_property(db: Database, _group: Group, name: str, expected: str | None) -> None:
    """Raise ``RevisionConflict`` unless this is what is kept under a name."""
    if describe_property(db, name) != expected:
        raise RevisionConflict


def record_property(db: Database, group: Group, name: str, value: str) -> None:
    """Keep a text under a name."""
    group.writing = True
    db.execute(KEEP, (name, value))
