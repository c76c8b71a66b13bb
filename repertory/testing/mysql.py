"""A MariaDB server of a test's own, which it may stop, kill and spoil."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pymysql

from repertory.storage.index.mysql.engine import MysqlOptions
from repertory.testing.databases import DatabaseMissing
from repertory.testing.server import until

PATIENCE = 60


_HASTY = (
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-file-per-table=0",
    "--sync-frm=0",
)


class MysqlServer:
    """A server with one user, ``archivist``, who has a password; it is removed in the end.

    Unless ``is_durable``, it does not wait for the disk.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        """Make its files.

        Raises:
            DatabaseMissing: MariaDB is not installed.
        """
        install = shutil.which("mariadb-install-db")
        self._program = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin")
        if install is None or self._program is None:
            raise DatabaseMissing("MariaDB is not installed.")
        self.password = secrets.token_hex(12)
        self.folder = Path(tempfile.mkdtemp(prefix="repertory-mariadb-"))
        # In a folder that they share, servers clear away each other's temporary tables.
        (self.folder / "tmp").mkdir()
        self._environment = {**os.environ, "TMPDIR": str(self.folder / "tmp")}
        self._is_durable = is_durable
        self._process: subprocess.Popen[bytes] | None = None
        with (self.folder / "output").open("ab") as output:
            subprocess.run(  # noqa: S603 - our own words
                [
                    install,
                    "--no-defaults",
                    f"--user={getpass.getuser()}",
                    f"--datadir={self.folder / 'data'}",
                    "--skip-test-db",
                    "--auth-root-authentication-method=normal",
                ],
                check=True,
                timeout=PATIENCE,
                env=self._environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        (self.folder / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS archivist@'%' IDENTIFIED BY '{self.password}';\n"
            "GRANT ALL ON *.* TO archivist@'%';\nCREATE DATABASE IF NOT EXISTS archive;\n"
        )

    def start(self) -> None:
        """Start it, and wait until it serves."""
        with (self.folder / "output").open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [
                    str(self._program),
                    "--no-defaults",
                    f"--user={getpass.getuser()}",
                    f"--datadir={self.folder / 'data'}",
                    f"--socket={self.folder / 'socket'}",
                    f"--pid-file={self.folder / 'pid'}",
                    f"--port={self.port}",
                    "--bind-address=127.0.0.1",
                    f"--init-file={self.folder / 'init.sql'}",
                    "--innodb-buffer-pool-size=64M",
                    *([] if self._is_durable else _HASTY),
                ],
                env=self._environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
            )
        until(self._answers, patience=PATIENCE)

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except pymysql.MySQLError:
            return False
        return True

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def ensure(self) -> None:
        """Start it unless it runs."""
        if not self.is_up:
            self.start()

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` hangs up politely, ``immediate`` is a crash."""
        if self._process is not None:
            if mode == "fast":
                self._process.terminate()
            else:
                self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def options(self, *, port: int = 0, **others: Any) -> MysqlOptions:
        """How to reach it, by itself or through a proxy."""
        where: dict[str, Any] = {"host": "127.0.0.1", "database": "archive"}
        where |= {"username": "archivist", "password": self.password}
        return MysqlOptions(port=port or self.port, **where | others)

    def run(self, *statements: str) -> None:
        """Run statements in it."""
        for sql in statements:
            self.ask(sql)

    def empty(self) -> None:
        """Make the database anew, with nothing in it."""
        for sql in ("DROP DATABASE IF EXISTS archive", "CREATE DATABASE archive"):
            self.ask(sql, database="mysql")

    def ask(self, sql: str, *, database: str = "archive") -> list[tuple[Any, ...]]:
        """The answer to one."""
        parameters = self.options(database=database).parameters()
        with pymysql.connect(**parameters, autocommit=True) as connection:
            cursor = connection.cursor()
            cursor.execute(sql)
            return list(cursor.fetchall())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
