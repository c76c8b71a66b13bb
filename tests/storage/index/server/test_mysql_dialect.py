"""Statements in MariaDB's words."""

import pytest

from repertory.storage.index.mysql.dialect import MysqlDialect


@pytest.fixture
def say():
    return MysqlDialect(database="archive", mark="?").translate


def test_a_row_that_is_there_is_left(say):
    assert say("INSERT INTO a (b, c) VALUES (?, ?) ON CONFLICT (b) DO NOTHING") == (
        "INSERT INTO a (b, c) VALUES (?, ?) ON DUPLICATE KEY UPDATE b = a.b"
    )


def test_a_row_that_is_there_is_changed(say):
    sql = "INSERT INTO a (b, c) VALUES (?, ?) ON CONFLICT (b) DO UPDATE SET c = excluded.c"

    assert say(sql).endswith("ON DUPLICATE KEY UPDATE c = VALUES(c)")


def test_a_row_that_is_there_is_changed_on_a_condition(say):
    sql = (
        "INSERT INTO a (b, c, d) SELECT b, ?, d FROM x WHERE b = ? ON CONFLICT (b) DO UPDATE"
        " SET c = a.c + 1, d = excluded.d WHERE a.d <> excluded.d"
    )

    assert say(sql).endswith(
        "WHERE b = ? ON DUPLICATE KEY UPDATE c = IF(a.d <> VALUES(d), a.c + 1, a.c),"
        " d = IF(a.d <> VALUES(d), VALUES(d), a.d)"
    )


def test_what_has_no_value_comes_last(say):
    sql = "SELECT a FROM b ORDER BY f(c, d) DESC NULLS LAST, e LIMIT ? OFFSET ?"

    assert say(sql) == (
        "SELECT a FROM b ORDER BY (f(c, d)) IS NULL, f(c, d) DESC, e LIMIT ? OFFSET ?"
    )


def test_a_word_of_sql_may_be_the_name_of_a_column(say):
    assert say("SELECT key FROM a WHERE key = ?") == "SELECT `key` FROM a WHERE `key` = ?"


def test_the_marks_of_the_driver_take_percents_for_themselves():
    sql = MysqlDialect(database="archive").translate("SELECT '50%?' FROM a WHERE b = ?")

    assert sql == "SELECT '50%%?' FROM a WHERE b = %s"
