"""A ``HeldIndex`` in a database server."""

from collections.abc import Sequence
from typing import Any

from repertory.storage.index.server.database import ServerDatabase
from repertory.storage.index.server.dialect import Dialect


class HeldServerIndex:
    """A ``HeldIndex``: ``db`` has the claim of a writer that is alone."""

    def __init__(self, engine: str, db: ServerDatabase, dialect: Dialect) -> None:
        self.engine = engine
        self.db = db
        self._dialect = dialect

    def kept(self, values: Sequence[Any]) -> Sequence[Any]:
        """The values as the server keeps them."""
        return self._dialect.kept(values)

    def last_number(self, table: str, column: str) -> int:
        """The last number that the server gave to a row."""
        row = self.db.one(self._dialect.last_number(table, column))
        return 0 if row is None else int(row[0])

    def go_on_after(self, table: str, column: str, number: int) -> None:
        """Let the next row get a number above ``number``."""
        self.db.execute(self._dialect.go_on_after(table, column, number))

    def close(self) -> None:
        """Hang up."""
        self.db.close()
