"""pydicom is the judge: what the scanner finds is what pydicom finds."""

import io
import warnings
import zlib

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement

from repertory.errors import MissingTag, NotDicom
from repertory.storage.dicom import summarize, tags
from repertory.storage.dicom.layout import Damaged, Unfamiliar, read_layout
from repertory.storage.dicom.names import ENTRIES, parse_tag
from repertory.storage.dicom.scanner import PIXEL_DATA, scan, wanted_keys
from repertory.storage.dicom.sources import Memory
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.files import (
    BIG_ENDIAN,
    DEFLATED,
    IMPLICIT,
    JPEG,
    make_dicom,
)

# RequestAttributesSequence is a main tag of Orthanc, but no text.
WANTED = [parse_tag(tag) for tag in MAIN_DICOM_TAGS.levels if tag != "0040,0275"]

REFUSED = {
    # No DICOM files.
    *("FileInfo.txt", "README", "README.txt", "crayons.icc", "rtplan.dump", "rtstruct.dump"),
    *("test1.json", "test_PN.json", "zipMR.gz"),
    # A byte too many before the data set.
    "no_meta.dcm",
    # They end within an element.
    *("MR_truncated.dcm", "rtplan_truncated.dcm"),
    # Media directories.
    *("DICOMDIR", "DICOMDIR-bigEnd", "DICOMDIR-empty.dcm", "DICOMDIR-implicit"),
    *("DICOMDIR-nooffset", "DICOMDIR-nopatient", "DICOMDIR-reordered"),
}
LACKING = {
    *("chrSQEncoding.dcm", "chrSQEncoding1.dcm", "JPEGLSNearLossless_08.dcm"),
    *("JPEGLSNearLossless_16.dcm", "SC_rgb_jls_lossy_line.dcm", "SC_rgb_jls_lossy_sample.dcm"),
    *("UN_sequence.dcm", "empty_charset_LEI.dcm", "meta_missing_tsyntax.dcm"),
    *("nested_priv_SQ.dcm", "no_meta_group_length.dcm", "priv_SQ.dcm"),
}
# They begin with other groups than data sets that can be archived: pydicom reads them itself.
UNFAMILIAR = {"UN_sequence.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm", "priv_SQ.dcm"}


def found_by_us(data):
    """Raw values by tag, and the offset of the pixel data (``None`` in deflated files)."""
    window = Memory(data)
    layout = read_layout(window)
    found = scan(window, layout, wanted_keys(WANTED, layout.order))
    values = {tag: raw for tag, (_, raw) in found.values.items()}
    return values, None if layout.deflated else found.pixel_data_offset


def found_by_pydicom(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(io.BytesIO(data), force=True)
    elements = {
        int(element.tag): element
        for element in dataset.values()
        if isinstance(element, RawDataElement)
    }
    values = {tag: elements[tag].value or b"" for tag in WANTED if tag in elements}
    pixels = elements.get(PIXEL_DATA)
    if pixels is None or dataset.file_meta.get("TransferSyntaxUID") == DEFLATED:
        return values, None
    long = pixels.VR in ("OB", "OW", "UN")
    return values, pixels.value_tell - (12 if long else 8)


def test_the_scanner_finds_what_pydicom_finds(bundled_file):
    data = bundled_file.read_bytes()

    try:
        found = found_by_us(data)
    except Damaged:
        assert bundled_file.name in REFUSED
    except Unfamiliar:
        assert bundled_file.name in UNFAMILIAR
    else:
        assert found == found_by_pydicom(data)


def test_every_file_that_is_whole_can_be_summarized(bundled_file):
    name = bundled_file.name
    if name in REFUSED:
        with pytest.raises(NotDicom):
            summarize(bundled_file.read_bytes())
    elif name in LACKING:
        with pytest.raises(MissingTag):
            summarize(bundled_file.read_bytes())
    else:
        dataset = pydicom.dcmread(bundled_file, force=True)
        summary = summarize(bundled_file.read_bytes())

        assert summary.identity.sop_instance_uid == dataset.SOPInstanceUID
        assert summary.identity.series_instance_uid == dataset.SeriesInstanceUID
        assert summary.identity.study_instance_uid == dataset.StudyInstanceUID
        assert summary.sop_class_uid == dataset.SOPClassUID


def test_a_path_an_open_file_and_bytes_are_summarized_alike(bundled_file):
    if bundled_file.name in REFUSED | LACKING:
        return
    data = bundled_file.read_bytes()

    summary = summarize(data)

    assert summarize(bundled_file) == summary
    assert summarize(memoryview(data)) == summary
    with bundled_file.open("rb") as file:
        assert summarize(file) == summary


def test_all_tags_that_pydicom_reads_are_there(bundled_file):
    if bundled_file.name in REFUSED - {"MR_truncated.dcm"}:
        return
    dataset = pydicom.dcmread(bundled_file, force=True)
    tags_of_ours = tags(bundled_file.read_bytes())

    same_tags(tags_of_ours, dataset)


def same_tags(ours, dataset):
    """Down to the pixel data; sequences item by item, but those that pydicom alone reads."""
    theirs = [tag for tag in dataset.keys() if int(tag) <= PIXEL_DATA]  # noqa: SIM118 - no values
    assert sorted(ours) == sorted(ENTRIES[int(tag)].tag for tag in theirs)
    for tag in theirs:
        element = ours[ENTRIES[int(tag)].tag]
        if element["Type"] == "Sequence":
            items = dataset[tag].value or []
            assert len(element["Value"]) == len(items)
            for item, of_theirs in zip(element["Value"], items, strict=True):
                same_tags(item, of_theirs)


SEEDS = [
    make_dicom(size=3200, seed=1),
    make_dicom(size=3200, seed=2, transfer_syntax=IMPLICIT),
    make_dicom(size=3200, seed=3, transfer_syntax=BIG_ENDIAN),
    make_dicom(size=3200, seed=4, transfer_syntax=JPEG),
    make_dicom(size=3200, seed=5, meta=False),
    make_dicom(seed=6, transfer_syntax=DEFLATED),
    make_dicom(seed=7, rich=True, deep=True, tags={"PixelData": None}),
    make_dicom(seed=8, rich=True, deep=True, transfer_syntax=IMPLICIT, tags={"PixelData": None}),
    make_dicom(seed=9, rich=True, tags={"PixelData": None}),
]

mutations = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "insert", "delete", "cut"]),
        st.binary(min_size=1, max_size=8) | st.sampled_from([b"\xff" * 4, b"\xfe\xff\x0d\xe0"]),
    ),
    min_size=1,
    max_size=4,
)


def mutated(data, steps):
    for place, kind, piece in steps:
        at = int(place * len(data))
        if kind == "replace":
            data = data[:at] + piece + data[at + len(piece) :]
        elif kind == "insert":
            data = data[:at] + piece + data[at:]
        elif kind == "delete":
            data = data[:at] + data[at + len(piece) :]
        else:
            data = data[:at]
    return data


@given(st.sampled_from(SEEDS), mutations)
@settings(max_examples=400, deadline=None)
def test_whatever_happened_to_a_file_it_is_refused_or_read_as_by_pydicom(seed, steps):
    data = mutated(seed, steps)

    try:
        found = found_by_us(data)
    except (Damaged, Unfamiliar, zlib.error):
        return
    try:
        judged = found_by_pydicom(data)
    except Exception:  # noqa: BLE001 - what pydicom cannot read it does not judge
        return
    assert found == judged


@given(st.sampled_from(SEEDS), mutations)
@settings(max_examples=400, deadline=None)
def test_whatever_happened_to_a_file_nothing_but_a_refusal_comes_of_it(seed, steps):
    data = mutated(seed, steps)

    for read in (summarize, tags):
        try:
            read(data)
        except (NotDicom, MissingTag):
            continue
