"""A session with PostgreSQL, by psycopg."""

import contextlib
import select
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, LiteralString

import psycopg
from psycopg import pq
from psycopg.rows import tuple_row
from psycopg.types.bool import BoolDumper
from psycopg.types.numeric import Int8BinaryDumper

from repertory.storage.index.database import Row
from repertory.storage.index.postgresql.troubles import TROUBLES, without_nul
from repertory.storage.index.server.bulk import in_bulk
from repertory.storage.index.server.session import SessionFailed, Statement, Trouble

PREPARED = 400
"""Statements that a session keeps prepared: searches have many forms."""

PREPARED_AFTER = 2
"""How often a statement is asked before it is prepared."""

_WORDS = {
    "password authentication failed": Trouble.LOGIN,
    "no password supplied": Trouble.LOGIN,
    "no pg_hba.conf entry": Trouble.LOGIN,
    "too many clients": Trouble.BUSY,
    "remaining connection slots": Trouble.BUSY,
}
"""What libpq says where it gives no SQLSTATE: while it connects."""


class _BoolDumper(BoolDumper):
    oid = psycopg.adapters.types["int8"].oid

    def dump(self, obj: bool) -> bytes:
        return b"1" if obj else b"0"


def trouble_of(error: psycopg.Error, connection: "psycopg.Connection[Row] | None") -> SessionFailed:
    """What an error of psycopg means."""
    code = error.sqlstate or ""
    trouble = TROUBLES.get(code) or TROUBLES.get(code[:2])
    if trouble is None and not code:
        said = str(error)
        trouble = next((found for words, found in _WORDS.items() if words in said), None)
        if trouble is None and "does not exist" in said and "database" in said:
            trouble = Trouble.NO_DATABASE
    if trouble in (None, Trouble.OTHER) and (connection is None or connection.closed):
        trouble = Trouble.LOST
    return SessionFailed(trouble or Trouble.OTHER, code or type(error).__name__)


class PostgresqlSession:
    """A ``Session``.

    What begins a transaction is sent with the first thing that is asked in it, and several
    questions with one another: each of these is one way to the server and back. The end of a
    transaction that only read is not waited for at all. What has no answer waits until something
    is asked, or until the transaction ends.
    """

    defers: ClassVar[bool] = True

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect; ``parameters`` are libpq's."""
        try:
            self._connection: psycopg.Connection[Row] = psycopg.connect(
                **parameters,
                autocommit=True,
                row_factory=tuple_row,
                cursor_factory=psycopg.RawCursor,
            )
        except psycopg.Error as error:
            # Not its text: that may quote the options.
            raise trouble_of(error, None) from None
        connection = self._connection
        connection.prepare_threshold = PREPARED_AFTER
        connection.prepared_max = PREPARED
        connection.adapters.register_dumper(int, Int8BinaryDumper)
        connection.adapters.register_dumper(bool, _BoolDumper)
        self._cursor = connection.cursor(binary=True)
        self._first: list[str] = []
        self._waiting: list[tuple[str, list[Sequence[Any]]]] = []
        self._asked: dict[str, int] = {}
        self._is_leaving = False

    @property
    def version(self) -> int:
        """The version of the server, as libpq numbers it: 150_020 is 15.20."""
        return self._connection.info.server_version

    def begin(self, *statements: str) -> None:
        """Begin a transaction, with what is asked first."""
        self._first = list(statements)

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""
        return self._ask([(sql, values)])[0].rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values, with what is asked next."""
        if self._waiting and self._waiting[-1][0] == sql:
            self._waiting[-1][1].extend(rows)
        else:
            self._waiting.append((sql, list(rows)))

    def fetch(self, questions: Sequence[Statement]) -> list[list[Row]]:
        """The answers to some questions."""
        return [cursor.fetchall() for cursor in self._ask(questions)]

    def finish(self, *statements: Statement) -> None:
        """Run statements, the last of which ends the transaction."""
        if self._first and not self._waiting:
            # Nothing was asked: there is no transaction.
            self._first = []
            return
        if statements[-1][0] == "ROLLBACK":
            self._waiting = []
            if self._first:
                self._first = []
                return
        said = self._ask(statements)[-1].statusmessage
        # A transaction in which something failed is ended otherwise than was said.
        if said != statements[-1][0]:
            raise SessionFailed(Trouble.OTHER, said or "")

    def _ask(self, statements: Sequence[Statement]) -> list["psycopg.Cursor[Row]"]:
        """Send what waits and these statements at once; the answers to these."""
        self._settle()
        connection = self._connection
        first, self._first = self._first, []
        waiting, self._waiting = self._waiting, []
        try:
            if not first and not waiting and self._is_prepared(statements):
                self._cursor.execute(_said(statements[0][0]), without_nul(statements[0][1]))
                return [self._cursor]
            with connection.pipeline():
                for sql in first:
                    connection.execute(_said(sql), prepare=False)
                for one, rows in waiting:
                    for sql, values in in_bulk(one, rows):
                        self._cursor.execute(_said(sql), without_nul(values))
                return [
                    connection.execute(_said(sql), without_nul(values), binary=True)
                    for sql, values in statements
                ]
        except psycopg.Error as error:
            if isinstance(error, psycopg.ProgrammingError) and not error.sqlstate:
                raise TypeError("A value is none that a database can hold.") from error
            raise trouble_of(error, connection) from error

    def leave(self) -> None:
        """End a transaction that only read, without waiting for it."""
        if self._first:
            self._first = []
            return
        if self._connection.closed or self._is_leaving:
            return
        try:
            self._connection.pgconn.send_query(b"ROLLBACK")
            self._connection.pgconn.flush()
        except psycopg.Error as error:
            raise trouble_of(error, self._connection) from error
        self._is_leaving = True

    def run_script(self, statements: Sequence[str]) -> None:
        """Run statements without values, in a transaction of their own."""
        self._settle()
        try:
            with self._connection.pipeline():
                for sql in ("BEGIN", *statements, "COMMIT"):
                    self._connection.execute(_said(sql), prepare=False)
        except psycopg.Error as error:
            failed = trouble_of(error, self._connection)
            if not self._connection.closed:
                self._connection.execute("ROLLBACK")
            raise failed from error

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _is_prepared(self, statements: Sequence[Statement]) -> bool:
        """Whether it is one statement that is prepared: else that is another way there and back."""
        if len(statements) > 1:
            return False
        sql = statements[0][0]
        count = self._asked.get(sql, 0)
        if count > PREPARED_AFTER:
            return True
        if len(self._asked) > PREPARED:
            self._asked.clear()
        self._asked[sql] = count + 1
        return False

    def _settle(self) -> None:
        """Take in the answer to the end of the last transaction, which has come meanwhile."""
        if not self._is_leaving:
            return
        self._is_leaving = False
        pgconn = self._connection.pgconn
        with contextlib.suppress(psycopg.Error, OSError, ValueError):
            while pgconn.flush():
                select.select([], [pgconn.socket], [])
            if self._is_ended(pgconn):
                return
        self._connection.close()
        raise SessionFailed(Trouble.LOST)

    @staticmethod
    def _is_ended(pgconn: "pq.abc.PGconn") -> bool:
        while True:
            # To ask for a result that has not come would stop all threads until it comes.
            while pgconn.is_busy():
                select.select([pgconn.socket], [], [])
                pgconn.consume_input()
            result = pgconn.get_result()
            if result is None:
                return True
            if result.status != pq.ExecStatus.COMMAND_OK:
                return False


def _said(sql: str) -> LiteralString:
    """What psycopg wants to be told: that it is no text of users."""
    return sql
