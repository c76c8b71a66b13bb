"""What values match: the rules for files, and that SQL follows the same."""

import time

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.storage.index.operations.finding.matching import value_matches
from repertory.storage.patterns import Kind, Pattern, matches, parse_patterns

LETTERS = "aAbBéÉ漢[]^%_!'\" 1"


def meets(query, value, *, ranged=False, case_sensitive=False):
    return matches(parse_patterns(query, ranged=ranged), value, case_sensitive=case_sensitive)


@pytest.mark.parametrize(
    ("query", "pattern"),
    [
        ("a", Pattern(Kind.EQUAL, "a")),
        (" a ", Pattern(Kind.EQUAL, "a")),
        ("*", Pattern(Kind.PRESENT, "*")),
        ("**", Pattern(Kind.PRESENT, "*")),
        ("a**b*?*c", Pattern(Kind.WILDCARD, "a*b?*c")),
        ("1-2", Pattern(Kind.RANGE, low="1", high="2")),
        ("1-", Pattern(Kind.RANGE, low="1")),
        ("-2", Pattern(Kind.RANGE, high="2")),
    ],
)
def test_a_value_of_a_query_is_a_pattern(query, pattern):
    assert parse_patterns(query, ranged=True) == (pattern,)


@pytest.mark.parametrize("query", ["", " ", "\\", "-"])
def test_some_values_are_no_constraint(query):
    assert parse_patterns(query, ranged=True) == ()


def test_a_hyphen_is_a_letter_where_no_dates_are():
    assert parse_patterns("a-b") == (Pattern(Kind.EQUAL, "a-b"),)


@pytest.mark.parametrize(
    ("query", "value", "found"),
    [
        ("100000-120000", "120000.5", True),
        ("1000-1200", "120059", True),
        ("1000-1200", "095959", False),
        ("-20201231", "", False),
        ("20200101\\20200301-20200331", "20200315", True),
        ("20200101\\20200301-20200331", "20200215", False),
    ],
)
def test_times_in_a_range_include_its_ends(query, value, found):
    assert meets(query, value, ranged=True) is found


def test_what_is_not_there_matches_nothing():
    assert not meets("*", None)
    assert meets("*", "")


def test_many_stars_take_no_longer_than_a_few():
    began = time.perf_counter()

    assert not meets("*a" * 100 + "*b", "a" * 10_000)
    assert time.perf_counter() - began < 5


@given(
    value=st.none() | st.text(LETTERS, max_size=5),
    query=st.lists(st.text(LETTERS + "**??", min_size=1, max_size=5), min_size=1, max_size=3),
    case_sensitive=st.booleans(),
)
def test_sql_finds_what_is_found_in_files(value, query, case_sensitive):
    patterns = parse_patterns("\\".join(query))
    if not patterns:
        return
    condition = value_matches("trim(v)", patterns, case_sensitive=case_sensitive)
    connection = apsw.Connection(":memory:")
    connection.execute("CREATE TABLE t (v TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", (value,))
    found = connection.execute(f"SELECT 1 FROM t WHERE {condition.sql}", condition.values)

    assert bool(found.fetchall()) is matches(patterns, value, case_sensitive=case_sensitive)
