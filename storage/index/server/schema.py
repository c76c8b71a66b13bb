"""Making, recognising and migrating the schema in a database server."""

import secrets
from pathlib import Path

from repertory.errors import CannotStart
from repertory.storage.index.database import Row
from repertory.storage.index.packing import unpack_id
from repertory.storage.index.server.claim import PAUSE, TRIES
from repertory.storage.index.server.connecting import Connector
from repertory.storage.index.server.database import VERSION as FIND_VERSION
from repertory.storage.index.server.dialect import Dialect
from repertory.storage.index.server.session import Session
from repertory.storage.index.sqlite.schema import HOME, MIGRATIONS
from repertory.storage.index.sqlite.schema import VERSION as LATEST

FIRST = 9
"""The version of the schema when there were servers first."""

# What a server needs besides.
OWN = """
CREATE TABLE schema_versions (version INTEGER PRIMARY KEY) STRICT;
CREATE TABLE writers (name TEXT PRIMARY KEY, commits INTEGER NOT NULL) STRICT;
"""
OF_ORTHANC = {"resources", "globalproperties", "maindicomtags"}
LOCK = "schema"


def prepare(
    session: Session,
    dialect: Dialect,
    connector: Connector,
    *,
    version: int = LATEST,
    migrations: Path = MIGRATIONS,
) -> None:
    """Make the schema where there is none, bring an older one up to date; one node at a time.

    Raises:
        CannotStart: what lies there is not our index, or its schema is newer than we are.
        SessionFailed: the server does not do it.
    """
    for count in range(TRIES * 10, -1, -1):
        if session.fetch([dialect.try_lock(LOCK)])[0][0][0]:
            break
        if not count:
            raise connector.cannot("another node has been changing its schema for long")
        connector.patience.pause(PAUSE)
    try:
        _prepare(session, dialect, connector, version, migrations)
    finally:
        session.fetch([dialect.release(LOCK)])


def _prepare(
    session: Session, dialect: Dialect, connector: Connector, version: int, migrations: Path
) -> None:
    found = recognise(session, dialect, connector, version)
    if found == version:
        return
    if found == 0:
        if names := _tables(session, dialect):
            # What a first start left that was cut short.
            session.run_script([f"DROP TABLE {name}" for name in sorted(names)])
        # Where tables are not made in transactions, what a crash left is told by the version.
        begun = "INSERT INTO schema_versions (version) VALUES (0)"
        made = [*dialect.preparation(), *dialect.script(OWN), begun]
        made += dialect.script((HOME / "schema.sql").read_text("utf-8"))
        identifier = unpack_id(secrets.token_bytes(20))
        made.append(f"INSERT INTO properties (name, value) VALUES ('identifier', '{identifier}')")  # noqa: S608
        found = LATEST - 1
        steps = {LATEST: made}
    else:
        steps = _migrations(dialect, found, version, migrations)
    for number, statements in sorted(steps.items()):
        note = f"INSERT INTO schema_versions (version) VALUES ({number})"  # noqa: S608 - a number
        session.run_script([*statements, note])


def recognise(
    session: Session, dialect: Dialect, connector: Connector, version: int = LATEST
) -> int:
    """The version of the schema; 0 where there is nothing, or was not made to its end.

    Raises:
        CannotStart: what lies there is not our index, or its schema is newer than ``version``.
        SessionFailed: the server does not tell.
    """
    names = _tables(session, dialect)
    if {"schema_versions", "writers"} <= names:
        found = session.fetch([(dialect.translate(FIND_VERSION), ())])[0][0][0]
        if found is None:
            raise connector.cannot("its schema has no version: it is damaged")
        if found > version:
            raise CannotStart(
                f"The index has schema version {found}, of a newer Repertory;"
                f" this one knows versions up to {version}."
            )
        return int(found)
    if names >= OF_ORTHANC:
        raise connector.cannot("it is the index of an Orthanc, not of a Repertory")
    if names:
        raise connector.cannot("there are tables of another program in it")
    return 0


def _tables(session: Session, dialect: Dialect) -> set[str]:
    rows: list[Row] = session.fetch([(dialect.list_tables(), ())])[0]
    return {row[0] for row in rows}


def _migrations(dialect: Dialect, found: int, version: int, folder: Path) -> dict[int, list[str]]:
    scripts = {int(path.name[:4]): path for path in folder.glob("[0-9]*.sql")}
    steps: dict[int, list[str]] = {}
    for number in range(found + 1, version + 1):
        if number not in scripts or found < FIRST:
            raise CannotStart(f"The index has schema version {found}, which is too old.")
        steps[number] = dialect.script(scripts[number].read_text("utf-8"))
    return steps
