"""Files that end too early, lie about lengths, or nest without end."""

import struct

import pytest

from repertory.errors import MissingTag, NotDicom
from repertory.storage.dicom import summarize, tags
from repertory.testing.files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    make_dicom,
)

SYNTAXES = [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, JPEG]


@pytest.mark.parametrize(
    ("syntax", "meta"),
    [
        *[(syntax, True) for syntax in SYNTAXES],
        # Without meta header a file is not known to be deflated or encapsulated.
        *[(syntax, False) for syntax in (IMPLICIT, EXPLICIT, BIG_ENDIAN)],
    ],
)
def test_a_file_cut_anywhere_is_refused_or_has_the_same_identity(syntax, meta):
    size = None if syntax == DEFLATED else 3000
    data = make_dicom(seed=1, size=size, transfer_syntax=syntax, meta=meta)
    whole = summarize(data)

    accepted = []
    for length in range(len(data)):
        try:
            summary = summarize(data[:length])
        except (NotDicom, MissingTag):
            continue
        assert summary.identity == whole.identity
        for level, of_level in summary.main_tags.items():
            assert of_level.items() <= whole.main_tags[level].items()
        accepted.append(length)

    # A file may be cut between two elements, after the identifiers and before the pixel data.
    assert len(accepted) < 40
    assert all(length <= whole.pixel_data_offset for length in accepted)


@pytest.mark.parametrize("syntax", [EXPLICIT, JPEG])
def test_a_file_on_disk_that_is_cut_is_refused_too(syntax, tmp_path):
    data = make_dicom(seed=1, size=3000, transfer_syntax=syntax)
    offset = summarize(data).pixel_data_offset
    path = tmp_path / "file"

    for length in range(offset + 1, len(data), 7):
        path.write_bytes(data[:length])
        with pytest.raises(NotDicom):
            summarize(path)


def test_pixel_data_in_fragments_need_their_end():
    data = make_dicom(transfer_syntax=JPEG)

    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    for cut in (data[:-8], data[:-8] + bytes(8), data[:-8] + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"):
        with pytest.raises(NotDicom):
            summarize(cut)


@pytest.mark.parametrize("lie", [0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT])
def test_lies_about_lengths_cost_no_memory(syntax, lie, tmp_path, memory_peak):
    data = bytearray(make_dicom(seed=1, rich=True, transfer_syntax=syntax))
    # The length of a private element in a file of 19 KB.
    at = data.index(b"\x29\0\x10\x10") + (4 if syntax == IMPLICIT else 8)
    data[at : at + 4] = struct.pack("<I", lie)
    path = tmp_path / "file"
    path.write_bytes(data)

    for source in (bytes(data), path):
        for read in (summarize, tags):
            with pytest.raises(NotDicom):
                read(source)

    assert memory_peak() < 2_000_000


def nested(depth, *, undefined, explicit=True):
    """A sequence in an item of a sequence, and so on."""
    header = b"\x08\0\x40\x11" + (b"SQ\0\0" if explicit else b"")
    if undefined:
        begin = header + b"\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\xff\xff\xff\xff"
        end = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
        return begin * depth + end * depth
    content = b""
    for _ in range(depth):
        item = b"\xfe\xff\0\xe0" + struct.pack("<I", len(content)) + content
        content = header + struct.pack("<I", len(item)) + item
    return content


@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("explicit", [True, False])
def test_sequences_ten_thousand_deep_do_no_harm(undefined, explicit):
    syntax = EXPLICIT if explicit else IMPLICIT
    deep = nested(10_000 if undefined else 5_000, undefined=undefined, explicit=explicit)
    data = make_dicom(seed=1, transfer_syntax=syntax, tags={"0008,1140": ("OB", b"")})
    header = b"\x08\0\x40\x11" + (b"OB\0\0" if explicit else b"") + bytes(4)
    data = data.replace(header, deep)

    assert summarize(data).identity == summarize(make_dicom(seed=1)).identity
    found = tags(data)
    depth = 0
    while found["0008,1140"]["Type"] == "Sequence":
        found = found["0008,1140"]["Value"][0]
        depth += 1
    assert found["0008,1140"] == {
        "Name": "ReferencedImageSequence",
        "Type": "Null",
        "Value": None,
    }
    assert depth == 32


def test_sequences_ten_thousand_deep_without_an_end_are_refused():
    deep = nested(10_000, undefined=True)
    data = make_dicom(tags={"0008,1140": ("OB", b""), "PixelData": None})
    data = data.replace(b"\x08\0\x40\x11OB\0\0" + bytes(4), deep[: len(deep) // 2])

    with pytest.raises(NotDicom):
        summarize(data)
    with pytest.raises(NotDicom):
        tags(data)


def test_deep_sequences_in_a_file_that_pydicom_has_to_read_are_refused():
    # An undefined length where none can be hands the file over to pydicom.
    deep = nested(10_000, undefined=True)
    odd = b"\x08\0\x3e\x10UT\0\0\xff\xff\xff\xff" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    data = make_dicom(tags={"0008,1140": ("OB", b"")})
    data = data.replace(b"\x08\0\x40\x11OB\0\0" + bytes(4), odd + deep)

    with pytest.raises(NotDicom):
        summarize(data)
    with pytest.raises(NotDicom):
        tags(data)
