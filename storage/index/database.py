"""What the index's operations ask of a database: to run SQL, and a few words of its dialect.

The statements in ``operations/`` are written once, with ``?`` for values, and in SQL that
SQLite, PostgreSQL and MariaDB share as far as it costs nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Protocol

Row = tuple[Any, ...]


class Question(NamedTuple):
    """A statement that reads.

    Where ``only_if``, a statement without values, finds nothing, there is nothing to be found: a
    database that is near may ask that first, to hand over no long list in vain.
    """

    sql: str
    values: Sequence[Any] = ()
    only_if: str = ""


class Database(Protocol):
    """A connection, for one thread.

    Raises (all methods):
        IndexFailed: the statement failed.
        IndexBusy: another program holds the database; nothing was done.
        ArchiveFull: the disk is full.
    """

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values.

        A database that is far away may do it together with what it is asked next.
        """

    def insert_new(self, sql: str, values: Sequence[Any]) -> bool:
        """Insert a row that is hardly there yet; whether it was not.

        ``sql`` ends with ``ON CONFLICT … DO NOTHING``. In a transaction that is repeatable, a
        database that is far away may say yes at once and be ``IndexBusy`` in the end, if that was
        wrong: when all is done again, it looks.
        """

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of the answer."""

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The whole answer."""

    def gather(self, questions: Sequence[Question]) -> list[list[Row]]:
        """The answers to several questions, asked at once where the database is far away."""

    def begin(self, *, is_repeatable: bool = False) -> bool:
        """Begin a transaction that writes.

        Args:
            is_repeatable: whether the caller makes all of it anew where it ends as ``IndexBusy``.

        Returns:
            Whether what was read before may be true no more: others may have written since.
        """

    def begin_read(self) -> None:
        """Begin a transaction that sees one state until it ends."""

    def begin_statement(self) -> None:
        """The same for one statement; ``rollback`` ends it."""

    def spill(self) -> None:
        """Write what the transaction did where it will be kept, as far as a database can."""

    def commit(self) -> None:
        """End the transaction, and keep what it did."""

    def rollback(self) -> None:
        """End the transaction, if there still is one, without a trace."""

    def close(self) -> None:
        """Let go of the database."""

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the one value for its ``?``."""

    def throughout(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The same of very many numbers that mostly follow one another; an index is on it."""

    def schema_version(self) -> int:
        """The version of the schema."""
