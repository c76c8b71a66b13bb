"""The schema as SQLite has it, taken apart: tables, indexes and triggers.

There is one schema for all engines, that of SQLite with its migrations: what a server calls
things is all that is said anew for it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from repertory.storage.index.server.rewriting import split_list, statements_in

_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*)\)\s*(?:STRICT)?(?:,\s*WITHOUT ROWID)?", re.DOTALL)
_INDEX = re.compile(
    r"CREATE (UNIQUE )?INDEX (\w+)\s+ON (\w+) \((.*?)\)(?:\s+WHERE (.*))?", re.DOTALL
)
_TRIGGER = re.compile(
    r"CREATE TRIGGER (\w+) AFTER (DELETE|INSERT|UPDATE)(?: OF (\w+))? ON (\w+)"
    r"\s*(?:WHEN (.*?))?\s*BEGIN(.*)END",
    re.DOTALL,
)
_COLUMN = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.*)", re.DOTALL)
_DROP_INDEX = re.compile(r"DROP INDEX (\w+)")
_KEY = re.compile(r"PRIMARY KEY \((.*)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, or a constraint of a table where it has no name."""

    name: str
    type: str
    rest: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table; ``key`` are the columns of a primary key that has several, or stands apart."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """An index on columns, or on expressions; ``where`` is which rows it holds."""

    name: str
    table: str
    columns: tuple[str, ...]
    is_unique: bool
    where: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """Statements that run after a row was deleted, or a column of it was written."""

    name: str
    table: str
    event: str
    column: str
    when: str
    statements: tuple[str, ...]


class SchemaWords(Protocol):
    """How a server makes tables."""

    def table(self, table: Table) -> list[str]:
        """Makes a table."""

    def column(self, table: str, column: Column) -> list[str]:
        """Gives a table another column."""

    def index(self, index: Index) -> list[str]:
        """Makes an index."""

    def drop_index(self, name: str) -> list[str]:
        """Drops one."""

    def trigger(self, trigger: Trigger) -> list[str]:
        """Makes a trigger."""


def translate_script(text: str, words: SchemaWords, translate: Callable[[str], str]) -> list[str]:
    """The statements of a script, in a server's words."""
    found: list[str] = []
    for statement in statements_in(text):
        if it := _TABLE.fullmatch(statement):
            found += words.table(_table(it[1], it[2]))
        elif it := _INDEX.fullmatch(statement):
            columns = tuple(split_list(it[4]))
            found += words.index(Index(it[2], it[3], columns, bool(it[1]), it[5] or ""))
        elif it := _TRIGGER.fullmatch(statement):
            body = tuple(each.strip() for each in it[6].split(";") if each.strip())
            found += words.trigger(Trigger(it[1], it[4], it[2], it[3] or "", it[5] or "", body))
        elif it := _COLUMN.fullmatch(statement):
            found += words.column(it[1], _column(it[2]))
        elif it := _DROP_INDEX.fullmatch(statement):
            found += words.drop_index(it[1])
        else:
            found.append(translate(statement))
    return found


def _table(name: str, body: str) -> Table:
    columns = []
    key: tuple[str, ...] = ()
    for part in split_list(body):
        if it := _KEY.fullmatch(part):
            key = tuple(each.strip() for each in it[1].split(","))
        else:
            columns.append(_column(part))
    return Table(name, tuple(columns), key)


def _column(text: str) -> Column:
    name, type_, *rest = text.split(None, 2)
    return Column(name, type_, rest[0] if rest else "")
