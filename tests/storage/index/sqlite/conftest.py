import pytest

from repertory.storage.index.sqlite.engine import SqliteEngine


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture
def engine(folder):
    engine = SqliteEngine(folder, synchronous="NORMAL")
    engine.open()
    yield engine
    engine.close()
