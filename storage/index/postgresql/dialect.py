"""PostgreSQL's words."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from repertory.storage.index.postgresql.troubles import without_nul
from repertory.storage.index.server.rewriting import (
    json_path,
    number_marks,
    rewrite_calls,
)
from repertory.storage.index.server.tables import (
    Column,
    Index,
    Table,
    Trigger,
    translate_script,
)

OLDEST = 130_000
"""The oldest version that is spoken to, as libpq numbers them: 13."""

TYPES = {
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
    # Compared byte by byte, as in SQLite; and lower() then knows ASCII letters alone.
    "TEXT": 'TEXT COLLATE "C"',
}
TRANSACTIONS = {
    "Default": "READ COMMITTED",
    "ReadCommitted": "READ COMMITTED",
    "RepeatableRead": "REPEATABLE READ",
    "Serializable": "SERIALIZABLE",
}
"""By the option ``TransactionMode``."""

FUNCTIONS = (
    # JSON can hold a NUL, and text of PostgreSQL cannot.
    r"""CREATE OR REPLACE FUNCTION json_text(document TEXT, path TEXT[]) RETURNS TEXT
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN strpos(document, '\u0000') = 0
    THEN document::json #>> path
    ELSE regexp_replace(document, '((?:^|[^\\])(?:\\\\)*)\\u0000', '\1', 'g')::json #>> path
    END $$""",
    # Numbers as SQLite reads them: whatever a text begins with.
    r"""CREATE OR REPLACE FUNCTION leading_integer(value TEXT) RETURNS BIGINT
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN value IS NULL THEN NULL
    ELSE coalesce(substring(value from '^\s*([+-]?[0-9]{1,18})'), '0')::bigint END $$""",
    r"""CREATE OR REPLACE FUNCTION leading_real(value TEXT) RETURNS DOUBLE PRECISION
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT CASE WHEN value IS NULL THEN NULL
    ELSE coalesce(substring(value from
    '^\s*([+-]?(?:[0-9]{1,200}\.?[0-9]{0,200}|\.[0-9]{1,200})(?:[eE][+-]?[0-9]{1,2})?)'), '0')
    ::double precision END $$""",
    # A pattern of GLOB as a regular expression: * and ? and [letters].
    r"""CREATE OR REPLACE FUNCTION glob(pattern TEXT, value TEXT) RETURNS BOOLEAN
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT value ~ ('(?s)^' || replace(replace(
    regexp_replace(pattern, '([\\.+^$(){}|])', '\\\1', 'g'), '*', '.*'), '?', '.') || '$') $$""",
)


class PostgresqlDialect:
    """A ``Dialect``."""

    begin_read: tuple[str, ...] = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",)
    take_turn = "SELECT id FROM totals WHERE id = 1 FOR UPDATE"

    def __init__(self, *, schema: str = "public", transaction_mode: str = "Default") -> None:
        self._schema = schema
        self.begin_write: tuple[str, ...] = (
            f"BEGIN ISOLATION LEVEL {TRANSACTIONS[transaction_mode]} READ WRITE",
        )

    def translate(self, sql: str) -> str:
        """A statement of the operations, in PostgreSQL's words."""
        return _translate(sql)

    def script(self, text: str) -> list[str]:
        """The statements of a script in SQLite's words that makes or changes tables."""
        return translate_script(text, _Words(), _translate)

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""
        return f"{column} = ANY(?)", list(numbers)

    def preparation(self) -> list[str]:
        """The schema that the tables lie in, and functions that they need."""
        return [f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"', *FUNCTIONS]

    def try_lock(self, name: str) -> tuple[str, Sequence[Any]]:
        """Asks for a lock that the session keeps."""
        return f"SELECT pg_try_advisory_lock({self._key(name)})", ()

    def release(self, name: str) -> tuple[str, Sequence[Any]]:
        """Gives it back."""
        return f"SELECT pg_advisory_unlock({self._key(name)})", ()

    def end_holder(self, name: str) -> list[tuple[str, Sequence[Any]]]:
        """Ends the session that holds a lock."""
        key = self._key(name)
        sql = (
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND objsubid = 1 AND granted AND pid <> pg_backend_pid()"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
            " AND ((classid::bigint << 32) | objid::bigint) ="
        )
        return [(f"{sql} {key}", ())]

    def kept(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values as PostgreSQL keeps them: without NUL."""
        return without_nul(values)

    def last_number(self, table: str, column: str) -> str:
        """Asks for the last number that was given to a row of a table."""
        counter = f"pg_get_serial_sequence('{table}', '{column}')"
        return f"SELECT COALESCE(pg_sequence_last_value({counter}::regclass), 0)"

    def go_on_after(self, table: str, column: str, number: int) -> str:
        """Lets the next row get a number above ``number``."""
        counter = f"pg_get_serial_sequence('{table}', '{column}')"
        return f"SELECT setval({counter}, {max(number, 1)}, {number > 0})"

    def list_tables(self) -> str:
        """Asks for the names of the tables in the schema."""
        return "SELECT lower(tablename) FROM pg_tables WHERE schemaname = current_schema()"

    def _key(self, name: str) -> int:
        digest = hashlib.sha256(f"repertory/{self._schema}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


def _json(arguments: list[str]) -> str:
    document, path = arguments
    steps = ",".join(f'"{step}"' for step in json_path(path))
    return f"""(json_text({document}, '{{{steps}}}') COLLATE "C")"""


def _cast(arguments: list[str]) -> str:
    expression, _, kind = arguments[0].rpartition(" AS ")
    word = "leading_integer" if kind == "INTEGER" else "leading_real"
    return f"{word}({expression})"


def _time(arguments: list[str]) -> str:
    seconds = arguments[1].removeprefix("leading_integer")
    stamp = f"to_timestamp(trunc({seconds})) AT TIME ZONE 'UTC'"
    return f"""(to_char({stamp}, 'YYYYMMDD"T"HH24MISS') COLLATE "C")"""


_CALLS = {
    "json_extract": _json,
    "json_type": _json,  # which is asked whether there is something, and no more
    "CAST": _cast,
    "strftime": _time,
    "like": lambda arguments: "({1} ILIKE {0} ESCAPE {2})".format(*arguments),
    # Of numbers of eight bytes PostgreSQL makes one of any length.
    "SUM": lambda arguments: f"SUM({arguments[0]})::bigint",
}


@lru_cache(maxsize=2048)
def say(sql: str) -> str:
    """A statement in PostgreSQL's words, with ``?`` for values."""
    return rewrite_calls(sql, _CALLS)


@lru_cache(maxsize=2048)
def _translate(sql: str) -> str:
    return number_marks(say(sql))


class _Words:
    """``SchemaWords`` of PostgreSQL."""

    def table(self, table: Table) -> list[str]:
        parts = [self._column(column) for column in table.columns]
        if table.key:
            parts.append(f"PRIMARY KEY ({', '.join(table.key)})")
        return [f"CREATE TABLE {table.name} ({', '.join(parts)})"]

    def column(self, table: str, column: Column) -> list[str]:
        return [f"ALTER TABLE {table} ADD COLUMN {self._column(column)}"]

    def _column(self, column: Column) -> str:
        rest = column.rest.replace("AUTOINCREMENT", "GENERATED BY DEFAULT AS IDENTITY")
        return f"{column.name} {TYPES[column.type]} {rest}".rstrip()

    def index(self, index: Index) -> list[str]:
        columns = [each if each.isidentifier() else f"({each})" for each in index.columns]
        where = f" WHERE {index.where}" if index.where else ""
        unique = "UNIQUE " if index.is_unique else ""
        return [f"CREATE {unique}INDEX {index.name} ON {index.table} ({', '.join(columns)}){where}"]

    def drop_index(self, name: str) -> list[str]:
        return [f"DROP INDEX {name}"]

    def trigger(self, trigger: Trigger) -> list[str]:
        body = " ".join(f"{_translate(each)};" for each in trigger.statements)
        if trigger.when:
            body = f"IF {_translate(trigger.when)} THEN {body} END IF;"
        of = f" OF {trigger.column}" if trigger.column else ""
        made = f"CREATE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql AS"
        head = f"CREATE TRIGGER {trigger.name} AFTER {trigger.event}{of} ON {trigger.table}"
        return [
            f"{made} $$ BEGIN {body} RETURN NULL; END $$",
            f"{head} FOR EACH ROW EXECUTE FUNCTION {trigger.name}()",
        ]
