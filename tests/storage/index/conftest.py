"""An index of every engine, and made-up instances to put into it."""

import pytest

from repertory.storage.index import ENGINES


@pytest.fixture(params=sorted(ENGINES))
def engine(request, tmp_path):
    engine = ENGINES[request.param](tmp_path / "index", synchronous="NORMAL", signatures={})
    engine.open()
    yield engine
    engine.close()


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
