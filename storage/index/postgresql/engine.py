"""The index in PostgreSQL."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ProgrammingError

from repertory.errors import CannotStart
from repertory.storage.index.postgresql.dialect import OLDEST, PostgresqlDialect
from repertory.storage.index.postgresql.session import PostgresqlSession
from repertory.storage.index.server.connecting import Connector, Patience
from repertory.storage.index.server.engine import EngineWords, ServerEngine
from repertory.storage.index.server.session import Session

# A server that says nothing any more is noticed after about half a minute.
_LIVELY = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "repertory",
}

# Nor does the server wait longer for us: whoever is cut off keeps nobody from writing. That a
# session does nothing in a transaction it does not notice where statements came by a pipeline.
_FORGETFUL = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"


@dataclass(frozen=True, slots=True)
class PostgresqlOptions:
    """Where the server is, and how to speak to it (section ``PostgreSQL``).

    ``uri`` is libpq's, and comes before the others. ``schema`` is the one the tables lie in.
    """

    uri: str = ""
    host: str = "localhost"
    port: int = 5432
    database: str = ""
    username: str = ""
    password: str = ""
    ssl: bool = False
    schema: str = "public"
    transaction_mode: str = "Default"

    def parameters(self) -> dict[str, Any]:
        """The options of libpq.

        Raises:
            CannotStart: the URI is none.
        """
        search = {"options": f'-c search_path="{self.schema}" {_FORGETFUL}'}
        if self.uri:
            try:
                return _LIVELY | conninfo_to_dict(self.uri) | search
            except ProgrammingError:
                # Its text quotes the URI, and the password with it.
                raise CannotStart(
                    "PostgreSQL.ConnectionUri is none that PostgreSQL understands."
                ) from None
        given: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.username,
            "password": self.password,
            "sslmode": "require" if self.ssl else "disable",
        }
        return _LIVELY | {name: it for name, it in given.items() if it != ""} | search


class PostgresqlEngine(ServerEngine):
    """An ``IndexEngine`` on PostgreSQL 13 or newer."""

    name = "PostgreSQL"

    def __init__(
        self,
        options: PostgresqlOptions,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        **words: Unpack[EngineWords],
    ) -> None:
        open_session = partial(PostgresqlSession, options.parameters())
        super().__init__(
            Connector(self.name, open_session, patience),
            PostgresqlDialect(schema=options.schema, transaction_mode=options.transaction_mode),
            **words,
        )

    def check(self, session: Session) -> None:
        """Raise ``CannotStart`` for a server that is too old, or a database of other letters."""
        assert isinstance(session, PostgresqlSession)  # noqa: S101 - for mypy
        if session.version < OLDEST:
            raise self._connector.cannot("it is older than PostgreSQL 13")
        if session.fetch([("SHOW server_encoding", ())])[0][0][0] != "UTF8":
            raise self._connector.cannot("its encoding is not UTF8")
