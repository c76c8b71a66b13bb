"""How many pages of the index are kept in memory."""

import pytest

from repertory.storage.index.sqlite.connection import ATTACHED_CACHE_KIB, READER_CACHE_KIB
from repertory.storage.index.sqlite.engine import SqliteEngine


@pytest.mark.parametrize(
    ("is_shared", "expected"), [(False, READER_CACHE_KIB), (True, ATTACHED_CACHE_KIB)]
)
def test_readers_keep_fewer_pages_where_other_processes_have_readers_too(
    tmp_path, is_shared, expected
):
    engine = SqliteEngine(tmp_path, is_shared=is_shared)
    engine.open()
    reader = engine.reader()
    try:
        assert reader._db.connection.pragma("cache_size") == -expected
    finally:
        reader.close()
        engine.close()
