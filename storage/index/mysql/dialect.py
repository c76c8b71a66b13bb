"""The words of MariaDB and MySQL."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from repertory.storage.index.mysql.tables import COLLATION, MysqlWords
from repertory.storage.index.server.rewriting import rewrite_calls, split_list
from repertory.storage.index.server.tables import translate_script

_SPECIAL = "\\.+^$(){}|"
"""Letters that say something else in a regular expression than in a pattern of GLOB."""

_KEY = re.compile(r"\bkey\b")
_CONFLICT = re.compile(
    r"^(INSERT INTO (\w+) \((\w+).*?) ON CONFLICT(?: \([^)]*\))? DO (?:NOTHING|UPDATE SET (.*?))"
    r"(?: WHERE ([^()]*))?$",
    re.DOTALL,
)
_ORDER = re.compile(r"^(.* ORDER BY )(.*NULLS LAST.*)( LIMIT .*)$", re.DOTALL)


class MysqlDialect:
    """A ``Dialect``. ``collation`` compares text letter by letter, blanks at the end too."""

    begin_read: tuple[str, ...] = ("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",)
    begin_write: tuple[str, ...] = ("START TRANSACTION READ WRITE",)
    take_turn = "SELECT id FROM totals WHERE id = 1 FOR UPDATE"

    def __init__(self, *, database: str, mark: str = "%s") -> None:
        self._database = database
        self._mark = mark

    def translate(self, sql: str) -> str:
        """A statement of the operations, in MariaDB's words."""
        return _translate(sql, self._mark)

    def script(self, text: str) -> list[str]:
        """The statements of a script in SQLite's words that makes or changes tables."""
        return translate_script(text, MysqlWords(_say), _say)

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""
        return f"{column} IN ?", tuple(numbers) or (None,)

    def preparation(self) -> list[str]:
        """Nothing: all that the tables need is there."""
        return []

    def try_lock(self, name: str) -> tuple[str, Sequence[Any]]:
        """Asks for a lock that the session keeps."""
        return f"SELECT GET_LOCK('{self._key(name)}', 0)", ()

    def release(self, name: str) -> tuple[str, Sequence[Any]]:
        """Asks to give it back."""
        return f"SELECT RELEASE_LOCK('{self._key(name)}')", ()

    def end_holder(self, name: str) -> list[tuple[str, Sequence[Any]]]:
        """Ends the session that holds a lock."""
        kill = f"CONCAT('KILL ', IS_USED_LOCK('{self._key(name)}'))"
        return [
            (f"SET @ending = COALESCE({kill}, 'DO 0')", ()),
            ("PREPARE ending FROM @ending", ()),
            ("EXECUTE ending", ()),
            ("DEALLOCATE PREPARE ending", ()),
        ]

    def kept(self, values: Sequence[Any]) -> Sequence[Any]:
        """The same values."""
        return values

    def last_number(self, table: str, column: str) -> str:  # noqa: ARG002 - a table has one
        """Asks for the last number that was given to a row of a table."""
        return (
            "SELECT COALESCE(auto_increment, 1) - 1 FROM information_schema.tables"  # noqa: S608
            f" WHERE table_schema = DATABASE() AND table_name = '{table}'"
        )

    def go_on_after(self, table: str, column: str, number: int) -> str:  # noqa: ARG002
        """Lets the next row get a number above ``number``."""
        return f"ALTER TABLE {table} AUTO_INCREMENT = {number + 1}"

    def list_tables(self) -> str:
        """Asks for the names of the tables in the database."""
        return (
            "SELECT LOWER(table_name) FROM information_schema.tables"
            " WHERE table_schema = DATABASE()"
        )

    def _key(self, name: str) -> str:
        # Names of locks are the server's, not the database's, and are short.
        digest = hashlib.sha256(f"{self._database}/{name}".encode()).hexdigest()
        return f"repertory/{digest[:40]}"


def _glob(arguments: list[str]) -> str:
    pattern, value = arguments
    for letter in _SPECIAL:
        twice = letter * 2 if letter == "\\" else letter
        pattern = f"REPLACE({pattern}, '{twice}', '\\\\{twice}')"
    pattern = f"REPLACE(REPLACE({pattern}, '*', '.*'), '?', '.')"
    return f"({value} REGEXP CONCAT('(?s)^', {pattern}, '\\\\z'))"


def _cast(arguments: list[str]) -> str:
    expression, _, kind = arguments[0].rpartition(" AS ")
    return f"CAST({expression} AS {'SIGNED' if kind == 'INTEGER' else 'DOUBLE'})"


def _time(arguments: list[str]) -> str:
    seconds = arguments[1].removeprefix("CAST(").removesuffix(" AS SIGNED)")
    moment = f"DATE_ADD('1970-01-01', INTERVAL FLOOR({seconds}) SECOND)"
    return f"DATE_FORMAT({moment}, '%Y%m%dT%H%i%S')"


def _like(arguments: list[str]) -> str:
    return "(LOWER({1}) LIKE LOWER({0}) ESCAPE {2})".format(*arguments)


_CALLS = {
    "json_extract": lambda it: (
        f"(JSON_UNQUOTE(JSON_EXTRACT({it[0]}, {it[1]})) COLLATE {COLLATION})"
    ),
    "json_type": lambda it: f"JSON_TYPE(JSON_EXTRACT({it[0]}, {it[1]}))",
    "CAST": _cast,
    "strftime": _time,
    "like": _like,
    "glob": _glob,
}


def _upsert(sql: str) -> str:
    """``ON CONFLICT`` as ``ON DUPLICATE KEY``, which has no condition: each value has it."""
    found = _CONFLICT.match(sql)
    if found is None:
        return sql
    insert, table, first, changes, condition = found.groups()
    if changes is None:
        return f"{insert} ON DUPLICATE KEY UPDATE {first} = {table}.{first}"
    parts = []
    for change in split_list(changes):
        column, _, value = change.partition(" = ")
        new = f"IF({condition}, {value}, {table}.{column})" if condition else value
        parts.append(f"{column} = {new}")
    text = f"{insert} ON DUPLICATE KEY UPDATE {', '.join(parts)}"
    return re.sub(r"\bexcluded\.(\w+)", r"VALUES(\1)", text)


def _ordered(sql: str) -> str:
    """``NULLS LAST`` in other words."""
    found = _ORDER.match(sql)
    if found is None:
        return sql
    keys = []
    for key in split_list(found[2]):
        if key.endswith(" NULLS LAST"):
            plain = key.removesuffix(" NULLS LAST")
            keys.append(f"({plain.rpartition(' ')[0]}) IS NULL")
            keys.append(plain)
        else:
            keys.append(key)
    return f"{found[1]}{', '.join(keys)}{found[3]}"


def _say(sql: str) -> str:
    return _KEY.sub("`key`", rewrite_calls(_ordered(_upsert(sql)), _CALLS))


@lru_cache(maxsize=2048)
def _translate(sql: str, mark: str) -> str:
    parts = re.split(r"('(?:[^']|'')*')", _say(sql))
    if mark == "%s":
        parts = [part.replace("%", "%%") for part in parts]
    parts[::2] = [part.replace("?", mark) for part in parts[::2]]
    return "".join(parts)
