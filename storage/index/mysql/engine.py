"""The index in MariaDB or MySQL."""

import ssl
from dataclasses import dataclass
from functools import partial
from typing import Any, Unpack

from repertory.storage.index.mysql.dialect import MysqlDialect
from repertory.storage.index.mysql.session import MysqlSession
from repertory.storage.index.server.connecting import Connector, Patience
from repertory.storage.index.server.engine import EngineWords, ServerEngine
from repertory.storage.index.server.session import Session


@dataclass(frozen=True, slots=True)
class MysqlOptions:
    """Where the server is, and how to speak to it (section ``MySQL``).

    ``unix_socket`` comes before host and port. ``authorities`` is a file of certificates.
    """

    host: str = "localhost"
    port: int = 3306
    unix_socket: str = ""
    database: str = ""
    username: str = ""
    password: str = ""
    ssl: bool = False
    verifies: bool = False
    authorities: str = ""

    def parameters(self) -> dict[str, Any]:
        """The options of PyMySQL."""
        found: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "database": self.database,
            "user": self.username,
            "password": self.password,
            "connect_timeout": 10,
        }
        if self.unix_socket:
            found["unix_socket"] = self.unix_socket
        if self.ssl:
            context = ssl.create_default_context(cafile=self.authorities or None)
            if not self.verifies:
                context.check_hostname = False
                context.verify_mode = ssl.CERT_NONE
            found["ssl"] = context
        return found


class MysqlEngine(ServerEngine):
    """An ``IndexEngine`` on MariaDB 10.6 or newer."""

    name = "MySQL"

    def __init__(
        self,
        options: MysqlOptions,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
        **words: Unpack[EngineWords],
    ) -> None:
        super().__init__(
            Connector(self.name, partial(MysqlSession, options.parameters()), patience),
            MysqlDialect(database=options.database),
            **words,
        )

    def check(self, session: Session) -> None:
        """Raise ``CannotStart`` for a server that is too old."""
        assert isinstance(session, MysqlSession)  # noqa: S101 - for mypy
        words = session.version.removeprefix("5.5.5-").split(".")
        if (int(words[0]), int(words[1])) < (10, 6) or "MariaDB" not in session.version:
            raise self._connector.cannot("it is not MariaDB 10.6 or newer")
