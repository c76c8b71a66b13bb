import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.errors import MissingTag, NotDicom
from repertory.model import Identity, Level
from repertory.storage.dicom import summarize
from repertory.storage.dicom.summary import _MOST, _Known, _plan, _Seen
from repertory.storage.main_tags import MainDicomTags
from repertory.testing.files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    make_dicom,
    write_large_dicom,
)

SYNTAXES = [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, JPEG]


def main_tags(**tags):
    """All main tags of a made-up file, of whichever level."""
    found = {}
    for of_level in summarize(make_dicom(tags=tags)).main_tags.values():
        found |= of_level
    return found


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("rich", [False, True])
@pytest.mark.parametrize("deep", [False, True])
def test_the_same_image_has_the_same_summary_however_it_is_written(syntax, rich, deep):
    plain = summarize(make_dicom(seed=1, rich=rich))

    summary = summarize(make_dicom(seed=1, rich=rich, transfer_syntax=syntax, deep=deep))

    assert summary.identity == plain.identity
    assert summary.main_tags == plain.main_tags
    assert summary.transfer_syntax == syntax
    assert summary.sop_class_uid == "1.2.840.10008.5.1.4.1.1.4"
    assert (summary.index_in_series, summary.expected_instances) == (1, 1 if rich else None)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"", b"ISO_IR 100", b"ISO_IR 144", b"ISO_IR 192"]),
            st.sampled_from([b"A^B", b"\xc4\xd6", b"\xc3\x84^B ", b" A ", b"", bytes(80)]),
            st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN]),
        ),
        max_size=12,
    )
)
def test_what_was_read_before_changes_nothing(files):
    for charset, name, syntax in files:
        tags = {"SpecificCharacterSet": charset, "PatientName": name, "StudyDescription": name}
        file = make_dicom(transfer_syntax=syntax, tags=tags)

        found = summarize(file)
        _plan.cache_clear()  # what is remembered goes with it

        assert found == summarize(file)


def test_no_more_is_remembered_than_some_thousand_short_values():
    seen = _Seen()
    for number in range(_MOST + 10):
        seen.learn((number, "LO", bytes(64)), _Known("", "", ()))
        seen.learn((number, "LO", bytes(65)), _Known("", "", ()))

    assert sorted(seen) == [(number, "LO", bytes(64)) for number in range(_MOST, _MOST + 10)]


def test_main_tags_are_kept_at_their_levels():
    summary = summarize(
        make_dicom(patient_id="P1", study="1.1", series="1.2", instance="1.3", number=7)
    )

    assert summary.identity == Identity("P1", "1.1", "1.2", "1.3")
    assert summary.main_tags[Level.PATIENT] == {
        "0010,0010": "Test^Patient",
        "0010,0020": "P1",
        "0010,0030": "19700101",
        "0010,0040": "O",
    }
    assert summary.main_tags[Level.STUDY]["0020,000d"] == "1.1"
    assert summary.main_tags[Level.SERIES]["0020,0037"] == "0\\1\\0\\0\\0\\-1"
    assert summary.main_tags[Level.INSTANCE]["0020,0037"] == "0\\1\\0\\0\\0\\-1"
    assert summary.main_tags[Level.INSTANCE]["0020,0013"] == "7"


def test_extra_main_tags_are_kept_too():
    data = make_dicom(tags={"Rows": 5, "PatientAge": "007Y"})
    extra = MainDicomTags.defaults({Level.INSTANCE: ["0028,0010"], Level.STUDY: ["0010,1010"]})

    summary = summarize(data, extra)

    assert summary.main_tags[Level.INSTANCE]["0028,0010"] == "5"
    assert summary.main_tags[Level.STUDY]["0010,1010"] == "007Y"
    assert "0028,0010" not in summarize(data).main_tags[Level.INSTANCE]


def test_an_empty_tag_is_kept_and_an_absent_one_is_not():
    tags = main_tags(StudyDescription="", StudyID=None)

    assert tags["0008,1030"] == ""
    assert "0020,0010" not in tags


def test_padding_is_no_part_of_a_value():
    tags = main_tags(StudyDescription=b" A B  ", StudyID=b"S\0", StationName=b"A\0B ")

    assert tags["0008,1030"] == " A B"
    assert tags["0020,0010"] == "S"
    assert tags["0008,1010"] == "A"


def test_numbers_are_kept_as_decimal_text():
    tags = main_tags(**{"0054,0081": ("US", [3, 40000]), "0054,0101": ("US", b"")})

    assert tags["0054,0081"] == "3\\40000"
    assert "0054,0101" not in tags


def test_values_of_more_than_256_bytes_are_not_kept():
    tags = main_tags(StudyDescription="x" * 256, SeriesDescription="x" * 257, StudyID="é" * 129)

    assert len(tags["0008,1030"]) == 256
    assert "0008,103e" not in tags
    assert "0020,0010" not in tags


def test_a_tag_of_unknown_representation_is_read_by_the_dictionary():
    assert main_tags(StudyDescription=("UN", b"Knee"))["0008,1030"] == "Knee"
    assert "0054,0081" not in main_tags(**{"0054,0081": ("UN", b"\1\0")})


@pytest.mark.parametrize(
    ("tags", "index"),
    [
        ({"InstanceNumber": " 12 "}, 12),
        ({"InstanceNumber": "0008"}, 8),
        ({"InstanceNumber": "-3"}, -3),
        ({"InstanceNumber": None, "ImageIndex": 5}, 5),
        ({"InstanceNumber": None}, None),
        ({"InstanceNumber": "", "ImageIndex": 5}, None),
        ({"InstanceNumber": "1.5"}, None),
        ({"InstanceNumber": "²"}, None),
        ({"InstanceNumber": "9" * 30}, None),
    ],
)
def test_the_index_in_a_series_is_the_instance_number_or_else_the_image_index(tags, index):
    assert summarize(make_dicom(tags=tags)).index_in_series == index


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"ImagesInAcquisition": "12", "NumberOfTemporalPositions": "2"}, 24),
        ({"ImagesInAcquisition": "12"}, None),
        ({"NumberOfSlices": 10, "NumberOfTimeSlices": 3}, 30),
        ({"CardiacNumberOfImages": "40"}, 40),
        ({"CardiacNumberOfImages": "0"}, None),
        ({"CardiacNumberOfImages": "many"}, None),
        # The first pair that is there decides, even if it says nothing of use.
        (
            {
                "ImagesInAcquisition": "x",
                "NumberOfTemporalPositions": "1",
                "CardiacNumberOfImages": "40",
            },
            None,
        ),
        ({"NumberOfSlices": [3, 4], "NumberOfTimeSlices": 5}, None),
    ],
)
def test_how_many_instances_a_series_will_have(tags, expected):
    assert summarize(make_dicom(tags=tags)).expected_instances == expected


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, JPEG])
def test_the_pixel_data_begin_where_their_tag_is(syntax):
    data = make_dicom(transfer_syntax=syntax, rich=True)

    summary = summarize(data)

    tag = b"\x7f\xe0\x00\x10" if syntax == BIG_ENDIAN else b"\xe0\x7f\x10\x00"
    assert summary.pixel_data_offset == data.index(tag)
    assert summary.pixel_data_vr == ("OB" if syntax == JPEG else "OW")


def test_a_file_without_pixel_data_has_no_offset():
    summary = summarize(make_dicom(tags={"PixelData": None}))

    assert (summary.pixel_data_offset, summary.pixel_data_vr) == (None, "")


def test_a_deflated_file_has_no_offset_since_it_would_be_one_of_other_bytes():
    assert summarize(make_dicom(transfer_syntax=DEFLATED)).pixel_data_offset is None


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"])
@pytest.mark.parametrize("value", [None, "", b"\0\0", b"  "])
def test_an_identifier_that_is_missing_is_named(name, value):
    with pytest.raises(MissingTag, match=name):
        summarize(make_dicom(tags={name: value}))


def test_a_patient_needs_no_identifier():
    summary = summarize(make_dicom(tags={"PatientID": None}))

    assert summary.identity.patient_id == ""
    assert "0010,0020" not in summary.main_tags[Level.PATIENT]


def test_identifiers_have_no_padding():
    data = make_dicom(tags={"PatientID": b"P 1  \0", "StudyInstanceUID": b" 1.2\0"})

    identity = summarize(data).identity

    assert identity.study_instance_uid == "1.2"
    # As in DCMTK, on which Orthanc's identifiers depend: a NUL hides the spaces before it.
    assert identity.patient_id == "P 1  "
    assert summarize(make_dicom(tags={"PatientID": b" P 1  "})).identity.patient_id == " P 1"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 200,
        b"%PDF-1.7 and so on" * 20,
        b"PK\x03\x04" + bytes(300),
        b"Dear Sir or Madam, " * 100,
        bytes(128) + b"DICM",
        bytes(128) + b"DICM" + b"\xff" * 100,
        b"\x08\0" + b"\xff" * 1000,
        b"\x02\0\0\0UL\x04\0\0\0\0\0",
    ],
)
def test_what_is_no_dicom_is_refused(content, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content)

    for source in (content, path):
        with pytest.raises((NotDicom, MissingTag)):
            summarize(source)


def test_a_media_directory_is_refused(bundled):
    with pytest.raises(NotDicom):
        summarize(bundled("DICOMDIR"))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
def test_a_file_without_preamble_and_meta_header_is_read(syntax):
    data = make_dicom(seed=1, transfer_syntax=syntax, meta=False)

    summary = summarize(data)

    assert summary.identity == summarize(make_dicom(seed=1)).identity
    assert summary.transfer_syntax == syntax
    assert data[summary.pixel_data_offset :][:4] in (b"\xe0\x7f\x10\0", b"\x7f\xe0\0\x10")


def test_a_file_with_a_meta_header_but_without_preamble_is_read():
    data = make_dicom(seed=1, transfer_syntax=JPEG)

    summary = summarize(data[132:])

    assert summary.transfer_syntax == JPEG
    assert summary.pixel_data_offset == summarize(data).pixel_data_offset - 132


def test_what_is_written_counts_for_more_than_the_transfer_syntax():
    implicit = make_dicom(seed=1, transfer_syntax=IMPLICIT)
    as_explicit = implicit.replace(b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.22", 1)

    assert summarize(as_explicit).main_tags == summarize(implicit).main_tags


def test_zeros_at_the_end_are_padding():
    data = make_dicom()

    assert summarize(data + bytes(512)) == summarize(data)
    for tail in (b"\0" * 7, b"\0" * 511 + b"\1", b"garbage", b"\xff" * 16):
        with pytest.raises(NotDicom):
            summarize(data + tail)


def test_elements_after_the_pixel_data_are_allowed_if_they_are_whole():
    padding = b"\xfc\xff\xfc\xffOB\0\0\x14\0\0\0" + bytes(20)
    data = make_dicom()

    assert summarize(data + padding) == summarize(data)
    with pytest.raises(NotDicom):
        summarize(data + padding[:-1])


class Counting(io.FileIO):
    """A file that counts the bytes that are read of it."""

    read_so_far = 0

    def read(self, size=-1):
        data = super().read(size)
        self.read_so_far += len(data)
        return data


def test_of_a_large_file_the_header_alone_is_read(tmp_path):
    write_large_dicom(tmp_path / "large.dcm", 30_000_000, seed=1)

    with Counting(tmp_path / "large.dcm") as file:
        summary = summarize(file)

        assert summary.identity.patient_id == "LARGE"
        assert file.read_so_far < 200_000


def test_a_large_file_that_is_cut_is_refused_without_reading_it(tmp_path):
    path = tmp_path / "large.dcm"
    write_large_dicom(path, 30_000_000, seed=1)
    with path.open("r+b") as file:
        file.truncate(29_999_999)

    with pytest.raises(NotDicom):
        summarize(path)


def test_headers_larger_than_a_window_are_read(tmp_path):
    path = tmp_path / "file"
    tags = {"0009,0010": ("LO", "X"), "0009,1001": ("OB", bytes(300_000))}
    tags |= {f"0011,10{number:02x}": ("LO", "y" * 1000) for number in range(256)}
    path.write_bytes(make_dicom(tags=tags, patient_id="FAR", rich=True, deep=True))

    summary = summarize(path)

    assert summary == summarize(path.read_bytes())
    assert summary.identity.patient_id == "FAR"


def test_a_small_file_that_inflates_to_a_large_one_takes_little_memory(memory_peak):
    data = make_dicom(transfer_syntax=DEFLATED, tags={"PixelData": bytes(50_000_000)}, seed=1)
    assert len(data) < 100_000

    memory_peak()

    summary = summarize(data)

    assert memory_peak() < len(data) + 2_000_000
    assert summary.identity == summarize(make_dicom(seed=1)).identity


def test_a_deflated_file_that_ends_too_early_is_refused():
    data = make_dicom(transfer_syntax=DEFLATED)

    for length in (len(data) // 2, len(data) - 10):
        with pytest.raises(NotDicom):
            summarize(data[:length])
