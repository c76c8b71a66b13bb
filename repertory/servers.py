"""The index in a database server, made as the settings have it."""

from typing import Any

from repertory.conf.databases import (
    DatabaseSettings,
    MysqlSettings,
    OdbcSettings,
    PostgresqlSettings,
)
from repertory.errors import CannotStart
from repertory.storage.index.base import IndexEngine
from repertory.storage.index.server.connecting import Patience


def server_engine(name: str, section: DatabaseSettings, **options: Any) -> IndexEngine:
    """The engine of a section.

    Args:
        name: the name of the section.
        section: its options.
        options: those that every engine has.

    Raises:
        CannotStart: what is needed to speak to the server is not installed, or an option is
            nothing that it understands.
    """
    options |= {
        "patience": Patience(
            tries=section.maximum_connection_retries, interval=section.connection_retry_interval
        ),
        "is_shared": not section.lock,
        "is_verbose": section.enable_verbose_logs,
    }
    try:
        if isinstance(section, PostgresqlSettings):
            return _postgresql(section, options)
        if isinstance(section, MysqlSettings):
            return _mysql(section, options)
        return _odbc(section, options)
    except ImportError as error:
        raise CannotStart(
            f"To keep the index in {name}, install repertory[{name.lower()}]."
        ) from error


def _postgresql(section: PostgresqlSettings, options: dict[str, Any]) -> IndexEngine:
    # The library that it needs is an extra.
    from repertory.storage.index.postgresql.engine import (  # noqa: PLC0415
        PostgresqlEngine,
        PostgresqlOptions,
    )

    where = PostgresqlOptions(
        uri=section.connection_uri,
        host=section.host,
        port=section.port,
        database=section.database,
        username=section.username,
        password=section.password,
        ssl=section.enable_ssl,
        schema=section.schema,
        transaction_mode=section.transaction_mode,
    )
    return PostgresqlEngine(where, **options)


def _mysql(section: MysqlSettings, options: dict[str, Any]) -> IndexEngine:
    from repertory.storage.index.mysql.engine import MysqlEngine, MysqlOptions  # noqa: PLC0415

    where = MysqlOptions(
        host=section.host,
        port=section.port,
        unix_socket=section.unix_socket,
        database=section.database,
        username=section.username,
        password=section.password,
        ssl=section.enable_ssl,
        verifies=section.ssl_verify_server_certificates,
        authorities=section.ssl_ca_certificates,
    )
    return MysqlEngine(where, **options)


def _odbc(section: OdbcSettings, options: dict[str, Any]) -> IndexEngine:
    from repertory.storage.index.odbc.engine import OdbcEngine  # noqa: PLC0415 - an extra

    return OdbcEngine(section.index_connection_string, **options)
