"""Conditions on very many numbers."""

from itertools import pairwise

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.model import Level
from repertory.storage.index.operations.trashing import Keeping
from repertory.storage.index.sqlite import connection
from repertory.storage.index.sqlite.connection import FEW, SqliteDatabase, runs_of

NUMBERS = st.sets(st.integers(0, 60), min_size=1)


@given(NUMBERS)
def test_ranges_hold_just_the_numbers_and_are_as_few_as_can_be(numbers):
    runs = runs_of(numbers)

    assert [n for first, last in runs for n in range(first, last + 1)] == sorted(numbers)
    assert all(one[1] + 1 < next_[0] for one, next_ in pairwise(runs))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("database") / "numbers.db"
    with apsw.Connection(str(path)) as made:
        made.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY)")
        made.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(60)])
    database = SqliteDatabase(path, readonly=True)
    yield database
    database.close()


@given(numbers=NUMBERS)
def test_what_is_found_is_what_was_asked_for(database, numbers):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "MANY", 2)
        condition, value = database.throughout("n", sorted(numbers))
        rows = database.all(f"SELECT n FROM numbers WHERE n >= ? AND {condition}", (5, value))

    assert {row[0] for row in rows} == {n for n in numbers if 5 <= n < 60}


def test_few_numbers_and_strewn_ones_are_a_list(database):
    few, strewn = list(range(connection.MANY - 1)), list(range(0, connection.MANY * 4, 2))

    assert "json_each" in database.throughout("n", few)[0]
    assert "json_each" in database.throughout("n", strewn)[0]
    assert database.throughout("n", range(connection.MANY))[0] == "(n BETWEEN 0 AND ?)"


@pytest.mark.parametrize("keeping", [None, Keeping(expires_at=2e9, due=2e9, time=0.0)])
def test_all_of_many_are_deleted_by_their_index_and_nothing_else(
    engine, made_up, monkeypatch, keeping
):
    monkeypatch.setattr(connection, "MANY", 20)
    writer, reader = engine.writer(), engine.reader()
    writer.begin()
    for number in range(120):  # two studies that came by turns, and in between, and another
        study = "A" if (number // 30) % 2 else "B"
        writer.record_instance(**made_up.an_instance("P", study, study, f"{number}", place=number))
    writer.commit()
    before = reader.describe_totals()
    seen = []
    writer._db.connection.exec_trace = lambda _cursor, sql, _values: not seen.append(sql)

    writer.begin()
    writer.delete_resource(Level.STUDY, made_up.ids_of("P", "A", "A", "30").study, 1.0, keeping)
    writer.commit()

    writer._db.connection.exec_trace = None
    ranged = [sql for sql in seen if "BETWEEN" in sql]
    assert len(ranged) > 8
    assert all(sql.count("BETWEEN") <= FEW for sql in ranged)
    for sql in ranged:
        plan = writer._db.connection.execute(f"EXPLAIN QUERY PLAN {sql}", (0,) * sql.count("?"))
        steps = [step for *_, step in plan if not step.startswith("SCAN (subquery")]
        assert not [step for step in steps if step.startswith("SCAN") and "json" not in step]
    after = reader.describe_totals()
    assert (before.instances, after.instances) == (120, 60)
    assert after.studies == 1
    left = reader.list_children(
        Level.STUDY, made_up.ids_of("P", "B", "B", "0").study, Level.INSTANCE
    )
    assert len(left) == 60
    writer.close()
    reader.close()
