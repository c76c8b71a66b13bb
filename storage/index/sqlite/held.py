"""A ``HeldIndex`` in a SQLite file."""

from collections.abc import Callable, Sequence
from typing import Any

from repertory.storage.index.sqlite.connection import SqliteDatabase

_LAST = "SELECT seq FROM sqlite_sequence WHERE name = ?"
_FORGET = "DELETE FROM sqlite_sequence WHERE name = ?"
_KEEP = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)"


class HeldSqliteIndex:
    """A ``HeldIndex``; ``let_go`` is called when it is closed."""

    engine = "SQLite"

    def __init__(self, db: SqliteDatabase, let_go: Callable[[], None]) -> None:
        self.db = db
        self._let_go = let_go

    def kept(self, values: Sequence[Any]) -> Sequence[Any]:
        """The same values: whatever Python has, SQLite keeps."""
        return values

    def last_number(self, table: str, column: str) -> int:  # noqa: ARG002 - a table has one
        """The last number that was given to a row."""
        row = self.db.one(_LAST, (table,))
        return 0 if row is None else int(row[0])

    def go_on_after(self, table: str, column: str, number: int) -> None:  # noqa: ARG002
        """Let the next row get a number above ``number``."""
        self.db.execute(_FORGET, (table,))
        self.db.execute(_KEEP, (table, number))

    def close(self) -> None:
        """Let go of the file and of its folder."""
        try:
            self.db.close()
        finally:
            self._let_go()
