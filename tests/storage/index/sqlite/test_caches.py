"""How many pages of the index are kept in memory."""

import pytest

from repertory.storage.index.sqlite.connection import (
    ATTACHED_CACHE_KIB,
    READER_CACHE_KIB,
    SHARED_WRITER_CACHE_KIB,
    WRITER_CACHE_KIB,
)
from repertory.storage.index.sqlite.engine import SqliteEngine


@pytest.mark.parametrize(
    ("is_shared", "of_reader", "of_writer"),
    [
        (False, READER_CACHE_KIB, WRITER_CACHE_KIB),
        (True, ATTACHED_CACHE_KIB, SHARED_WRITER_CACHE_KIB),
    ],
)
def test_fewer_pages_are_kept_where_other_processes_have_readers_too(
    tmp_path, is_shared, of_reader, of_writer
):
    engine = SqliteEngine(tmp_path, is_shared=is_shared)
    engine.open()
    reader, writer = engine.reader(), engine.writer()
    try:
        assert reader._db.connection.pragma("cache_size") == -of_reader
        assert writer._db.connection.pragma("cache_size") == -of_writer
    finally:
        reader.close()
        writer.close()
        engine.close()
