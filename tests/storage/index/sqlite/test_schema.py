import re

import apsw
import pytest

from repertory.errors import CannotStart
from repertory.storage.index.sqlite import schema
from repertory.storage.index.sqlite.engine import SqliteEngine

DESCRIBE = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"


@pytest.fixture
def refusal(folder):
    """Why an index with this content cannot be opened; the file stays as it was."""

    def refusal(content):
        folder.mkdir()
        path = folder / "repertory.db"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            connection = apsw.Connection(str(path))
            connection.execute(content)
            connection.close()
        before = path.read_bytes()
        for _ in range(2):
            with pytest.raises(CannotStart) as refused:
                SqliteEngine(folder).open()
        assert path.read_bytes() == before
        assert str(folder) not in str(refused.value)
        return str(refused.value)

    return refusal


def fresh():
    connection = apsw.Connection(":memory:")
    schema.prepare(connection)
    return connection


def described(connection):
    """Tables and indexes, without comments and line breaks."""
    lines = []
    for *row, sql in connection.execute(DESCRIBE):
        plain = [line.split("--")[0].strip() for line in (sql or "").splitlines()]
        # SQLite puts an added column where it finds room, whatever the blanks there.
        lines.append((*row, re.sub(r"\s*([(),])\s*", r"\1", " ".join(plain))))
    return lines


def test_a_migrated_index_equals_a_fresh_one():
    migrated = apsw.Connection(":memory:")
    schema.migrate(migrated, 0, schema.VERSION, schema.MIGRATIONS)

    assert described(migrated) == described(fresh())
    assert migrated.pragma("user_version") == fresh().pragma("user_version") == schema.VERSION
    totals = "SELECT * FROM totals"
    assert migrated.execute(totals).fetchall() == fresh().execute(totals).fetchall()


def test_files_that_waited_in_an_older_index_are_counted():
    connection = apsw.Connection(":memory:")
    schema.migrate(connection, 0, 1, schema.MIGRATIONS)
    connection.execute("INSERT INTO released (uuid, content_type, size) VALUES (x'00', 1, 7)")
    connection.execute("INSERT INTO released (uuid, content_type, size) VALUES (x'01', 1, 8)")
    schema.migrate(connection, 1, schema.VERSION, schema.MIGRATIONS)

    totals = "SELECT released_files, released_size, trashed_files, trashed_size FROM totals"
    assert connection.execute(totals).fetchall() == [(2, 15, 0, 0)]


def test_migrations_lead_from_one_version_to_the_next(tmp_path):
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE one (id)")
    (tmp_path / "0002_second.sql").write_text("CREATE TABLE two (id); INSERT INTO one VALUES (2)")
    (tmp_path / "0003_third.sql").write_text("UPDATE one SET id = id + 1")
    connection = apsw.Connection(":memory:")
    schema.migrate(connection, 0, 1, tmp_path)
    schema.migrate(connection, 1, 3, tmp_path)

    assert connection.execute("SELECT id FROM one").fetchall() == [(3,)]
    assert connection.pragma("user_version") == 3


def test_what_the_first_versions_recorded_lacks_sequences():
    connection = apsw.Connection(":memory:")
    schema.migrate(connection, 0, 3, schema.MIGRATIONS)
    for level, metadata in (
        (3, '{"3":["",0],"15":["0040,0254;0040,0275;0054,0081",2]}'),
        (4, '{"15":["0008,0018;0040,0275",0]}'),
        (3, '{"1024":["0040,0254;0040,0275",0]}'),
    ):
        connection.execute(
            "INSERT INTO resources (public_id, level, main_tags, metadata)"
            " VALUES (randomblob(20), ?, '{}', ?)",
            (level, metadata),
        )
    schema.migrate(connection, 3, schema.VERSION, schema.MIGRATIONS)

    assert [row[0] for row in connection.execute("SELECT metadata FROM resources ORDER BY id")] == [
        '{"3":["",0],"15":["0040,0254;0054,0081",2]}',
        '{"15":["0008,0018;0040,0275",0]}',
        '{"1024":["0040,0254;0040,0275",0]}',
    ]


def test_a_migration_that_fails_leaves_the_index_as_it_was(tmp_path, monkeypatch):
    connection = fresh()
    before = described(connection)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 2)
    for number, script in enumerate(["CREATE TABLE one (id)", "CREATE TABLE one (id)"], 1):
        (tmp_path / f"{schema.VERSION - 2 + number:04}_x.sql").write_text(script)
    with pytest.raises(apsw.SQLError):
        schema.prepare(connection, migrations=tmp_path)

    assert described(connection) == before
    assert connection.pragma("user_version") == schema.VERSION - 2


def test_a_version_without_a_way_up_is_refused(tmp_path):
    with pytest.raises(CannotStart):
        schema.migrate(apsw.Connection(":memory:"), 1, 2, tmp_path)


def test_an_index_of_a_newer_repertory_is_refused(refusal):
    reason = refusal(
        f"PRAGMA application_id = {schema.APPLICATION_ID};"
        f"PRAGMA user_version = {schema.VERSION + 1}; CREATE TABLE news (id)"
    )

    assert f"schema version {schema.VERSION + 1}" in reason


def test_an_index_of_orthanc_is_refused_by_name(refusal):
    reason = refusal(
        "CREATE TABLE GlobalProperties (property INTEGER PRIMARY KEY, value TEXT);"
        "CREATE TABLE Resources (internalId INTEGER PRIMARY KEY, publicId TEXT);"
        "CREATE TABLE MainDicomTags (id INTEGER, value TEXT)"
    )

    assert "Orthanc" in reason


def test_a_database_of_another_program_is_refused(refusal):
    assert "another program" in refusal("CREATE TABLE bookmarks (url TEXT)")


def test_a_database_marked_by_another_program_is_refused(refusal):
    assert "another program" in refusal("PRAGMA application_id = 42")


def test_what_is_no_database_is_refused(refusal):
    assert "not a SQLite database" in refusal(b"This is no database. " * 500)


def test_a_damaged_index_is_refused(folder):
    engine = SqliteEngine(folder)
    engine.open()
    engine.close()
    path = folder / "repertory.db"
    content = bytearray(path.read_bytes())
    content[100:] = bytes(len(content) - 100)
    path.write_bytes(content)

    with pytest.raises(CannotStart, match="damaged"):
        engine.open()


def test_a_cut_off_index_is_refused(folder):
    engine = SqliteEngine(folder)
    engine.open()
    engine.close()
    path = folder / "repertory.db"
    path.write_bytes(path.read_bytes()[:9000])

    with pytest.raises(CannotStart, match="damaged"):
        engine.open()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(CannotStart) as refused:
        SqliteEngine(tmp_path / "file" / "index").open()
    assert str(tmp_path) not in str(refused.value)


def test_a_refused_index_can_be_opened_once_it_is_repaired(folder):
    folder.mkdir()
    (folder / "repertory.db").write_bytes(b"no database" * 500)
    engine = SqliteEngine(folder)
    with pytest.raises(CannotStart):
        engine.open()
    (folder / "repertory.db").unlink()

    engine.open()
    engine.close()


def test_an_orthanc_index_beside_ours_is_left_alone(folder):
    folder.mkdir()
    (folder / "index").write_bytes(b"Orthanc's")
    engine = SqliteEngine(folder)
    engine.open()
    engine.close()

    assert (folder / "index").read_bytes() == b"Orthanc's"


def test_a_given_identifier_goes_before_the_kept_one(folder):
    engine = SqliteEngine(folder, identifier="north-wing")
    engine.open()
    reader = engine.reader()
    assert reader.describe_index().identifier == "north-wing"
    reader.close()
    engine.close()
