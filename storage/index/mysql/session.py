"""A session with MariaDB or MySQL, by PyMySQL."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, ClassVar

import pymysql
from pymysql.constants import CLIENT, FIELD_TYPE
from pymysql.converters import conversions

from repertory.storage.index.database import Row
from repertory.storage.index.mysql.tables import COLLATION
from repertory.storage.index.mysql.troubles import TROUBLES
from repertory.storage.index.server.session import (
    LONGEST_PAUSE,
    SessionFailed,
    Statement,
    Trouble,
)

_NUMBERS = {FIELD_TYPE.DECIMAL: int, FIELD_TYPE.NEWDECIMAL: int}


def trouble_of(error: Exception) -> SessionFailed:
    """What an error of PyMySQL means."""
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    if isinstance(error, pymysql.err.InterfaceError) or code >= 2000 or isinstance(error, OSError):
        return SessionFailed(Trouble.LOST, str(code))
    return SessionFailed(TROUBLES.get(code, Trouble.OTHER), str(code))


class MysqlSession:
    """A ``Session``. Several statements are sent at once, and their answers come at once."""

    defers: ClassVar[bool] = False

    def __init__(self, parameters: dict[str, Any]) -> None:
        """Connect; ``parameters`` are PyMySQL's."""
        try:
            self._connection = pymysql.connect(
                **parameters,
                charset="utf8mb4",
                collation=COLLATION,
                autocommit=True,
                client_flag=CLIENT.MULTI_STATEMENTS,
                conv=conversions | _NUMBERS,
                init_command=f"SET idle_transaction_timeout = {LONGEST_PAUSE}",
                sql_mode="STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION",
            )
        except (pymysql.MySQLError, OSError) as error:
            raise trouble_of(error) from None
        self._cursor = self._connection.cursor()
        self._first: list[str] = []

    @property
    def version(self) -> str:
        """What the server says of itself."""
        return str(self._connection.get_server_info())

    def begin(self, *statements: str) -> None:
        """Begin a transaction, with what is asked first."""
        self._first = list(statements)

    def execute(self, sql: str, values: Sequence[Any]) -> int:
        """Run a statement; how many rows it inserted, changed or deleted."""
        self._ask([(sql, values)])
        count = int(self._cursor.rowcount)
        # A row that was changed instead of inserted counts twice.
        return min(count, 1) if " ON DUPLICATE KEY " in sql else count

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        self._ask([])
        try:
            self._cursor.executemany(sql, [plain(row) for row in rows])
        except (pymysql.MySQLError, OSError) as error:
            raise trouble_of(error) from error

    def fetch(self, questions: Sequence[Statement]) -> list[list[Row]]:
        """The answers to some questions."""
        return self._ask(questions)

    def finish(self, *statements: Statement) -> None:
        """Run statements, the last of which ends the transaction."""
        if self._first:
            self._first = []  # nothing was asked: there is no transaction
            return
        self._ask(statements)

    def leave(self) -> None:
        """End a transaction that only read."""
        self.finish(("ROLLBACK", ()))

    def run_script(self, statements: Sequence[str]) -> None:
        """Run statements without values; each that makes a table is a transaction of its own."""
        for sql in statements:
            self._ask([(sql.replace("%", "%%"), ())])

    def close(self) -> None:
        """Hang up."""
        try:
            self._connection.close()
        except pymysql.MySQLError:
            return  # it is closed, or was lost

    def _ask(self, statements: Sequence[Statement]) -> list[list[Row]]:
        first, self._first = self._first, []
        cursor = self._cursor
        try:
            asked = first + [cursor.mogrify(sql, plain(values)) for sql, values in statements]
            if not asked:
                return []
            cursor.execute("; ".join(asked))
            answers = [list(cursor.fetchall())]
            while len(answers) < len(asked) and cursor.nextset():
                answers.append(list(cursor.fetchall()))
        except (pymysql.MySQLError, OSError) as error:
            raise trouble_of(error) from error
        return answers[len(first) :]


def plain(values: Sequence[Any]) -> list[Any]:
    """The same values, without the classes of ours that PyMySQL does not know."""
    return [_plain(value) for value in values]


def _plain(value: Any) -> Any:
    if value is None or type(value) in (int, str, bytes, float, tuple):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float | bytes | Decimal):
        return value
    raise TypeError("A value is none that a database can hold.")
