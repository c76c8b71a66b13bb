"""Indexes with rows in every table, whatever tables the schema has."""

import os
from contextlib import ExitStack, closing

import apsw
import pytest

from repertory.storage.index.migration.carrying import Migration
from repertory.storage.index.migration.pages import read_page
from repertory.storage.index.migration.tables import carried_tables
from repertory.storage.index.sqlite.schema import prepare
from repertory.testing import databases

EVERYTHING = 1_000_000
QUICK = [("SQLite", "PostgreSQL"), ("PostgreSQL", "SQLite"), ("SQLite", "SQLite")]
OTHERS = [
    ("SQLite", "MySQL"),
    ("MySQL", "PostgreSQL"),
    ("PostgreSQL", "MySQL"),
    ("SQLite", "Odbc to PostgreSQL"),
    ("Odbc to PostgreSQL", "SQLite"),
    ("SQLite", "Odbc to MariaDB"),
    ("Odbc to MariaDB", "SQLite"),
]
ALL = os.environ.get("REPERTORY_TEST_DATABASES") == "all"
PAIRS = [*QUICK, *OTHERS] if ALL else QUICK
TEXTS = ("plain", "Ümläut^É ", "漢字\n😀", "a'quote?%s", '{"15": ["x\\\\", 1]}', "")


@pytest.fixture(scope="session")
def column_types():
    """By table, the types of its columns and which of them may be NULL."""
    with closing(apsw.Connection(":memory:")) as connection:
        prepare(connection)
        return {
            table.name: [
                ("ASCII" if name == "signature" else kind, not needed and name not in table.key)
                for _, name, kind, needed, *_ in connection.execute(
                    f"PRAGMA table_info({table.name})"
                ).fetchall()
            ]
            for table in carried_tables()
        }


def a_value(kind, number, place, *, may_be_null):
    if may_be_null and number % 3 == 0:
        return None
    if kind == "INTEGER":
        return number * 1000 + place + (2**40 if number % 2 else 0)
    if kind == "REAL":
        return 1_800_000_000.123456 + number / 7 + place
    if kind == "BLOB":
        return bytes([place, number % 256, number // 256]) * 5 + b"\0"
    if kind == "ASCII":  # as MariaDB keeps lists of tags
        return f"0010,0020;{number}"
    return f"{TEXTS[number % len(TEXTS)]}{number}.{place}"


@pytest.fixture
def fill(column_types):
    """Put rows into every table of an index that is held."""

    def fill(held, rows=7):
        db = held.db
        db.begin()
        for table in carried_tables():
            kinds = column_types[table.name]
            if table.name == "totals":
                marks = ", ".join(f"{name} = ?" for name in table.columns[1:])
                db.execute(f"UPDATE totals SET {marks}", range(5, 4 + len(table.columns)))
                continue
            marks = ", ".join("?" * len(kinds))
            names = ", ".join(table.columns)
            made = [
                [
                    a_value(kind, number, place, may_be_null=may_be_null)
                    for place, (kind, may_be_null) in enumerate(kinds)
                ]
                for number in range(2, rows + 2)
            ]
            db.execute_many(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", made)
        db.commit()

    return fill


@pytest.fixture
def contents():
    """Everything in an index that is held, by table."""

    def contents(held):
        found = {}
        for table in carried_tables():
            held.db.begin_read()
            found[table.name] = read_page(held.db, table, None, EVERYTHING)
            held.db.rollback()
        return found

    return contents


@pytest.fixture
def make(tmp_path):
    """An engine by its name and that of its place; what it made is dropped in the end."""

    def make(name, place, **options):
        try:
            return databases.make_engine(name, tmp_path / place, **options)
        except databases.DatabaseMissing as reason:
            pytest.skip(str(reason))

    return make


@pytest.fixture(scope="session", autouse=True)
def _servers():
    yield
    databases.drop_indexes()


@pytest.fixture
def hold(make):
    """Hold an index by engine and place, until the test is over or the next one holds it."""
    with ExitStack() as stack:

        def hold(name, place):
            held = make(name, place).hold()
            stack.callback(held.close)
            return held

        yield hold


@pytest.fixture
def migrate():
    """Carry one index over to another, at a pace of three rows."""

    def migrate(source, target, *, anew=False, **options):
        options = {"batch": 3, "pause": lambda _: None} | options
        return Migration(source, target, **options).run(anew=anew)

    return migrate


def pytest_generate_tests(metafunc):
    if {"old_engine", "new_engine"} <= set(metafunc.fixturenames):
        metafunc.parametrize(
            ("old_engine", "new_engine"), PAIRS, ids=[f"{a} to {b}" for a, b in PAIRS]
        )
