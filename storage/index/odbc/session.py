"""A session by ODBC."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import pyodbc

from repertory.storage.index.database import Row
from repertory.storage.index.mysql.tables import COLLATION
from repertory.storage.index.mysql.troubles import TROUBLES as OF_MYSQL
from repertory.storage.index.postgresql.troubles import TROUBLES as OF_POSTGRESQL
from repertory.storage.index.postgresql.troubles import without_nul
from repertory.storage.index.server.session import (
    LONGEST_PAUSE,
    SessionFailed,
    Statement,
    Trouble,
)

POSTGRESQL, MARIADB = "PostgreSQL", "MariaDB"

# What the drivers would otherwise change: ends of lines, and the length of texts.
_SETTINGS = {
    POSTGRESQL: "LFConversion=0;UseServerSidePrepare=0;ByteaAsLongVarBinary=1;BoolsAsChar=0;"
    "TextAsLongVarchar=1;UnknownSizes=2;Protocol=7.4-0",
    MARIADB: "CHARSET=utf8mb4",
}
_NUMBER = re.compile(r"\((\d+)\) \(SQL")
_HUNG_UP = ("server has gone away", "Lost connection", "Can't connect", "closed the connection")


def trouble_of(error: pyodbc.Error) -> SessionFailed:
    """What an error of ODBC means: by SQLSTATE, or by the server's own number for it."""
    code = str(error.args[0]) if error.args else ""
    said = str(error.args[1]) if len(error.args) > 1 else ""
    number = _NUMBER.search(said)
    trouble = OF_POSTGRESQL.get(code) or OF_POSTGRESQL.get(code[:2])
    if number is not None and int(number[1]) in OF_MYSQL and trouble in (None, Trouble.LOGIN):
        trouble = OF_MYSQL[int(number[1])]
    if "password" in said or "Access denied" in said:
        trouble = Trouble.LOGIN
    elif "does not exist" in said and "database" in said:
        trouble = Trouble.NO_DATABASE
    elif any(words in said for words in _HUNG_UP):
        trouble = Trouble.LOST
    return SessionFailed(trouble or Trouble.OTHER, code)


class OdbcSession:
    """A ``Session``."""

    defers: ClassVar[bool] = False

    def __init__(self, connection_string: str) -> None:
        """Connect."""
        try:
            self._connection = self._connect(connection_string)
            self._connection.add_output_converter(pyodbc.SQL_DECIMAL, int)
            self._connection.add_output_converter(pyodbc.SQL_NUMERIC, int)
            self._cursor = self._connection.cursor()
            if self.system == MARIADB:
                # Its driver loses its place in long texts of wide letters.
                for kind in (pyodbc.SQL_CHAR, pyodbc.SQL_WCHAR):
                    self._connection.setdecoding(kind, encoding="utf-8", ctype=pyodbc.SQL_CHAR)
                self._connection.setencoding(encoding="utf-8", ctype=pyodbc.SQL_CHAR)
                self._cursor.execute(f"SET collation_connection = {COLLATION}")
                self._cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")
                self._cursor.execute(f"SET idle_transaction_timeout = {LONGEST_PAUSE}")
            elif self.system == POSTGRESQL:
                pause = f"'{LONGEST_PAUSE}s'"
                self._cursor.execute(f"SET idle_in_transaction_session_timeout = {pause}")
        except pyodbc.Error as error:
            # Not its text: that may quote the connection string.
            raise trouble_of(error) from None
        self._first: list[str] = []

    def _connect(self, connection_string: str) -> pyodbc.Connection:
        options = {"autocommit": True, "timeout": 10}
        connection = pyodbc.connect(connection_string, **options)
        self.system = connection.getinfo(pyodbc.SQL_DBMS_NAME)
        if self.system not in _SETTINGS:
            return connection
        connection.close()
        return pyodbc.connect(f"{connection_string};{_SETTINGS[self.system]}", **options)

    def begin(self, *statements: str) -> None:
        """Begin a transaction, with what is asked first."""
        self._first = list(statements)

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""
        self._run([(sql, values)])
        count = int(self._cursor.rowcount)
        return min(count, 1) if " ON DUPLICATE KEY " in sql else count

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        self._run([(sql, row) for row in rows])

    def fetch(self, questions: Sequence[Statement]) -> list[list[Row]]:
        """The answers to some questions."""
        return [self._answer(*question) for question in questions]

    def _answer(self, sql: str, values: Sequence[Any]) -> list[Row]:
        self._run([(sql, values)])
        if self._cursor.description is None:
            return []
        try:
            return [tuple(row) for row in self._cursor.fetchall()]
        except pyodbc.Error as error:
            raise trouble_of(error) from error

    def finish(self, *statements: Statement) -> None:
        """Run statements, the last of which ends the transaction."""
        if self._first:
            self._first = []  # nothing was asked: there is no transaction
            return
        self._run(statements)

    def leave(self) -> None:
        """End a transaction that only read."""
        self.finish(("ROLLBACK", ()))

    def run_script(self, statements: Sequence[str]) -> None:
        """Run statements without values, in a transaction where the server can."""
        if self.system != POSTGRESQL:
            self._run([(sql, ()) for sql in statements])
            return
        try:
            self._run([(sql, ()) for sql in ("BEGIN", *statements, "COMMIT")])
        except SessionFailed:
            self._run([("ROLLBACK", ())])
            raise

    def close(self) -> None:
        """Hang up."""
        try:
            self._connection.close()
        except pyodbc.Error:
            return  # it is closed, or was lost

    def _run(self, statements: Sequence[Statement]) -> None:
        first, self._first = self._first, []
        try:
            for sql in first:
                self._cursor.execute(sql)
            for sql, values in statements:
                if values:
                    self._cursor.execute(sql, plain(values))
                else:
                    self._cursor.execute(sql)
        except pyodbc.ProgrammingError as error:
            if error.args[0] == "HY105":
                raise TypeError("A value is none that a database can hold.") from error
            raise trouble_of(error) from error
        except pyodbc.Error as error:
            raise trouble_of(error) from error


def plain(values: Sequence[Any]) -> list[Any]:
    """The same values, without the classes of ours that ODBC does not know."""
    return [_plain(value) for value in without_nul(values)]


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    return value
