"""The sections of the database servers that can hold the index."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from repertory.conf.fields import not_negative, one_of, positive, section, setting

if TYPE_CHECKING:
    from repertory.conf.settings import Settings

_INDEX = "Whether the index is in that database, and not in the IndexDirectory."
_STORAGE = "Must be false: files are kept in folders and object stores, never in a database."
_LOCK = (
    "Whether one server alone may use the index; false: the nodes of one archive share it, and"
    " must share the files, too."
)
_RETRIES = "How often to try again to connect when the server starts."
_INTERVAL = "Seconds between these attempts."
_READERS = "How many connections answer queries; without it, IndexReaders."
_VERBOSE = "Whether every statement is logged (without values), and how long it took."


def _port(value: int) -> str | None:
    return None if 0 < value < 65_536 else "must be from 1 to 65535"


def _schema(value: str) -> str | None:
    good = value.isascii() and value.isidentifier() and len(value) < 64
    return None if good else "must be a name of up to 63 letters, digits and underscores"


@section("PostgreSQL")
class PostgresqlSettings:
    """The index in PostgreSQL 13 or newer."""

    enable_index: bool = setting(default=False, meaning=_INDEX)
    enable_storage: bool = setting(default=False, meaning=_STORAGE)
    connection_uri: str = setting(
        default="",
        meaning="Where the database is, as PostgreSQL writes it; then the next six do not count.",
        secret=True,
    )
    host: str = setting(default="localhost", meaning="The name or address of the server.")
    port: int = setting(default=5432, meaning="Its port.", check=_port)
    database: str = setting(default="orthanc", meaning="The database; it has to be there.")
    username: str = setting(default="orthanc", meaning="The user of the database.")
    password: str = setting(default="", meaning="The user's password.", secret=True)
    enable_ssl: bool = setting(default=False, meaning="Whether the connection has to be encrypted.")
    schema: str = setting(
        default="public", meaning="The schema that the tables lie in.", check=_schema
    )
    lock: bool = setting(default=True, meaning=_LOCK)
    transaction_mode: str = setting(
        default="Default",
        meaning=(
            "How transactions that write are kept apart: Default and ReadCommitted, which is"
            " enough, RepeatableRead or Serializable."
        ),
        check=one_of("Default", "ReadCommitted", "RepeatableRead", "Serializable"),
    )
    index_connections_count: int | None = setting(default=None, meaning=_READERS, check=positive)
    maximum_connection_retries: int = setting(default=10, meaning=_RETRIES, check=not_negative)
    connection_retry_interval: float = setting(default=5, meaning=_INTERVAL, check=not_negative)
    enable_verbose_logs: bool = setting(default=False, meaning=_VERBOSE)


@section("MySQL")
class MysqlSettings:
    """The index in MariaDB 10.6 or newer."""

    enable_index: bool = setting(default=False, meaning=_INDEX)
    enable_storage: bool = setting(default=False, meaning=_STORAGE)
    host: str = setting(default="localhost", meaning="The name or address of the server.")
    port: int = setting(default=3306, meaning="Its port.", check=_port)
    unix_socket: str = setting(
        default="", meaning="The socket of a server on this computer, instead of host and port."
    )
    database: str = setting(default="orthanc", meaning="The database; it has to be there.")
    username: str = setting(default="orthanc", meaning="The user of the database.")
    password: str = setting(default="", meaning="The user's password.", secret=True)
    enable_ssl: bool = setting(default=False, meaning="Whether the connection is encrypted.")
    ssl_verify_server_certificates: bool = setting(
        default=True, meaning="Whether the server has to show a certificate that is trusted."
    )
    ssl_ca_certificates: str = setting(
        default="",
        meaning="The file of those who are trusted; without one, those of the computer.",
        name="SslCACertificates",
        path=True,
    )
    lock: bool = setting(default=True, meaning=_LOCK)
    index_connections_count: int | None = setting(default=None, meaning=_READERS, check=positive)
    maximum_connection_retries: int = setting(default=10, meaning=_RETRIES, check=not_negative)
    connection_retry_interval: float = setting(default=5, meaning=_INTERVAL, check=not_negative)
    enable_verbose_logs: bool = setting(default=False, meaning=_VERBOSE, ours=True)


@section("Odbc")
class OdbcSettings:
    """The index in PostgreSQL or MariaDB, by a driver of ODBC."""

    enable_index: bool = setting(default=False, meaning=_INDEX)
    enable_storage: bool = setting(default=False, meaning=_STORAGE)
    index_connection_string: str = setting(
        default="",
        meaning="Where the database is, as ODBC writes it: Driver={...};Server=...;Database=...",
        secret=True,
    )
    lock: bool = setting(default=True, meaning=_LOCK, ours=True)
    index_connections_count: int | None = setting(default=None, meaning=_READERS, check=positive)
    maximum_connection_retries: int = setting(default=10, meaning=_RETRIES, check=not_negative)
    connection_retry_interval: float = setting(default=5, meaning=_INTERVAL, check=not_negative)
    enable_verbose_logs: bool = setting(default=False, meaning=_VERBOSE, ours=True)


DatabaseSettings = PostgresqlSettings | MysqlSettings | OdbcSettings


def database_of(settings: "Settings") -> tuple[str, DatabaseSettings] | None:
    """The section of the database server that has the index, with its name, if one has."""
    for name, part in databases_in(settings).items():
        if part is not None and part.enable_index:
            return name, part
    return None


def index_readers_of(settings: "Settings") -> int:
    """How many actors answer queries of the index."""
    database = database_of(settings)
    count = database[1].index_connections_count if database else None
    return settings.index_readers if count is None else count


def faults_of(settings: "Settings") -> Iterator[tuple[str, str]]:
    """Why the archive must not start: an option, and the rest of the sentence."""
    enabled = []
    for name, part in databases_in(settings).items():
        if part is None:
            continue
        if part.enable_storage:
            yield f"{name}.EnableStorage", "must be false: files are not kept in a database"
        if part.enable_index:
            enabled.append(name)
            if isinstance(part, OdbcSettings) and not part.index_connection_string:
                yield f"{name}.IndexConnectionString", "must say where the database is"
    for name in enabled[1:]:
        yield f"{name}.EnableIndex", f"must be false while {enabled[0]}.EnableIndex is true"


def databases_in(settings: "Settings") -> dict[str, DatabaseSettings | None]:
    """The sections of database servers by name; ``None`` where the configuration has none."""
    return {
        "PostgreSQL": settings.postgresql,
        "MySQL": settings.mysql,
        "Odbc": settings.odbc,
    }
