"""Making, recognising and migrating the schema."""

import secrets
from pathlib import Path

import apsw

from repertory.errors import CannotStart
from repertory.storage.index.packing import unpack_id

APPLICATION_ID = 0x52505459
"""What marks a SQLite file as ours: "RPTY"."""

VERSION = 12
"""The version of ``schema.sql``.

1: the first.
2: how long each resource has to be quiet.
3: jobs.
4: the deletion queue knows when, how often and why not, and how many.
5: what was deleted can be restored.
6: counts the resources that were recorded with other main DICOM tags, and finds attachments that
are no DICOM file.
7: studies that housekeeping sets aside.
8: targets of events, what is kept for them, and dead letters.
9: in which storage each file lies.
10: values by name.
11: when studies were last read.
12: nodes that share an index, and what each of them does.
"""

HOME = Path(__file__).parent
MIGRATIONS = HOME / "migrations"


def prepare(connection: apsw.Connection, *, migrations: Path = MIGRATIONS) -> None:
    """Make the schema in an empty file, bring an older one up to date.

    Raises:
        CannotStart: it is not our index, or its schema is newer than we are.
        apsw.Error: it cannot be read or written.
    """
    version = recognise(connection)
    if version == VERSION:
        return
    # All or nothing: a crash half-way leaves the schema as it was.
    with connection:
        if version == 0:
            _create(connection)
        else:
            migrate(connection, version, VERSION, migrations)


def recognise(connection: apsw.Connection) -> int:
    """The version of the schema, 0 for an empty file."""
    application = connection.pragma("application_id")
    if application == APPLICATION_ID:
        version = int(connection.pragma("user_version"))
        if version > VERSION:
            raise CannotStart(
                f"The index has schema version {version}, of a newer Repertory;"
                f" this one knows versions up to {VERSION}."
            )
        return version
    names = {row[0] for row in connection.execute("SELECT lower(name) FROM sqlite_schema")}
    if {"resources", "globalproperties", "maindicomtags"} <= names:
        raise CannotStart("This is the index of an Orthanc, not of a Repertory.")
    if names or application:
        raise CannotStart("The index is a SQLite database of another program.")
    return 0


def _create(connection: apsw.Connection) -> None:
    connection.execute((HOME / "schema.sql").read_text("utf-8"))
    connection.pragma("application_id", APPLICATION_ID)
    connection.pragma("user_version", VERSION)
    connection.execute(
        "INSERT INTO properties (name, value) VALUES ('identifier', ?)",
        (unpack_id(secrets.token_bytes(20)),),
    )


def migrate(connection: apsw.Connection, version: int, to: int, migrations: Path) -> None:
    """Run the scripts that lead from ``version`` to ``to``: ``0002_topic.sql`` leads from 1 to 2.

    Raises:
        CannotStart: there is no way from ``version``.
    """
    scripts = {int(path.name[:4]): path for path in migrations.glob("[0-9]*.sql")}
    for number in range(version + 1, to + 1):
        if number not in scripts:
            raise CannotStart(f"The index has schema version {version}, which is too old.")
        connection.execute(scripts[number].read_text("utf-8"))
        connection.pragma("user_version", number)
