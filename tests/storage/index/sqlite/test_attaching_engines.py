import pytest

from repertory.errors import CannotStart, IndexFailed
from repertory.model import Level
from repertory.storage.index.sqlite.connection import ATTACHED_CACHE_KIB, READER_CACHE_KIB
from repertory.storage.index.sqlite.engine import SqliteEngine


@pytest.fixture
def owner(tmp_path):
    engine = SqliteEngine(tmp_path)
    engine.open()
    yield engine
    engine.close()


@pytest.mark.usefixtures("owner")
def test_another_process_reads_an_index_that_is_open(tmp_path):
    guest = SqliteEngine(tmp_path)

    guest.attach()

    reader = guest.reader()
    assert reader.list_resources(Level.STUDY, 0, 0) == ()
    reader.close()
    guest.detach()
    with pytest.raises(IndexFailed):
        guest.reader()


def test_guests_keep_few_pages_for_they_have_many_readers(owner, tmp_path):
    guest = SqliteEngine(tmp_path)
    guest.attach()

    sizes = []
    for engine in (owner, guest):
        db = engine._connect(readonly=True)
        sizes.append(-db.connection.pragma("cache_size"))
        db.close()
    guest.detach()

    assert sizes == [READER_CACHE_KIB, ATTACHED_CACHE_KIB]


def test_what_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(CannotStart):
        SqliteEngine(tmp_path).attach()


def test_a_guest_keeps_nobody_from_opening_the_index_anew(tmp_path):
    owner = SqliteEngine(tmp_path)
    owner.open()
    guest = SqliteEngine(tmp_path)
    guest.attach()
    owner.close()

    owner.open()

    guest.detach()
    owner.close()
