"""Indexes of every engine for the tests, each in a place of its own.

A server is the one that the environment names (``REPERTORY_TEST_POSTGRESQL``, a URI), or one that
is started for the tests, or one that answers on this machine without a password.
"""

import hashlib
import os
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import pymysql

from repertory.storage.index.base import IndexEngine
from repertory.storage.index.mysql.engine import MysqlEngine, MysqlOptions
from repertory.storage.index.postgresql.engine import PostgresqlEngine, PostgresqlOptions
from repertory.storage.index.server.connecting import Patience
from repertory.storage.index.sqlite.engine import SqliteEngine

AT_ONCE = Patience(tries=0, interval=0.01)
HERE = "postgresql://root@127.0.0.1:5432/test"


S = TypeVar("S")


class DatabaseMissing(Exception):
    """There is no such server to test with."""


class _Servers:
    """The servers that were looked for, and what was made on them."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._postgresql: str | None = None
        self._ours: set[str] = set()
        self._schemas: set[str] = set()
        self._mysql: MysqlOptions | None = None
        self._databases: set[str] = set()

    def mysql(self, name: str) -> MysqlOptions:
        if self._mysql is None:
            self._mysql = self._find_mysql()
        if name not in self._databases:
            self._run_on_mysql(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
            self._databases.add(name)
        return replace(self._mysql, database=name)

    def _find_mysql(self) -> MysqlOptions:
        from repertory.testing.mysql import MysqlServer  # noqa: PLC0415 - knows us

        try:
            found = self.keep(MysqlServer()).options()
        except DatabaseMissing:
            return MysqlOptions(host="127.0.0.1", username="root")
        self._ours.add("MySQL")
        return found

    def _run_on_mysql(self, sql: str) -> None:
        assert self._mysql is not None  # noqa: S101 - it was found
        parameters = self._mysql.parameters() | {"database": None}
        try:
            with pymysql.connect(**parameters) as connection:
                connection.cursor().execute(sql)
        except pymysql.MySQLError as error:
            self._mysql = None
            raise DatabaseMissing("There is no MariaDB server to test with.") from error

    def keep(self, server: AbstractContextManager[S]) -> S:
        """Start a server; it is stopped in the end."""
        return self._stack.enter_context(server)

    def postgresql(self, schema: str) -> PostgresqlOptions:
        if self._postgresql is None:
            self._postgresql = self._find_postgresql()
        self._schemas.add(schema)
        return PostgresqlOptions(uri=self._postgresql, schema=schema)

    def _find_postgresql(self) -> str:
        if named := os.environ.get("REPERTORY_TEST_POSTGRESQL"):
            return named
        from repertory.testing.postgresql import PostgresqlServer  # noqa: PLC0415 - knows us

        try:
            found = self.keep(PostgresqlServer()).uri
        except DatabaseMissing:
            pass  # but perhaps there is one
        else:
            self._ours.add("PostgreSQL")
            return found
        try:
            psycopg.connect(HERE, connect_timeout=3).close()
        except psycopg.Error as error:
            raise DatabaseMissing("There is no PostgreSQL server to test with.") from error
        return HERE

    def drop(self) -> None:
        """Leave nothing on a server that goes on; one of ours goes with all that it has."""
        if self._postgresql is not None and "PostgreSQL" not in self._ours:
            with psycopg.connect(self._postgresql, autocommit=True) as connection:
                for schema in self._schemas:
                    connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())
        if "MySQL" not in self._ours:
            for name in self._databases:
                self._run_on_mysql(f"DROP DATABASE IF EXISTS {name}")
        self._schemas.clear()
        self._databases.clear()
        self._ours.clear()
        self._postgresql = self._mysql = None
        self._stack.close()


_SERVERS = _Servers()


def postgresql_options(folder: Path) -> PostgresqlOptions:
    """A schema of its own for each folder.

    Raises:
        DatabaseMissing: there is no server.
    """
    return _SERVERS.postgresql(_name_of(folder))


def _name_of(folder: Path) -> str:
    return "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:24]


def make_engine(name: str, folder: Path, **options: Any) -> IndexEngine:
    """An engine whose index belongs to a folder: the same one for the same folder.

    Raises:
        DatabaseMissing: there is no server of that name.
    """
    if name == "PostgreSQL":
        return PostgresqlEngine(postgresql_options(folder), patience=AT_ONCE, **options)
    if name == "MySQL":
        return MysqlEngine(_SERVERS.mysql(_name_of(folder)), patience=AT_ONCE, **options)
    if name.startswith("Odbc"):
        return odbc_engine(name, folder, **options)
    return SqliteEngine(folder, synchronous="NORMAL", **options)


def odbc_engine(name: str, folder: Path, **options: Any) -> IndexEngine:
    """An engine by ODBC, on the server that the name ends with.

    Raises:
        DatabaseMissing: there is no such server, no driver for it, or no ODBC.
    """
    try:
        import pyodbc  # noqa: PLC0415 - needs libraries of the system
    except ImportError as error:
        raise DatabaseMissing("ODBC is not installed.") from error
    from repertory.storage.index.odbc.engine import OdbcEngine  # noqa: PLC0415 - the same

    driver = "PostgreSQL Unicode" if name.endswith("PostgreSQL") else "MariaDB Unicode"
    if driver not in pyodbc.drivers():
        raise DatabaseMissing(f"There is no driver named {driver}.")
    place = _name_of(folder)
    if name.endswith("PostgreSQL"):
        uri = _SERVERS.postgresql(place).uri
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{place}"'.encode())
            at = connection.info
            where = (
                f"Server={at.host};Port={at.port};Database={at.dbname};Uid={at.user};"
                f"Pwd={at.password};ConnSettings={{SET search_path TO {place}}}"
            )
    else:
        to = _SERVERS.mysql(place)
        where = (
            f"Server={to.host};Port={to.port};Database={place};Uid={to.username};Pwd={to.password}"
        )
    string = f"Driver={{{driver}}};{where}"
    return OdbcEngine(string, patience=AT_ONCE, **options)


def drop_indexes() -> None:
    """Remove what was made on servers, and stop those that were started."""
    _SERVERS.drop()
