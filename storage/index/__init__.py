"""Databases that hold the index; ``ENGINES`` lists them by name."""

from collections.abc import Callable
from typing import Any

from repertory.storage.index.base import IndexEngine
from repertory.storage.index.sqlite.engine import SqliteEngine


def _postgresql(*parts: Any, **options: Any) -> IndexEngine:
    # The library that it needs is an extra.
    from repertory.storage.index.postgresql.engine import PostgresqlEngine  # noqa: PLC0415

    return PostgresqlEngine(*parts, **options)


def _mysql(*parts: Any, **options: Any) -> IndexEngine:
    from repertory.storage.index.mysql.engine import MysqlEngine  # noqa: PLC0415 - an extra

    return MysqlEngine(*parts, **options)


def _odbc(*parts: Any, **options: Any) -> IndexEngine:
    from repertory.storage.index.odbc.engine import OdbcEngine  # noqa: PLC0415 - an extra

    return OdbcEngine(*parts, **options)


ENGINES: dict[str, Callable[..., IndexEngine]] = {
    "SQLite": SqliteEngine,
    "PostgreSQL": _postgresql,
    "MySQL": _mysql,
    "Odbc": _odbc,
}
"""What makes an engine of that name: called with the index folder, or with where the server is and
how to speak to it, and the engine's keyword options."""
