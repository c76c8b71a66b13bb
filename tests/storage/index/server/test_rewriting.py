"""Statements, taken apart and put together."""

import pytest

from repertory.storage.index.postgresql.dialect import PostgresqlDialect
from repertory.storage.index.server.bulk import in_bulk
from repertory.storage.index.server.rewriting import (
    json_path,
    number_marks,
    rewrite_calls,
    split_list,
    statements_in,
)
from repertory.storage.index.sqlite.schema import HOME


def test_calls_are_replaced_from_within():
    rewrites = {"f": lambda it: f"<{'|'.join(it)}>", "g": lambda it: f"[{it[0]}]"}

    assert rewrite_calls("SELECT f(a, g((b, c)), 'f(x)') FROM of", rewrites) == (
        "SELECT <a|[(b, c)]|'f(x)'> FROM of"
    )


def test_marks_are_numbered_but_for_those_in_quotes():
    assert number_marks("a = ? AND b = '?''?' AND c = ?") == "a = $1 AND b = '?''?' AND c = $2"


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("""'$."0010,0020"'""", ["0010,0020"]),
        ("""'$.patient."0010,0020"'""", ["patient", "0010,0020"]),
        ("""'$."15"[0]'""", ["15", "0"]),
    ],
)
def test_a_path_in_json_has_steps(path, steps):
    assert json_path(path) == steps


def test_a_list_is_split_outside_of_brackets_and_quotes():
    assert split_list("a, b (c, d), 'e, f'") == ["a", "b (c, d)", "'e, f'"]


def test_a_trigger_is_one_statement_whatever_is_in_it():
    script = """
    -- a comment; with a semicolon
    CREATE TABLE a (b INTEGER) STRICT;
    CREATE TRIGGER t AFTER DELETE ON a BEGIN
        UPDATE a SET b = CASE WHEN b > 1 THEN ';' ELSE 2 END; DELETE FROM a; END;
    DROP INDEX c
    """

    table, trigger, drop = (" ".join(it.split()) for it in statements_in(script))
    assert (table, drop) == ("CREATE TABLE a (b INTEGER) STRICT", "DROP INDEX c")
    assert trigger == (
        "CREATE TRIGGER t AFTER DELETE ON a BEGIN"
        " UPDATE a SET b = CASE WHEN b > 1 THEN ';' ELSE 2 END; DELETE FROM a; END"
    )


@pytest.mark.parametrize("count", [1, 3, 4, 5, 63, 64, 100])
def test_many_rows_go_in_few_statements(count):
    rows = [(number, -number) for number in range(count)]

    statements = in_bulk("INSERT INTO a (b, c) VALUES ($1, $2)", rows)

    values = [value for _, values in statements for value in values]
    assert list(zip(values[::2], values[1::2], strict=True)) == rows
    for sql, given in statements:
        assert sql.count("$") == len(given)
    assert len(statements) <= max(count // 64 + 3 + 3 + 3, 3)


def test_what_is_no_plain_insert_is_run_row_by_row():
    sql = "UPDATE a SET b = $1 WHERE c = $2"

    assert in_bulk(sql, [(1, 2)] * 5) == [(sql, (1, 2))] * 5


def test_of_the_schema_nothing_is_left_in_words_of_sqlite_alone():
    made = "\n".join(PostgresqlDialect().script((HOME / "schema.sql").read_text("utf-8")))

    for word in ("STRICT", "ROWID", "BLOB", "AUTOINCREMENT", "json_extract", "?"):
        assert word not in made
