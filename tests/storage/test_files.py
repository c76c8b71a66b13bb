import hashlib
import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.errors import ArchiveFull, FileCorrupted, FileLost, StorageFailed
from repertory.model import Compression
from repertory.storage.areas import FilesystemArea, MemoryArea
from repertory.storage.files import IN_MEMORY, FileOptions, Files

FORMS = list(Compression)
HEAD = 900
CONTENT = b"header!!!" * 100 + Random(1).randbytes(150_000) + bytes(range(256)) * 600


@pytest.fixture
def area():
    area = MemoryArea()
    area.open()
    yield area
    area.close()


@pytest.fixture
def make(area):
    """Files in the area, by their options."""

    def make(**options):
        return Files(area, FileOptions(**options))

    return make


def large_file(path, size=6 * IN_MEMORY):
    block = os.urandom(1 << 16) + bytes(15 << 16)
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(block)
    return hashlib.md5(block * (size >> 20)).hexdigest(), size


@pytest.mark.parametrize("form", FORMS)
def test_both_forms_of_a_file_are_measured(make, area, form):
    attachment = make(compression=form).write(CONTENT, 1, head=HEAD)
    stored = area.files[attachment.uuid]

    assert attachment.compression is form
    assert attachment.uncompressed_size == len(CONTENT)
    assert attachment.compressed_size == len(stored)
    assert attachment.uncompressed_md5 == hashlib.md5(CONTENT).hexdigest()
    assert attachment.compressed_md5 == hashlib.md5(stored).hexdigest()


@pytest.mark.parametrize("form", FORMS)
def test_without_md5_sums_none_is_made_and_none_is_missed(make, form):
    files = make(compression=form, keep_md5=False)
    attachment = files.write(CONTENT, 1)

    assert attachment.uncompressed_md5 == attachment.compressed_md5 == ""
    assert files.read(attachment) == CONTENT
    files.check(attachment)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cache_size", [0, 64 << 20])
@pytest.mark.parametrize("verify", [True, False])
def test_any_range_of_any_form_is_read(make, form, cache_size, verify):
    files = make(compression=form, cache_size=cache_size, verify=verify)
    attachment = files.write(CONTENT, 1, head=HEAD)

    for start, length in [(0, 1), (5, 5000), (900, 10), (299_000, 10**9), (0, None), (7, None)]:
        end = None if length is None else start + length
        assert files.read(attachment, start, length) == CONTENT[start:end]
    assert files.read(attachment, len(CONTENT), 5) == b""
    assert files.read_head(attachment, HEAD) == CONTENT[:HEAD]
    assert files.read_head(attachment, 10**9) == CONTENT


@given(
    st.sampled_from(FORMS),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000)), max_size=12),
)
def test_reads_in_any_order_agree_with_the_file(form, caches, ranges):
    content = bytes(range(250)) * 12
    files = Files(MemoryArea(), FileOptions(compression=form, cache_size=100_000 if caches else 0))
    attachment = files.write(content, 1, head=100)

    for start, length in ranges:
        assert files.read(attachment, start, length) == content[start : start + length]
        assert files.read_head(attachment, length) == content[:length]


@pytest.mark.parametrize("form", FORMS)
def test_a_file_read_piece_by_piece_is_decompressed_once(make, area, form):
    files = make(compression=form)
    attachment = files.write(CONTENT, 1)
    read = []
    area_read = area.read
    area.read = lambda uuid, kind, start=0, length=None: (
        read.append(length) or area_read(uuid, kind, start, length)
    )

    pieces = [files.read(attachment, start, 1000) for start in range(0, len(CONTENT), 1000)]

    assert b"".join(pieces) == CONTENT
    # The plain form is read in larger pieces than it is asked for, too.
    assert sum(read) <= attachment.compressed_size + (1 << 18)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("whole", [True, False])
def test_a_flipped_bit_is_found_when_the_whole_is_read(make, area, form, whole):
    files = make(compression=form)
    attachment = files.write(CONTENT, 1)
    damaged = bytearray(area.files[attachment.uuid])
    damaged[len(damaged) // 2] ^= 4
    area.files[attachment.uuid] = bytes(damaged)

    step = len(CONTENT) if whole else 50_000
    with pytest.raises(FileCorrupted):
        b"".join(files.read(attachment, start, step) for start in range(0, len(CONTENT), step))
    with pytest.raises(FileCorrupted):
        files.check(attachment)


@pytest.mark.parametrize("form", FORMS)
def test_a_shorter_file_is_found_however_it_is_read(make, area, form):
    files = make(compression=form)
    attachment = files.write(CONTENT, 1, head=HEAD)
    area.files[attachment.uuid] = area.files[attachment.uuid][:50]

    for read in (files.read, files.check, files.check_size, files.read_stored):
        with pytest.raises(FileCorrupted):
            read(attachment)
    with pytest.raises(FileCorrupted):
        files.read_head(attachment, HEAD)


@pytest.mark.parametrize("form", FORMS)
def test_another_file_of_the_same_length_is_found(make, area, form):
    files = make(compression=form)
    attachment = files.write(CONTENT, 1)
    other = files.write(bytes(len(CONTENT)), 1)
    wrong = replace(
        attachment, uuid=other.uuid, compressed_size=other.compressed_size, compressed_md5=""
    )

    with pytest.raises(FileCorrupted):
        files.read(wrong)
    with pytest.raises(FileCorrupted):
        files.check(wrong)


SMALL = b"small file" * 100


def test_a_small_file_is_read_anew_whatever_is_remembered_of_it(make, area):
    files = make(cache_size=64 << 20)
    attachment = files.write(SMALL, 1)

    assert files.read_small(attachment) == SMALL
    files.read(attachment)
    del area.files[attachment.uuid]
    with pytest.raises(FileLost):
        files.read_small(attachment)


@pytest.mark.parametrize("damaged", [SMALL[:-1], SMALL + b"x", b"", SMALL[::-1]])
def test_a_small_file_that_is_read_anew_is_compared_with_all_that_is_known(make, area, damaged):
    attachment = make().write(SMALL, 1)
    area.files[attachment.uuid] = damaged

    with pytest.raises(FileCorrupted):
        make().read_small(attachment)
    if len(damaged) == len(SMALL):  # of that, its sum alone tells
        assert make(verify=False).read_small(attachment) == damaged
    else:
        with pytest.raises(FileCorrupted):
            make(verify=False).read_small(attachment)


def test_large_files_and_compressed_ones_are_read_otherwise(make):
    assert make().read_small(make().write(CONTENT, 1)) is None
    assert make().read_small(make(compression=Compression.ZSTANDARD).write(SMALL, 1)) is None


def test_what_is_checked_is_the_file_and_not_what_is_remembered_of_it(make, area):
    files = make(cache_size=64 << 20)
    attachment = files.write(CONTENT, 1)
    files.read(attachment)
    area.files[attachment.uuid] = bytes(len(CONTENT))

    assert files.read(attachment) == CONTENT
    with pytest.raises(FileCorrupted):
        files.check(attachment)


def test_a_removed_file_is_forgotten(make):
    files = make(cache_size=64 << 20)
    attachment = files.write(CONTENT, 1)
    files.read(attachment)
    files.remove(attachment.uuid, 1)

    with pytest.raises(FileLost):
        files.read(attachment)


def test_what_is_remembered_stays_within_its_limit(make):
    files = make(cache_size=1 << 20)
    attachments = [files.write(bytes([n]) * 50_000, 1) for n in range(100)]
    for attachment in attachments:
        files.read(attachment)

    cache = files.cache
    assert 900_000 < cache.size <= 1 << 20
    assert cache.get(attachments[0].uuid, 0, 10) is None
    assert cache.get(attachments[-1].uuid, 0, 10) == b"cccccccccc"


@pytest.mark.parametrize("old", FORMS)
@pytest.mark.parametrize("new", FORMS)
def test_a_file_is_given_any_other_form(make, area, old, new):
    files = make(compression=old)
    attachment = files.write(CONTENT, 1025)
    rewritten = files.rewrite(attachment, new, head=HEAD)

    assert rewritten.uuid != attachment.uuid
    assert rewritten.revision == attachment.revision + 1
    assert rewritten.compression is new
    assert rewritten.content_type == 1025
    assert rewritten.uncompressed_md5 == attachment.uncompressed_md5
    assert files.read(rewritten) == files.read(attachment) == CONTENT
    files.check(rewritten)


@pytest.mark.parametrize("old", FORMS)
def test_a_damaged_file_is_not_given_another_form(make, area, old):
    files = make(compression=old)
    attachment = files.write(CONTENT, 1)
    damaged = bytearray(area.files[attachment.uuid])
    damaged[len(damaged) // 3] ^= 1
    area.files[attachment.uuid] = bytes(damaged)

    with pytest.raises(FileCorrupted):
        files.rewrite(attachment, Compression.ZSTANDARD)
    assert list(area.files) == [attachment.uuid]


def test_a_file_without_md5_sum_gets_one_when_it_is_rewritten(make):
    attachment = make(keep_md5=False).write(CONTENT, 1)
    rewritten = make().rewrite(attachment, Compression.ZSTANDARD)

    assert rewritten.uncompressed_md5 == hashlib.md5(CONTENT).hexdigest()
    assert rewritten.compressed_md5 != ""


@pytest.mark.parametrize("form", FORMS)
def test_a_large_file_is_stored_read_and_rewritten_in_bounded_memory(tmp_path, form):
    area = FilesystemArea(tmp_path / "area", synchronize=False)
    area.open()
    files = Files(area, FileOptions(compression=form, level=1, cache_size=16 << 20))
    md5, size = large_file(tmp_path / "upload")
    tracemalloc.start()
    try:
        attachment = files.write_file(tmp_path / "upload", size, md5, 1, head=2000)
        digest = hashlib.md5()
        for start in range(0, size, 1 << 20):
            digest.update(files.read(attachment, start, 1 << 20))
        rewritten = files.rewrite(attachment, Compression.ZSTANDARD)
        files.check(rewritten)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert digest.hexdigest() == md5
    assert peak < size / 2
    assert not (tmp_path / "upload").exists()
    assert sorted(area.names()) == sorted([attachment.uuid, rewritten.uuid])
    assert list((tmp_path / "area" / ".staging").glob("*/*")) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of four megabytes."""
    mount = shutil.which("mount")
    if sys.platform != "linux" or os.geteuid() != 0 or mount is None:
        pytest.skip("to mount a small disk takes Linux and its superuser")
    done = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("form", FORMS)
def test_a_disk_that_fills_up_in_the_middle_of_a_file_keeps_nothing_of_it(
    small_disk, tmp_path_factory, form
):
    area = FilesystemArea(small_disk, synchronize=False)
    area.open()
    files = Files(area, FileOptions(compression=form, level=1))
    kept = files.write(os.urandom(1 << 20), 1)
    for size in (5 << 20, IN_MEMORY + (1 << 20)):
        upload = tmp_path_factory.mktemp("upload") / "file"
        upload.write_bytes(os.urandom(size))
        with pytest.raises(ArchiveFull):
            store(files, upload, size)

    assert list(area.names()) == [kept.uuid]
    assert list((small_disk / ".staging").glob("*/*")) == []
    files.check(kept)
    again = files.write(bytes(1 << 20), 1)
    assert files.read(again) == bytes(1 << 20)


def store(files, upload, size):
    if files.options.compression is Compression.NONE:  # its upload would lie on that disk already
        files.write(upload.read_bytes(), 1)
    else:
        files.write_file(upload, size, "", 1)


def test_an_upload_that_vanished_is_a_failure_of_the_storage(make, tmp_path):
    with pytest.raises(StorageFailed):
        make(compression=Compression.ZSTANDARD).write_file(tmp_path / "none", 5, "", 1)
