import io
import os
import time
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.storage.zipping import ZipStream, make_entry

MOMENT = time.struct_time((2026, 5, 6, 7, 8, 10, 0, 0, -1))


def unpack(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {it.filename: archive.read(it) for it in archive.infolist()}


def infos(content):
    return {it.filename: it for it in zipfile.ZipFile(io.BytesIO(content)).infolist()}


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=30),
        st.tuples(st.binary(max_size=3000), st.booleans()),
        max_size=8,
    )
)
def test_what_goes_in_comes_out_whole_or_in_pieces(files):
    stream, content = ZipStream(), b""
    for name, (plain, in_pieces) in files.items():
        if in_pieces:
            pieces = [plain[start : start + 700] for start in range(0, len(plain), 700)]
            content += b"".join(stream.add_pieces(name, pieces, MOMENT))
        else:
            content += stream.add(make_entry(name, plain, MOMENT))
    content += stream.finish()

    assert unpack(content) == {name: plain for name, (plain, _) in files.items()}


@pytest.mark.parametrize("size", [1000, 300_000])
def test_what_cannot_be_made_smaller_is_stored_as_it_is(size):
    stream = ZipStream()
    content = stream.add(make_entry("noise", os.urandom(size), MOMENT))
    content += stream.add(make_entry("zeros", bytes(size), MOMENT)) + stream.finish()

    found = infos(content)
    assert found["noise"].compress_type == zipfile.ZIP_STORED
    assert found["zeros"].compress_type == zipfile.ZIP_DEFLATED
    assert found["zeros"].compress_size < size / 50


def test_sizes_stand_before_the_bytes_for_those_who_read_without_the_directory():
    content = make_entry("noise", os.urandom(1000), MOMENT).content
    header = zipfile.ZipInfo("noise")

    assert int.from_bytes(content[6:8], "little") & 0x08 == 0
    assert int.from_bytes(content[18:22], "little") == 1000
    assert len(content) == 30 + len(header.filename) + 1000


def test_entries_are_dated():
    stream = ZipStream()
    content = stream.add(make_entry("a", b"", MOMENT))
    content += stream.add(make_entry("b", b"", time.gmtime(0))) + stream.finish()

    assert infos(content)["a"].date_time == (2026, 5, 6, 7, 8, 10)
    assert infos(content)["b"].date_time == (1980, 1, 1, 0, 0, 0)


def test_a_file_that_breaks_off_is_not_listed():
    def broken():
        yield b"half"
        raise OSError("broken off")

    stream = ZipStream()
    content = b""
    pieces = stream.add_pieces("broken", broken(), MOMENT)
    content += next(pieces) + next(pieces)
    with pytest.raises(OSError, match="broken off"):
        next(pieces)
    content += stream.add(make_entry("after", b"well", MOMENT)) + stream.finish()

    assert unpack(content) == {"after": b"well"}


def test_an_archive_of_nothing_is_one():
    assert unpack(ZipStream().finish()) == {}
