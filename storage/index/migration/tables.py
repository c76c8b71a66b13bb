"""What is carried: the tables as the schema has them, whatever they will be."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import apsw

from repertory.storage.index.database import Row
from repertory.storage.index.held import UNFINISHED
from repertory.storage.index.sqlite.schema import prepare

PRIVATE = frozenset({"schema_versions", "writers"})
"""Tables that say who uses a database just now, or what it is itself: they are not carried.

Every other table of the schema is. A table of this kind that ``schema.sql`` gets is named here.
"""

IDENTIFIER = "identifier"
"""The property that an index gets when it is made."""

_TRIGGERS = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?"


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is carried.

    ``key`` are the columns of its primary key; ``counter`` is the one whose numbers the database
    gives, or "". ``where`` is which rows are carried, in SQL, or "". ``is_watched`` says that
    triggers change other tables with it.
    """

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    counter: str = ""
    where: str = ""
    is_watched: bool = False

    def key_of(self, row: Row) -> Row:
        """The key of a row of all columns."""
        return tuple(row[self.columns.index(name)] for name in self.key)


@lru_cache(maxsize=1)
def carried_tables() -> tuple[Table, ...]:
    """The tables of the newest schema, by name."""
    with closing(_fresh()) as connection:
        found: list[Any] = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"
            " AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
        ).fetchall()
        return tuple(_table(connection, name, sql) for name, sql in found if name not in PRIVATE)


@lru_cache(maxsize=1)
def rows_of_a_new_index() -> Mapping[str, frozenset[Row]]:
    """What is in the tables of an index that has just been made; its identifier differs."""
    with closing(_fresh()) as connection:
        return {
            table.name: frozenset(
                connection.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")  # noqa: S608 - the schema's names
            )
            for table in carried_tables()
        }


def _fresh() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    prepare(connection)
    return connection


def _table(connection: apsw.Connection, name: str, sql: str) -> Table:
    described: list[Any] = connection.execute(f"PRAGMA table_info({name})").fetchall()
    keys = sorted((place, column) for _, column, _, _, _, place in described if place)
    if not keys:
        raise AssertionError(f"the table {name} has no primary key to carry it by")
    return Table(
        name,
        tuple(column for _, column, *_ in described),
        tuple(column for _, column in keys),
        counter=keys[0][1] if "AUTOINCREMENT" in sql else "",
        where=f"name <> '{UNFINISHED}'" if name == "properties" else "",
        is_watched=bool(connection.execute(_TRIGGERS, (name,)).fetchall()),
    )
