"""The words of PostgreSQL and MariaDB as ODBC takes them: with ``?``, and no lists as values."""

from collections.abc import Sequence
from typing import Any

import orjson

from repertory.storage.index.mysql.dialect import MysqlDialect
from repertory.storage.index.postgresql.dialect import FUNCTIONS, PostgresqlDialect, say


class OdbcPostgresqlDialect(PostgresqlDialect):
    """PostgreSQL by ODBC; the schema is the first one of the user's search path."""

    def translate(self, sql: str) -> str:
        """A statement of the operations, in PostgreSQL's words."""
        return say(sql)

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""
        elements = "json_array_elements_text(?::json) AS them (one)"
        return (
            f"{column} IN (SELECT one::bigint FROM {elements})",  # noqa: S608 - our own names
            orjson.dumps(list(numbers)).decode(),
        )

    def preparation(self) -> list[str]:
        """Functions that the tables need."""
        return list(FUNCTIONS)


class OdbcMysqlDialect(MysqlDialect):
    """MariaDB by ODBC."""

    def __init__(self, *, database: str) -> None:
        super().__init__(database=database, mark="?")

    def among(self, column: str, numbers: Sequence[int]) -> tuple[str, Any]:
        """The condition that ``column`` is one of ``numbers``, and the value for its ``?``."""
        elements = "JSON_TABLE(?, '$[*]' COLUMNS (one BIGINT PATH '$')) AS them"
        return (
            f"{column} IN (SELECT one FROM {elements})",  # noqa: S608 - our own names
            orjson.dumps(list(numbers)).decode(),
        )
