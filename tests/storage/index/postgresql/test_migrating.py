"""An index of an older version is brought up to date by the migrations that SQLite has."""

import re

import pytest

from repertory.errors import CannotStart
from repertory.storage.index.server.rewriting import statements_in
from repertory.storage.index.server.schema import FIRST, LATEST
from repertory.storage.index.sqlite.schema import MIGRATIONS

COLUMNS = (
    "SELECT table_name, column_name, data_type, is_nullable, column_default, collation_name"
    " FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
)
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
TRIGGERS = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
UNDO = (
    (re.compile(r"CREATE TABLE (\w+)"), "DROP TABLE IF EXISTS {0} CASCADE"),
    (re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+)"), "ALTER TABLE {0} DROP COLUMN {1}"),
    (re.compile(r"CREATE (?:UNIQUE )?INDEX (\w+)"), "DROP INDEX IF EXISTS {0}"),
    (re.compile(r"CREATE TRIGGER (\w+)"), "DROP FUNCTION IF EXISTS {0} CASCADE"),
)


def undo(script):
    """What takes a migration back, as far as tables go: the last statement first."""
    undone = []
    for statement in statements_in(script):
        for pattern, words in UNDO:
            if found := pattern.match(statement):
                undone.insert(0, words.format(*found.groups()))
    return undone


def shape(server):
    return [server.ask(sql) for sql in (COLUMNS, INDEXES, TRIGGERS)]


def opened_once(connect):
    engine = connect()
    engine.open()
    engine.close()


def test_every_migration_leads_to_what_a_first_start_makes(server, connect):
    opened_once(connect)
    fresh = shape(server)
    scripts = {int(path.name[:4]): path for path in MIGRATIONS.glob("[0-9]*.sql")}
    for number in range(LATEST, FIRST, -1):
        server.run(*undo(scripts[number].read_text("utf-8")))
    server.run(f"UPDATE schema_versions SET version = {FIRST} WHERE version = {LATEST}")
    assert FIRST == LATEST or shape(server) != fresh

    opened_once(connect)

    assert shape(server) == fresh
    versions = server.ask("SELECT version FROM schema_versions ORDER BY version")
    assert versions == [(0,), *((number,) for number in range(FIRST, LATEST + 1))]


def test_a_version_from_before_there_were_servers_is_none(server, connect):
    opened_once(connect)
    server.run(f"UPDATE schema_versions SET version = {FIRST - 1} WHERE version = {LATEST}")

    with pytest.raises(CannotStart, match="too old"):
        connect().open()
