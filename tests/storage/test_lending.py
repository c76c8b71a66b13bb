import os
import uuid as uuids

import pytest

from repertory.errors import FileCorrupted
from repertory.model import Compression
from repertory.storage.areas import FilesystemArea
from repertory.storage.areas.memory import MemoryArea
from repertory.storage.files import FileOptions, Files

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def area(tmp_path):
    area = FilesystemArea(tmp_path, synchronize=False)
    area.open()
    return area


def place_of(tmp_path, attachment):
    return tmp_path / attachment.uuid[:2] / attachment.uuid[2:4] / attachment.uuid


def test_a_file_is_lent_once_it_was_found_right(area, tmp_path):
    files = Files(area, FileOptions())
    stored = files.write(CONTENT, 1)
    assert files.lend(stored) is None

    assert files.read(stored, 0, 100) == CONTENT[:100]
    assert files.lend(stored) is None
    assert files.read(stored) == CONTENT
    assert files.lend(stored) == str(place_of(tmp_path, stored))


def test_what_is_not_checked_is_lent_at_once(area, tmp_path):
    for options in (FileOptions(verify=False), FileOptions(keep_md5=False)):
        files = Files(area, options)
        stored = files.write(CONTENT, 1)

        assert files.lend(stored) == str(place_of(tmp_path, stored))


def test_a_file_that_was_found_wrong_is_never_lent(area, tmp_path):
    files = Files(area, FileOptions())
    stored = files.write(CONTENT, 1)
    place_of(tmp_path, stored).write_bytes(CONTENT[::-1])

    with pytest.raises(FileCorrupted):
        files.read(stored)
    assert files.lend(stored) is None


@pytest.mark.parametrize("touch", ["written", "replaced", "grown", "gone"])
def test_a_file_that_was_touched_is_not_lent_any_more(area, tmp_path, touch):
    files = Files(area, FileOptions(), new_name=lambda: str(uuids.uuid4()))
    stored = files.write(CONTENT, 1)
    files.read(stored)
    place = place_of(tmp_path, stored)
    if touch == "written":
        place.write_bytes(CONTENT)
        os.utime(place, ns=(1, 1))
    elif touch == "replaced":
        other = tmp_path / "other"
        other.write_bytes(CONTENT)
        other.rename(place)
    elif touch == "grown":
        place.write_bytes(CONTENT + b"more")
    else:
        place.unlink()

    assert files.lend(stored) is None


def test_a_removed_file_is_forgotten(area):
    files = Files(area, FileOptions())
    stored = files.write(CONTENT, 1)
    files.read(stored)

    files.remove(stored.uuid, 1)

    assert files.lend(stored) is None


def test_what_lies_there_in_another_form_is_not_lent(area):
    files = Files(area, FileOptions(compression=Compression.ZSTANDARD, verify=False))
    stored = files.write(CONTENT, 1)
    files.read(stored)

    assert files.lend(stored) is None


def test_what_lies_in_memory_is_not_lent():
    area = MemoryArea()
    area.open()
    files = Files(area, FileOptions(verify=False))

    assert files.lend(files.write(CONTENT, 1)) is None
    area.close()


def test_what_is_lent_takes_no_room_in_the_cache(area):
    files = Files(area, FileOptions(cache_size=64 << 20))
    large, small = files.write(CONTENT, 1), files.write(CONTENT[:1000], 1)

    files.read(large)
    files.read(small)

    assert files.lend(large)
    assert files.cache.size == 1000
