import io
import re
import struct
import zlib
from random import Random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import FileCorrupted
from repertory.model import Compression
from repertory.storage.compression import (
    FRAME,
    PIECE,
    compress,
    compressed,
    decompress,
    decompressed,
    locate,
    reader_of,
)

FORMS = list(Compression)
PACKED = [Compression.ZLIB_WITH_SIZE, Compression.ZSTANDARD]

forms = st.sampled_from(FORMS)
packed_forms = st.sampled_from(PACKED)
levels = st.integers(1, 9)
contents = st.one_of(
    st.binary(max_size=500),
    st.builds(
        lambda piece, times: piece * times, st.binary(min_size=1, max_size=40), st.integers(0, 9000)
    ),
)


@given(contents, forms, levels, st.integers(0, 600))
def test_what_goes_in_comes_out(content, form, level, head):
    stored = compress(content, form, level=level, head=head)

    assert decompress(stored, form, len(content)) == content
    assert decompress(stored, form) == content


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [PIECE, PIECE + 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME + 7])
@pytest.mark.parametrize("head", [0, 1500, FRAME + 5])
def test_files_of_several_pieces_and_frames_come_out_as_they_went_in(form, size, head):
    content = bytes(range(256)) * (size // 256) + b"!" * (size % 256)

    assert decompress(compress(content, form, level=1, head=head), form, size) == content


@given(contents.filter(bool), packed_forms, st.data())
def test_a_truncated_file_is_refused(content, form, data):
    stored = compress(content, form, level=3, head=20)
    cut = data.draw(st.integers(0, len(stored) - 1))

    with pytest.raises(FileCorrupted):
        decompress(stored[:cut], form, len(content))


@given(contents.filter(bool), packed_forms, st.data())
def test_a_truncated_file_of_unknown_size_never_comes_out_wrong(content, form, data):
    stored = compress(content, form, level=3, head=data.draw(st.integers(0, 100)))
    cut = data.draw(st.integers(1, len(stored) - 1))

    with pytest.raises(FileCorrupted):
        decompress(stored[:cut], form)


@given(contents, packed_forms, st.data())
@settings(max_examples=300)
def test_a_flipped_bit_is_found_or_does_no_harm(content, form, data):
    stored = bytearray(compress(content, form, level=3, head=20))
    if not stored:
        return
    place = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[place // 8] ^= 1 << place % 8

    try:
        result = decompress(bytes(stored), form, len(content))
    except FileCorrupted:
        return
    assert result == content  # some bits of a header say nothing


@given(st.binary(min_size=1, max_size=200), packed_forms)
def test_what_is_not_compressed_is_refused(content, form):
    with pytest.raises(FileCorrupted):
        decompress(content, form, 10**6)


@given(contents.filter(bool), packed_forms, st.binary(min_size=1, max_size=30))
def test_bytes_behind_the_end_are_refused(content, form, more):
    with pytest.raises(FileCorrupted):
        decompress(compress(content, form, level=3) + more, form, len(content))


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_file_is_stored_as_an_empty_file(form):
    assert compress(b"", form, level=3) == b""
    assert decompress(b"", form, 0) == b""


@pytest.mark.parametrize("form", PACKED)
def test_an_empty_stored_form_is_not_that_of_a_file_with_bytes(form):
    with pytest.raises(FileCorrupted):
        decompress(b"", form, 5)


def test_zlib_with_size_is_what_orthanc_writes():
    content = b"DICOM" * 141 + b"!"
    stored = compress(content, Compression.ZLIB_WITH_SIZE, level=6)

    assert stored[:10].hex(" ") == "c2 02 00 00 00 00 00 00 78 9c"
    assert zlib.decompress(stored[8:]) == content


def test_what_orthanc_wrote_is_read():
    content = bytes(1000)
    stored = struct.pack("<Q", 1000) + zlib.compress(content)

    assert decompress(stored, Compression.ZLIB_WITH_SIZE, 1000) == content


def test_a_wrong_size_before_the_zlib_stream_is_found():
    stored = struct.pack("<Q", 999) + zlib.compress(bytes(1000))

    with pytest.raises(FileCorrupted):
        decompress(stored, Compression.ZLIB_WITH_SIZE)


def test_zstandard_is_what_other_programs_unpack():
    content = bytes(range(256)) * 40_000
    stored = compress(content, Compression.ZSTANDARD, level=3, head=700)
    reader = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(stored), read_across_frames=True)

    assert reader.read() == content


def test_the_header_of_a_file_is_a_frame_of_its_own():
    content = b"header" * 100 + bytes(100_000)
    stored = compress(content, Compression.ZSTANDARD, level=3, head=600)

    assert zstandard.get_frame_parameters(stored).content_size == 600
    assert (
        next(decompressed(reader_of(stored), len(stored), Compression.ZSTANDARD)) == content[:600]
    )


def test_a_header_is_read_without_the_rest_of_the_file():
    content = b"header" * 100 + bytes(50 * FRAME)
    stored = compress(content, Compression.ZSTANDARD, level=1, head=600)
    asked = []

    def read(start, length):
        asked.append(start + length)
        return stored[start : start + length]

    next(decompressed(read, len(stored), Compression.ZSTANDARD, len(content)))

    assert max(asked) <= 16 << 10


def framed(frames=5, head=700):
    content = Random(2).randbytes(1000) * (frames * FRAME // 1000)
    return content, compress(content, Compression.ZSTANDARD, level=1, head=head)


@pytest.mark.parametrize("kept", [1, 2])
def test_a_file_whose_last_frames_are_missing_is_refused(kept):
    _, stored = framed(3)
    ends = [match.start() for match in re.finditer(rb"\x28\xb5\x2f\xfd", stored)]

    assert len(ends) == 4
    with pytest.raises(FileCorrupted):
        decompress(stored[: ends[kept]], Compression.ZSTANDARD)


def test_a_file_is_read_from_the_middle_by_its_table_of_frames():
    content, stored = framed()
    read, asked = reader_of(stored), []

    def noted(start, length):
        asked.append(length)
        return read(start, length)

    for start in (0, 699, 700, 700 + FRAME - 1, 700 + FRAME, 3 * FRAME, len(content) - 1):
        begin = locate(noted, len(stored), len(content), start)
        assert start - FRAME < begin[1] <= start
        pieces = decompressed(read, len(stored), Compression.ZSTANDARD, len(content), begin)
        assert b"".join(pieces) == content[begin[1] :]
    assert max(asked) < 200


FRAMED = framed(2)


@given(st.data())
@settings(max_examples=40)
def test_a_damaged_table_of_frames_leads_nowhere_wrong(data):
    content, stored = FRAMED
    place = data.draw(st.integers(8 * (len(stored) - 41), 8 * len(stored) - 1))
    damaged = bytearray(stored)
    damaged[place // 8] ^= 1 << place % 8

    with pytest.raises(FileCorrupted):
        locate(reader_of(bytes(damaged)), len(stored), len(content), 2 * FRAME)
    with pytest.raises(FileCorrupted):
        decompress(bytes(damaged), Compression.ZSTANDARD)


@pytest.mark.parametrize("claims", ["no checksum", "no size", "too much"])
def test_a_frame_that_is_not_ours_asks_for_no_memory(claims):
    options = {"write_checksum": claims != "no checksum", "write_content_size": claims != "no size"}
    size = 100 << 20 if claims == "too much" else 1000
    stored = zstandard.ZstdCompressor(**options).compress(bytes(size))

    with pytest.raises(FileCorrupted):
        next(decompressed(reader_of(stored), len(stored), Compression.ZSTANDARD))


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_shrinks_while_it_is_compressed_is_refused(form):
    with pytest.raises(FileCorrupted):
        list(compressed(lambda _, length: bytes(length - 1), 100, form, level=1))
