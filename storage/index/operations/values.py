"""Values by name, each in the store of the part of the archive that keeps it."""

from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group

LIST = "SELECT name, value FROM kept_values WHERE store = ? ORDER BY name"
FIND = "SELECT value FROM kept_values WHERE store = ? AND name = ?"
UPDATE = "UPDATE kept_values SET value = ? WHERE store = ? AND name = ?"
INSERT = "INSERT INTO kept_values (store, name, value) VALUES (?, ?, ?)"
DELETE = "DELETE FROM kept_values WHERE store = ? AND name = ?"


def list_values(db: Database, store: str) -> dict[str, str]:
    """The values of a store by their names."""
    return {row[0]: row[1] for row in db.all(LIST, (store,))}


def describe_value(db: Database, store: str, name: str) -> str | None:
    """One value; ``None`` where there is none."""
    row = db.one(FIND, (store, name))
    return None if row is None else str(row[0])


def record_value(db: Database, group: Group, store: str, name: str, value: str) -> None:
    """Keep a value, in the place of the one that had its name."""
    group.writing = True
    if not db.execute(UPDATE, (value, store, name)):
        db.execute(INSERT, (store, name, value))


def forget_value(db: Database, group: Group, store: str, name: str) -> bool:
    """Keep a value no more; whether it was there."""
    group.writing = True
    return bool(db.execute(DELETE, (store, name)))
