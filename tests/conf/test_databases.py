"""The sections of database servers."""

import json

import pytest

from repertory.conf.databases import database_of, index_readers_of
from repertory.conf.loading import read_settings


@pytest.fixture
def read(tmp_path):
    def read(**options):
        file = tmp_path / "configuration.json"
        file.write_text(json.dumps(options))
        return read_settings(file)

    return read


def test_a_section_that_enables_its_index_is_taken(read):
    section = {"EnableIndex": True, "Host": "db", "Port": 5433, "Username": "me"}
    loaded = read(PostgreSQL=section)

    assert loaded.problems == ()
    name, found = database_of(loaded.settings)
    assert (name, found.host, found.port, found.username) == ("PostgreSQL", "db", 5433, "me")


@pytest.mark.parametrize("section", [{}, {"EnableIndex": False}, {"Host": "db"}])
def test_without_that_the_index_is_a_file(read, section):
    assert database_of(read(PostgreSQL=section).settings) is None


def test_files_in_the_database_are_refused(read):
    (problem,) = read(PostgreSQL={"EnableStorage": True}).problems

    assert problem.option == "PostgreSQL.EnableStorage"
    assert "files are not kept in a database" in problem.text


def test_an_unknown_option_is_warned_about_with_what_may_be_meant(read):
    loaded = read(PostgreSQL={"EnableIndex": True, "UserName": "me"})

    assert loaded.problems == ()
    (warning,) = loaded.warnings
    assert "did you mean Username" in str(warning)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("Port", 0),
        ("Port", 70_000),
        ("Schema", 'a"b'),
        ("Schema", ""),
        ("TransactionMode", "Sometimes"),
        ("IndexConnectionsCount", 0),
        ("MaximumConnectionRetries", -1),
        ("Password", 5),
    ],
)
def test_a_value_that_makes_no_sense_is_told_with_its_option(read, option, value):
    problems = read(PostgreSQL={"EnableIndex": True, option: value}).problems

    assert [problem.option for problem in problems] == [f"PostgreSQL.{option}"]


def test_options_of_orthanc_that_change_nothing_are_passed_over(read):
    section = {"EnableIndex": True, "AllowInconsistentChildCounts": False, "PrepareIndex": True}

    assert read(PostgreSQL=section).warnings == ()


def test_the_number_of_connections_is_that_of_the_readers(read):
    section = {"EnableIndex": True, "IndexConnectionsCount": 7}

    assert index_readers_of(read(PostgreSQL=section, IndexReaders=3).settings) == 7
    assert index_readers_of(read(PostgreSQL={"EnableIndex": True}, IndexReaders=3).settings) == 3
    off = section | {"EnableIndex": False}
    assert index_readers_of(read(PostgreSQL=off, IndexReaders=3).settings) == 3


def test_the_sections_of_the_other_servers_are_taken_as_well(read):
    mysql = read(MySQL={"EnableIndex": True, "Host": "db"}).settings
    odbc = read(Odbc={"EnableIndex": True, "IndexConnectionString": "DSN=archive"}).settings

    assert database_of(mysql)[0] == "MySQL"
    assert database_of(odbc)[0] == "Odbc"
    assert "DSN=archive" not in repr(odbc)


def test_odbc_has_to_be_told_where_the_database_is(read):
    (problem,) = read(Odbc={"EnableIndex": True}).problems

    assert problem.option == "Odbc.IndexConnectionString"


def test_an_index_is_in_one_place_only(read):
    sections = {name: {"EnableIndex": True} for name in ("PostgreSQL", "MySQL")}

    (problem,) = read(**sections).problems

    assert problem.option == "MySQL.EnableIndex"
    assert "PostgreSQL.EnableIndex is true" in problem.text
