import apsw
import pytest
import structlog

from repertory.storage.index.sqlite.log_copying import LogCopier

LIMIT = 40
PAGE = 4096


@pytest.fixture
def path(tmp_path):
    return tmp_path / "index.db"


@pytest.fixture
def writer(path):
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "WAL")
    connection.execute("CREATE TABLE filled (number INTEGER PRIMARY KEY, content BLOB)")
    yield connection
    connection.close()


@pytest.fixture
def copier(path, writer):
    copier = LogCopier(path, writer, pages=LIMIT)
    yield copier
    copier.close()


def fill(writer, copier, numbers):
    for number in numbers:
        writer.execute("INSERT INTO filled VALUES (?, zeroblob(?))", (number, 2 * PAGE))
        copier.wait()


def log_of(path):
    return path.with_name(path.name + "-wal").stat().st_size // PAGE


def test_the_log_is_copied_and_begun_anew(path, writer, copier):
    fill(writer, copier, range(400))

    assert LIMIT <= log_of(path) < 2 * LIMIT
    assert path.stat().st_size // PAGE > 400  # two of each three pages, at least, are there


def test_a_commit_leaves_the_copying_to_another_thread(path, writer, copier):
    fill(writer, copier, range(LIMIT // 20))
    before = path.stat().st_size

    numbers = iter(range(1_000, 2_000))
    while copier._thread is None:
        assert path.stat().st_size == before
        writer.execute("INSERT INTO filled VALUES (?, zeroblob(?))", (next(numbers), 2 * PAGE))
    copier.wait()

    assert path.stat().st_size > before


def test_a_reader_of_an_old_state_keeps_the_log_and_nothing_else(path, writer, copier):
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    fill(writer, copier, range(10))
    with reader:
        assert reader.execute("SELECT COUNT(*) FROM filled").get == 10
        fill(writer, copier, range(10, 200))
        assert reader.execute("SELECT COUNT(*) FROM filled").get == 10
        long = log_of(path)
        assert long > 2 * LIMIT
    fill(writer, copier, range(200, 400))

    assert log_of(path) <= long + LIMIT
    assert reader.execute("SELECT COUNT(*) FROM filled").get == 400
    reader.close()


def test_the_writer_tries_again_soon_where_a_reader_was_in_the_way(path, writer, copier):
    reader = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    numbers = iter(range(10_000))
    with reader:
        reader.execute("SELECT COUNT(*) FROM filled").fetchall()
        while copier._thread is None:
            fill(writer, copier, [next(numbers)])
        fill(writer, copier, [next(numbers)])
        assert copier._thread is None  # it was copied, and by the writer, too
    length = log_of(path)
    fill(writer, copier, [next(numbers), next(numbers), next(numbers)])

    assert log_of(path) < length + 3 * 3  # no longer by all of what was written since
    reader.close()


def test_a_file_that_cannot_be_copied_to_is_told_and_the_commits_stand(tmp_path, writer):
    copier = LogCopier(tmp_path / "gone" / "index.db", writer, pages=LIMIT)

    with structlog.testing.capture_logs() as logs:
        fill(writer, copier, range(LIMIT))

    assert {(it["event"], it["reason"]) for it in logs} == {
        ("index_log_not_copied", "CantOpenError")
    }
    copier.close()
    assert writer.execute("SELECT COUNT(*) FROM filled").get == LIMIT


def test_what_fails_within_a_commit_is_not_the_commits_failure(path, writer, copier, monkeypatch):
    def fail(_pages):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copier, "_look", fail)
    with structlog.testing.capture_logs() as logs:
        fill(writer, copier, [1])

    assert [it["event"] for it in logs] == ["index_log_not_copied"]
    assert writer.execute("SELECT COUNT(*) FROM filled").get == 1


def test_it_lets_go_of_the_writer(writer, path):
    copier = LogCopier(path, writer, pages=LIMIT)
    fill(writer, copier, range(LIMIT))

    copier.close()
    size = path.stat().st_size
    fill(writer, copier, range(LIMIT, 2 * LIMIT))

    assert path.stat().st_size == size
