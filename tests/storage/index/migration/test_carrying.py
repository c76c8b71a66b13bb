import apsw
import pytest

from repertory.errors import ArchiveFull, CannotStart, IndexBusy, IndexFailed, NoReplyInTime
from repertory.model import StoreStatus
from repertory.storage.index.held import FIND_UNFINISHED
from repertory.storage.index.migration.tables import PRIVATE, carried_tables
from repertory.storage.index.server import claim
from repertory.storage.index.sqlite.engine import FILE_NAME


def tables_in(held):
    if held.engine == "SQLite":
        sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    else:
        sql = held._dialect.list_tables()
    return {row[0] for row in held.db.all(sql)}


class Killed(BaseException):
    """What ends the process, as far as the migration knows."""


class Failing:
    """A database that fails at the end of the given groups, before or after they are committed."""

    def __init__(self, db, error, *, at, after=False):
        self._db = db
        self._error = error
        self._at = set(at)
        self._after = after
        self.groups = 0

    def __getattr__(self, name):
        return getattr(self._db, name)

    def commit(self):
        self.groups += 1
        is_failing = self.groups in self._at
        if is_failing and not self._after:
            self._db.rollback()
            raise self._error
        self._db.commit()
        if is_failing:
            raise self._error


def break_at(held, error, *at, after=False):
    held.db = Failing(held.db, error, at=at, after=after)
    return held.db


def test_every_row_of_every_table_comes_over(hold, fill, contents, migrate, old_engine, new_engine):
    source, target = hold(old_engine, "old"), hold(new_engine, "new")
    fill(source)
    before = contents(source)

    migrated = migrate(source, target)

    assert migrated.different == ()
    assert migrated.rows == migrated.carried == sum(map(len, before.values()))
    assert contents(target) == before
    assert contents(source) == before
    assert min(map(len, before.values())) > 0


def test_a_table_that_would_be_forgotten_is_told(hold, old_engine, new_engine):
    known = {table.name for table in carried_tables()}

    for name, place in ((old_engine, "old"), (new_engine, "new")):
        assert tables_in(hold(name, place)) - PRIVATE == known


def test_numbers_go_on_above_all_that_were_given(hold, fill, migrate, old_engine, new_engine):
    source, target = hold(old_engine, "old"), hold(new_engine, "new")
    fill(source)
    counted = [table for table in carried_tables() if table.counter]
    source.db.begin()
    for number, table in enumerate(counted):
        source.go_on_after(table.name, table.counter, 2**50 + number)
    source.db.commit()

    migrate(source, target)

    assert len(counted) > 4
    for number, table in enumerate(counted):
        assert target.last_number(table.name, table.counter) == 2**50 + number
    columns = "level, public_id, remote, date, patient_id, study_uid, series_uid, sop_uid"
    target.db.begin()
    target.db.execute(
        f"INSERT INTO exports ({columns}) VALUES (1, ?, '', 1, '', '', '', '')", (b"x",)
    )
    target.db.commit()
    place = [table.name for table in counted].index("exports")
    assert target.db.all("SELECT MAX(seq) FROM exports") == [(2**50 + place + 1,)]


def test_the_archive_opens_what_came_over(make, migrate, made_up):
    engine = make("SQLite", "old")
    engine.open()
    writer = engine.writer()
    writer.begin(made_up.NOON)
    stored = writer.record_instance(**made_up.an_instance())
    writer.commit()
    writer.close()
    reader = engine.reader()
    described, totals = reader.describe_index(), reader.describe_totals()
    reader.close()
    engine.close()
    source, target = engine.hold(), make("PostgreSQL", "new").hold()

    migrate(source, target)

    source.close()
    target.close()
    new = make("PostgreSQL", "new")
    new.open()
    reader, writer = new.reader(), new.writer()
    assert reader.describe_totals() == totals
    assert reader.describe_index().identifier == described.identifier
    writer.begin(made_up.NOON)
    again = writer.record_instance(**made_up.an_instance())
    other = writer.record_instance(**made_up.an_instance(sop="1.1.1.2"))
    writer.commit()
    assert (again.ids, again.status) == (stored.ids, StoreStatus.ALREADY_STORED)
    assert other.status is StoreStatus.SUCCESS
    reader.close()
    writer.close()
    new.close()


# What ends it


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("group", [1, 2, 17, 40])
def test_it_goes_on_where_it_was_cut_short(hold, fill, contents, migrate, group, after):
    source, target = hold("SQLite", "old"), hold("SQLite", "new")
    fill(source)
    real = target.db
    break_at(target, Killed(), group, after=after)
    with pytest.raises(Killed):
        migrate(source, target)
    target.db = real

    migrated = migrate(source, target, batch=5)

    assert contents(target) == contents(source)
    assert migrated.carried <= migrated.rows == sum(map(len, contents(source).values()))
    assert (migrated.carried < migrated.rows) == (group > 2 or (group == 2 and after))


def test_it_is_cut_short_again_and_again(hold, fill, contents, migrate):
    source, target = hold("SQLite", "old"), hold("PostgreSQL", "new")
    fill(source)
    real = target.db
    for count in range(200):
        break_at(target, NoReplyInTime(), 2 + count % 3, after=count % 2 == 0)
        try:
            migrate(source, target)
        except CannotStart:
            continue
        finally:
            target.db = real
        break

    assert count > 5
    assert contents(target) == contents(source)


def test_no_archive_starts_with_what_is_unfinished(hold, make, fill, migrate, old_engine):
    source, target = hold("SQLite", "old"), make(old_engine, "new").hold()
    fill(source)
    break_at(target, Killed(), 9)
    with pytest.raises(Killed):
        migrate(source, target)
    target.close()

    with pytest.raises(CannotStart, match="was not carried over completely"):
        make(old_engine, "new").open()
    target = make(old_engine, "new").hold()
    migrate(source, target)
    target.close()
    engine = make(old_engine, "new")
    engine.open()
    engine.close()


def pytest_generate_tests(metafunc):
    if "old_engine" in metafunc.fixturenames and "new_engine" not in metafunc.fixturenames:
        metafunc.parametrize("old_engine", ["SQLite", "PostgreSQL"])


def test_a_database_that_is_busy_is_asked_again(hold, fill, contents, migrate):
    source, target = hold("SQLite", "old"), hold("SQLite", "new")
    fill(source)
    waited = []
    break_at(target, IndexBusy(), 3, 4, 5, 12)

    migrate(source, target, pause=waited.append)

    assert waited == [2.0] * 4
    assert contents(target) == contents(source)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (IndexBusy(), "new index, in SQLite, cannot be reached any more. Run the same"),
        (NoReplyInTime(), "new index, in SQLite, cannot be reached any more. Run the same"),
        (ArchiveFull(""), "new index, in SQLite, has no room left: make room. Run the same"),
        (IndexFailed(), "new index, in SQLite, does not take the rows of the table accesses"),
    ],
)
def test_why_it_cannot_go_on_is_told(hold, fill, migrate, error, said):
    source, target = hold("SQLite", "old"), hold("SQLite", "new")
    fill(source)
    break_at(target, error, *range(2, 50))

    with pytest.raises(CannotStart, match=said):
        migrate(source, target)


def test_a_damaged_source_is_told_by_its_table(tmp_path, make, hold, fill, migrate):
    source = make("SQLite", "old").hold()
    fill(source, rows=500)
    [(page,)] = source.db.all("SELECT rootpage FROM sqlite_schema WHERE name = 'resources'")
    source.close()
    path = tmp_path / "old" / FILE_NAME
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    path.write_bytes(content)

    with pytest.raises(CannotStart, match=r"old index.*the table resources is damaged"):
        migrate(hold("SQLite", "old"), hold("SQLite", "new"))


# What it refuses


def test_an_index_that_is_used_is_no_target(hold, fill, contents, migrate):
    source, target = hold("SQLite", "old"), hold("PostgreSQL", "new")
    fill(source)
    target.db.begin()
    target.db.execute("INSERT INTO labels (resource, label) VALUES (1, 'mine')")
    target.db.commit()
    before = contents(target)

    with pytest.raises(CannotStart, match=r"not empty, and nothing was changed.*in: labels"):
        migrate(source, target)

    assert contents(target) == before


def test_one_that_was_carried_over_is_no_target_any_more(hold, fill, migrate):
    source, target = hold("SQLite", "old"), hold("SQLite", "new")
    fill(source)
    migrate(source, target)

    with pytest.raises(CannotStart, match="not empty"):
        migrate(source, target, anew=True)


def half_way(hold, fill, migrate):
    source, target = hold("SQLite", "old"), hold("SQLite", "new")
    fill(source)
    real = target.db
    break_at(target, Killed(), 15)
    with pytest.raises(Killed):
        migrate(source, target)
    target.db = real
    return source, target


def test_what_another_index_has_begun_is_not_gone_on_with(hold, fill, contents, migrate):
    _, target = half_way(hold, fill, migrate)
    other = hold("SQLite", "other")
    fill(other, rows=4)

    with pytest.raises(CannotStart, match=r"a part of another index.*--anew"):
        migrate(other, target)
    assert migrate(other, target, anew=True).different == ()

    assert contents(target) == contents(other)


def test_an_unfinished_index_is_no_source(hold, fill, migrate):
    _, target = half_way(hold, fill, migrate)

    with pytest.raises(CannotStart, match="itself one that was not carried over"):
        migrate(target, hold("SQLite", "third"))


@pytest.fixture
def impatient(monkeypatch):
    """Locks that are taken are not waited for."""
    monkeypatch.setattr(claim, "TRIES", 1)


def test_an_index_in_use_is_neither_source_nor_target(make, impatient):
    for name in ("SQLite", "PostgreSQL"):
        engine = make(name, name)
        engine.open()
        try:
            with pytest.raises(CannotStart, match="Another Repertory is using this index"):
                make(name, name).hold()
        finally:
            engine.close()


def test_nodes_that_share_an_index_are_in_the_way_too(make, impatient):
    engine = make("PostgreSQL", "old", is_shared=True)
    engine.open()
    try:
        with pytest.raises(CannotStart, match="Another Repertory is using this index"):
            make("PostgreSQL", "old", is_shared=True).hold()
    finally:
        engine.close()


# What it compares


def test_rows_that_changed_behind_its_back_are_told_by_their_tables(hold, fill, migrate):
    source, target = half_way(hold, fill, migrate)
    source.db.begin()
    source.db.execute("UPDATE attachments SET revision = 77")
    source.db.execute("DELETE FROM changes")
    source.db.commit()

    different = migrate(source, target).different

    assert [it.table for it in different] == ["attachments", "changes"]
    assert [it.before == it.after for it in different] == [True, False]
    assert target.db.all(FIND_UNFINISHED) != []
    assert migrate(source, target, anew=True).different == ()
    assert target.db.all(FIND_UNFINISHED) == []


def test_what_postgresql_cannot_hold_is_left_out_as_always(hold, contents, migrate):
    source, target = hold("SQLite", "old"), hold("PostgreSQL", "new")
    source.db.begin()
    source.db.execute("INSERT INTO kept_values VALUES ('s', 'n', ?)", ("with\0out",))
    source.db.commit()

    assert migrate(source, target).different == ()

    assert contents(target)["kept_values"] == [("s", "n", "without")]


def test_text_that_is_none_is_told(hold, tmp_path, make, migrate):
    source = make("SQLite", "old").hold()
    source.db.begin()
    source.db.execute("INSERT INTO kept_values VALUES ('s', 'n', CAST(x'ff' AS TEXT))")
    source.db.commit()
    source.close()

    with pytest.raises(CannotStart, match="damaged: kept_values has text that is none"):
        migrate(hold("SQLite", "old"), hold("PostgreSQL", "new"))


def test_every_table_has_a_key_and_none_is_changed_by_what_is_inserted(tmp_path, make):
    make("SQLite", "old").hold().close()
    connection = apsw.Connection(str(tmp_path / "old" / FILE_NAME))
    triggers = connection.execute("SELECT sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    connection.close()

    assert all(table.key for table in carried_tables())
    assert not [sql for (sql,) in triggers if "AFTER INSERT" in sql]
