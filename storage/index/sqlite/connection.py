"""A connection to the SQLite file."""

import errno
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw
import orjson

from repertory.errors import ArchiveFull, IndexBusy, IndexFailed, RepertoryError
from repertory.storage.index.database import Question, Row
from repertory.storage.index.sqlite.log_copying import LogCopier

BUSY_TIMEOUT_MS = 5_000
"""How long to wait for a program, other than us, that looks into the file."""

WRITER_CACHE_KIB = 65_536
"""Every new instance goes to a random page of the index on public identifiers: with the pages of
a million of them in memory, the rate of ingest stays flat."""

SHARED_WRITER_CACHE_KIB = 16_384
"""The same where other processes read the index: what all of them together need counts then, and
what is not there the system has in memory."""

READER_CACHE_KIB = 8_192

ATTACHED_CACHE_KIB = 2_048
"""Where several processes read the index, each of which has several readers. What is not there
the system has in memory; and every commit of the writer makes them forget what they have."""

CHECKPOINT_PAGES = 8_000
"""How long the log grows before its pages go to the file: long enough that pages which change
with every group are written once, short enough that a start after a crash reads it at once."""

MANY = 256
"""Numbers from which on it is worth while to look for ranges of them."""

FEW = 4
"""Ranges at most: with more, SQLite may think that to read the whole table is quicker."""


def runs_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The first and the last of each range of numbers that follow one another."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def translated(error: apsw.Error, system_errno: int = 0) -> RepertoryError:
    """What an error of SQLite means to whoever asked."""
    # Some ways of a disk to be full come as errors of input and output.
    is_full = isinstance(error, apsw.IOError) and system_errno in (errno.ENOSPC, errno.EDQUOT)
    if is_full or isinstance(error, apsw.FullError):
        return ArchiveFull("There is no room left for the index.")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return IndexBusy()
    return IndexFailed()


class SqliteDatabase:
    """A ``Database`` on a file. ``synchronous`` is SQLite's, for connections that write.

    ``cache`` is how many KiB of pages are kept, where it is not as ever for one that reads or
    writes. ``copies_aside``: another thread copies the log to the file, rather than a commit.
    """

    def __init__(
        self,
        path: Path,
        *,
        readonly: bool,
        synchronous: str = "FULL",
        cache: int | None = None,
        copies_aside: bool = False,
    ) -> None:
        """Open the file, which exists.

        Raises:
            apsw.Error: it cannot be opened.
        """
        flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE
        self.connection = apsw.Connection(str(path), flags=flags, statementcachesize=256)
        try:
            usual = READER_CACHE_KIB if readonly else WRITER_CACHE_KIB
            self._configure(cache or usual, readonly, synchronous)
        except apsw.Error:
            self.connection.close()
            raise
        self._copier: LogCopier | None = None
        if copies_aside:
            self._copier = LogCopier(path, self.connection, pages=CHECKPOINT_PAGES)

    def _configure(self, cache: int, readonly: bool, synchronous: str) -> None:
        connection = self.connection
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        # Plans are made for a statement, whatever its values are. Otherwise SQLite compiles many of
        # ours anew for each value, which takes four times as long as to run them.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        connection.pragma("cache_size", -cache)
        connection.pragma("temp_store", "MEMORY")
        if not readonly:
            connection.pragma("synchronous", synchronous)
            connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            connection.pragma("journal_size_limit", CHECKPOINT_PAGES * 4096 * 2)

    def _translated(self, error: apsw.Error) -> RepertoryError:
        return translated(error, self.connection.system_errno)

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""
        try:
            self.connection.execute(sql, values)
        except apsw.Error as error:
            raise self._translated(error) from error
        return self.connection.changes()

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        try:
            self.connection.executemany(sql, rows)
        except apsw.Error as error:
            raise self._translated(error) from error

    def insert_new(self, sql: str, values: Sequence[Any]) -> bool:
        """Insert a row; whether it was not there."""
        return self.execute(sql, values) > 0

    def one(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """The first row of the answer."""
        # To the end, though one row is wanted: a statement left half-way keeps its snapshot.
        rows = self.all(sql, values)
        return rows[0] if rows else None

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The whole answer."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise self._translated(error) from error

    def gather(self, questions: Sequence[Question]) -> list[list[Row]]:
        """The answers to several questions."""
        return [
            [] if only_if and not self.all(only_if) else self.all(sql, values)
            for sql, values, only_if in questions
        ]

    def begin(self, *, is_repeatable: bool = False) -> bool:  # noqa: ARG002 - it never has to be
        """Begin a transaction that writes; nobody else writes until it ends, or did before."""
        self.execute("BEGIN IMMEDIATE")
        return False

    def begin_read(self) -> None:
        """Begin a transaction that sees one state until it ends."""
        self.execute("BEGIN")

    def begin_statement(self) -> None:
        """Begin nothing: each statement of SQLite sees one state, and ends with its last row."""

    def spill(self) -> None:
        """Write the pages that the transaction changed to the log; to commit is a last one then."""
        try:
            self.connection.cache_flush()
        except apsw.BusyError:  # a page is in use: it is written with the last one
            return
        except apsw.Error as error:
            raise self._translated(error) from error

    def commit(self) -> None:
        """End the transaction, and keep what it did."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """End the transaction, if there still is one, without a trace."""
        # Some errors, a full disk among them, have ended the transaction already.
        if self.connection.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        if self._copier is not None:
            self._copier.close()
            self._copier = None
        try:
            self.connection.close()
        except apsw.Error as error:
            raise self._translated(error) from error

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""
        if len(numbers) == 1:
            return f"{column} = ?", numbers[0]
        return (
            f"{column} IN (SELECT value FROM json_each(?))",  # noqa: S608 - our own names
            orjson.dumps(numbers).decode(),
        )

    def throughout(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The same of very many numbers that mostly follow one another; an index is on it.

        To unpack a list takes longer than to find what is in it. The numbers are our own; all but
        the last are in the statement itself.
        """
        if len(numbers) < MANY:
            return self.among(column, numbers)
        runs = runs_of(numbers)
        if len(runs) > FEW:
            return self.among(column, numbers)
        *others, (first, last) = runs
        ranges = [f"{column} BETWEEN {begin} AND {end}" for begin, end in others]
        return f"({' OR '.join([*ranges, f'{column} BETWEEN {first} AND ?'])})", last

    def schema_version(self) -> int:
        """The version of the schema."""
        rows = self.all("PRAGMA user_version")
        return int(rows[0][0])
