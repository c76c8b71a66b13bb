"""A PostgreSQL server of a test's own, which it may stop, kill and spoil."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from repertory.storage.index.postgresql.engine import PostgresqlOptions
from repertory.testing.databases import DatabaseMissing

_HOMES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")
PATIENCE = 60


def _programs() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    for home in _HOMES:
        folders = sorted(Path("/").glob(home.lstrip("/")))
        if folders:
            return folders[-1]
    raise DatabaseMissing("PostgreSQL is not installed.")


class PostgresqlServer:
    """A server with one user, ``postgres``, who has a password; it is removed in the end.

    Unless ``is_durable``, it does not wait for the disk: what it was told survives its own crash,
    and a power cut not.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        """Make its files.

        Raises:
            DatabaseMissing: PostgreSQL is not installed, or cannot be run here.
        """
        self._programs = _programs()
        self._is_durable = is_durable
        self.password = secrets.token_hex(12)
        self.folder = Path(tempfile.mkdtemp(prefix="repertory-postgresql-"))
        # It refuses to run as root.
        self._as: list[str] = []
        if os.geteuid() == 0:
            try:
                user = pwd.getpwnam("postgres")
            except KeyError as error:
                raise DatabaseMissing("There is no user to run PostgreSQL as.") from error
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = ["runuser", "-u", "postgres", "--"]
        self.data = self.folder / "data"
        secret = self.folder / "password"
        secret.write_text(self.password)
        secret.chmod(0o644)
        self._run("initdb", "-D", str(self.data), "-A", "scram-sha-256", "-U", "postgres",
                  "-E", "UTF8", "--locale=C", f"--pwfile={secret}", "--no-sync")  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as, str(self._programs / program), *arguments]
        with (self.folder / "output").open("ab") as output:
            subprocess.run(  # noqa: S603 - our own words
                command,
                check=True,
                timeout=PATIENCE,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=self.folder,
            )

    def start(self) -> None:
        """Start it, and wait until it serves."""
        options = (
            f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c max_connections=80"
            f" -c fsync={'on' if self._is_durable else 'off'} -c shared_buffers=64MB"
        )
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"),
                  "-o", options, "start")  # fmt: skip

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` hangs up politely, ``immediate`` crashes."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    @property
    def uri(self) -> str:
        """Where it is, and how to be let in."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    @property
    def is_up(self) -> bool:
        """Whether it runs."""
        return (self.data / "postmaster.pid").exists()

    def ensure(self) -> None:
        """Start it unless it runs."""
        if not self.is_up:
            self.start()

    def become_standby(self) -> None:
        """Restart as a copy of a server that is not there, which can only be read."""
        self.stop()
        (self.data / "standby.signal").touch()
        self.start()

    def become_primary(self) -> None:
        """Take changes again."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "promote")

    def run(self, *statements: str) -> None:
        """Run statements in it."""
        with self._connect() as connection:
            for sql in statements:
                connection.execute(sql.encode())

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The answer to one."""
        with self._connect() as connection:
            return connection.execute(sql.encode()).fetchall()

    def _connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname="postgres",
            autocommit=True,
        )

    def options(self, *, port: int = 0, **others: Any) -> PostgresqlOptions:
        """How to reach it, by itself or through a proxy."""
        where = {
            "host": "127.0.0.1",
            "database": "postgres",
            "username": "postgres",
            "password": self.password,
        }
        return PostgresqlOptions(port=port or self.port, **where | others)

    def written(self, **options: Any) -> dict[str, Any]:
        """The section of a configuration file; ``options`` by the names that they have there."""
        found = self.options()
        return {
            "EnableIndex": True,
            "Host": found.host,
            "Port": found.port,
            "Database": found.database,
            "Username": found.username,
            "Password": found.password,
            **options,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self.is_up:
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)
