import apsw
import pytest

from repertory.errors import ArchiveFull, IndexBusy, IndexFailed
from repertory.model import Level
from repertory.storage.index.sqlite.connection import SqliteDatabase, translated


@pytest.fixture
def writer(engine):
    writer = engine.writer()
    yield writer
    writer.close()


@pytest.fixture
def reader(engine):
    reader = engine.reader()
    yield reader
    reader.close()


def fill(writer, made_up, numbers):
    writer.begin()
    for number in numbers:
        writer.record_instance(**made_up.an_instance("P", "1", "1", str(number)))
    writer.commit()


def test_a_full_disk_voids_the_group_and_heals(writer, reader, made_up):
    fill(writer, made_up, range(100))
    connection = writer._db.connection
    connection.pragma("max_page_count", connection.pragma("page_count") + 2)
    with pytest.raises(ArchiveFull):
        fill(writer, made_up, range(100, 1000))
    with pytest.raises(IndexFailed):
        writer.record_instance(**made_up.an_instance())
    writer.rollback()
    assert reader.describe_totals().instances == 100

    connection.pragma("max_page_count", 2**30)
    fill(writer, made_up, range(100, 1000))
    assert reader.describe_totals().instances == 1000
    assert reader.describe_statistics(Level.PATIENT, made_up.public_id("P")).instances == 1000


def test_a_full_disk_is_found_out_at_commit_as_well(writer, reader, made_up):
    fill(writer, made_up, range(3))
    connection = writer._db.connection
    writer.begin()
    for number in range(30):
        writer.release(made_up.a_file())
        writer.record_instance(**made_up.an_instance("P", "2", "2", str(number), place=number))
    connection.pragma("max_page_count", connection.pragma("page_count"))
    for number in range(2000):
        writer._group.log(2, number, made_up.NOON)
    with pytest.raises(ArchiveFull):
        writer.commit()

    connection.pragma("max_page_count", 2**30)
    fill(writer, made_up, range(3, 5))
    assert reader.describe_totals().instances == 5
    assert reader.describe_last_change().last == 8
    assert reader.count_released() == 0


def test_an_index_that_another_program_writes_is_busy(engine, folder, made_up):
    db = SqliteDatabase(folder / "repertory.db", readonly=False)
    db.connection.set_busy_timeout(0)
    other = apsw.Connection(str(folder / "repertory.db"))
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(IndexBusy):
        db.begin()
    other.close()

    db.begin()
    db.rollback()
    db.close()


def test_a_reader_cannot_write(reader):
    with pytest.raises(IndexFailed):
        reader._db.execute("DELETE FROM resources")


def test_a_failed_read_ends_its_transaction(reader):
    with pytest.raises(IndexFailed), reader._state as db:
        db.one("SELECT nothing FROM nowhere")

    assert reader.describe_totals().patients == 0
    assert not reader._db.connection.in_transaction


def test_the_cause_of_a_failure_is_kept(reader):
    with pytest.raises(IndexFailed) as failed:
        reader._db.one("SELECT nothing FROM nowhere")

    assert isinstance(failed.value.__cause__, apsw.SQLError)


@pytest.mark.parametrize(
    ("error", "errno", "meaning"),
    [
        (apsw.FullError(), 0, ArchiveFull),
        (apsw.IOError(), 28, ArchiveFull),
        (apsw.IOError(), 5, IndexFailed),
        (apsw.BusyError(), 28, IndexBusy),
        (apsw.BusyError(), 0, IndexBusy),
        (apsw.CorruptError(), 0, IndexFailed),
    ],
)
def test_errors_of_sqlite_have_a_meaning(error, errno, meaning):
    assert type(translated(error, errno)) is meaning
