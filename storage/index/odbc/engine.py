"""The index in PostgreSQL or MariaDB, by ODBC."""

from functools import partial
from typing import Unpack

from repertory.storage.index.odbc.dialects import OdbcMysqlDialect, OdbcPostgresqlDialect
from repertory.storage.index.odbc.session import MARIADB, POSTGRESQL, OdbcSession
from repertory.storage.index.server.connecting import Connector, Patience
from repertory.storage.index.server.engine import EngineWords, ServerEngine
from repertory.storage.index.server.session import Session


class OdbcEngine(ServerEngine):
    """An ``IndexEngine`` on what the driver of a connection string speaks to."""

    name = "Odbc"

    def __init__(
        self,
        connection_string: str,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        **words: Unpack[EngineWords],
    ) -> None:
        super().__init__(
            Connector(self.name, partial(OdbcSession, connection_string), patience),
            OdbcPostgresqlDialect(),
            **words,
        )

    def check(self, session: Session) -> None:
        """Find out whose words to use; ``CannotStart`` where they are not known."""
        assert isinstance(session, OdbcSession)  # noqa: S101 - for mypy
        if session.system == POSTGRESQL:
            schema = session.fetch([("SELECT current_schema()", ())])[0][0][0]
            if schema is None:
                raise self._connector.cannot("the user has no schema for tables in it")
            if session.fetch([("SHOW server_encoding", ())])[0][0][0] != "UTF8":
                raise self._connector.cannot("its encoding is not UTF8")
            self._dialect = OdbcPostgresqlDialect(schema=schema)
        elif session.system == MARIADB:
            database = session.fetch([("SELECT DATABASE()", ())])[0][0][0]
            if not database:
                raise self._connector.cannot("the connection string names no database")
            self._dialect = OdbcMysqlDialect(database=database)
        else:
            raise self._connector.cannot(f"it is {session.system}: PostgreSQL or MariaDB is needed")
