import io
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.storage.dicom.layout import Damaged, Unfamiliar, read_layout
from repertory.storage.dicom.scanner import scan, wanted_keys
from repertory.storage.dicom.sources import WINDOW, Deflated, Memory, OnDisk
from repertory.testing.files import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, JPEG, make_dicom

TAGS = (0x00080018, 0x00100020, 0x0020000D, 0x00104000, 0x00281050)


class Narrow(OnDisk):
    """Looks at a few bytes at a time, where others look at many."""

    width = 1000

    def move(self, position, length=WINDOW):
        return super().move(position, self.width if length == WINDOW else length)


def outcome(window, layout):
    """What a scan finds, or how it fails."""
    try:
        found = scan(window, layout, wanted_keys(TAGS, layout.order))
    except (Damaged, Unfamiliar, zlib.error) as error:
        return type(error)
    return found.values, found.pixel_data_offset, found.pixel_data_vr


@given(
    st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN, JPEG, DEFLATED]),
    st.booleans(),
    st.integers(12, 100),
    st.integers(0, 200),
)
@settings(deadline=None)
def test_a_scan_finds_the_same_however_narrow_its_window(syntax, deep, width, cut):
    comment = "far beyond a window " * 10
    data = make_dicom(
        seed=1, rich=True, deep=deep, transfer_syntax=syntax, tags={"PatientComments": comment}
    )
    data = data[: len(data) - cut]
    window = Narrow(io.BytesIO(data))
    window.width = width

    # The meta header is looked at as a whole.
    layout = read_layout(Memory(data))

    assert outcome(window, layout) == outcome(Memory(data), layout)


@given(st.binary(max_size=3000), st.lists(st.integers(0, 400), max_size=10), st.integers(1, 300))
def test_a_window_on_deflated_data_shows_what_was_deflated(data, steps, length):
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = b"before" + deflate.compress(data) + deflate.flush() + b"\0"
    window = Deflated(Memory(packed), 6)

    position = 0
    for step in steps:
        position += step
        window.move(position, length)

        assert window.start == position
        expected = data[position : position + length]
        assert window.data[: len(expected)] == expected


def test_the_end_of_deflated_data_is_found():
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(b"abc") + deflate.flush()
    window = Deflated(Memory(packed), 0)

    assert window.move(3) == b""
    assert window.size == 3
    with pytest.raises(zlib.error):
        Deflated(Memory(packed[:-1]), 0).move(3)
