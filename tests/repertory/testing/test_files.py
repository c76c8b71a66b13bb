import io

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.storage.dicom import summarize
from repertory.testing.files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    make_dicom,
    make_study,
    write_large_dicom,
)


def read(data):
    return pydicom.dcmread(io.BytesIO(data))


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN])
@pytest.mark.parametrize("rich", [False, True])
def test_pydicom_reads_made_up_files_and_their_pixels(syntax, rich):
    dataset = read(make_dicom(transfer_syntax=syntax, rich=rich, patient_id="P", number=3))

    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert (dataset.PatientID, dataset.InstanceNumber) == ("P", 3)
    assert dataset.pixel_array.shape == (64, 64)
    assert 0 < dataset.pixel_array.max() < 4096
    assert len(list(dataset.iterall())) >= (130 if rich else 50)


def test_pixel_data_are_encapsulated_where_the_transfer_syntax_says_so():
    dataset = read(make_dicom(transfer_syntax=JPEG))

    assert dataset["PixelData"].is_undefined_length


@pytest.mark.parametrize("deep", [False, True])
def test_sequences_have_lengths_or_ends(deep):
    dataset = read(make_dicom(rich=True, deep=deep))

    assert dataset["ReferencedImageSequence"].is_undefined_length == deep
    assert len(dataset.ReferencedImageSequence) == 3
    assert dataset.AnatomicRegionSequence[0].CodeMeaning == "Knee"


@given(st.integers(1500, 200_000).map(lambda half: 2 * half))
@settings(max_examples=50, deadline=None)
def test_a_file_has_exactly_the_size_that_was_asked_for(size):
    data = make_dicom(size=size)

    assert len(data) == size
    assert read(data).pixel_array.size > 0


@pytest.mark.parametrize("size", [100, 1000, 100_001])
def test_impossible_sizes_are_refused(size):
    with pytest.raises(ValueError, match="size"):
        make_dicom(size=size)


def test_files_differ_by_default_and_are_the_same_given_a_seed():
    assert make_dicom() != make_dicom()
    assert make_dicom(seed=1) == make_dicom(seed=1)
    assert make_dicom(seed=1) != make_dicom(seed=2)
    assert make_dicom(seed=1, number=1) != make_dicom(seed=1, number=2)


def test_elements_can_be_changed_added_and_left_out():
    dataset = read(
        make_dicom(
            tags={
                "PatientName": "Doe^Jane",
                "StudyID": None,
                "0018,9087": [1.5, 2.5],
                "0009,0010": ("LO", "MINE"),
                "ReferencedStudySequence": [{"ReferencedSOPInstanceUID": "1.2"}],
                "PixelData": None,
            }
        )
    )

    assert dataset.PatientName == "Doe^Jane"
    assert "StudyID" not in dataset
    assert list(dataset[0x00189087].value) == [1.5, 2.5]
    assert dataset[0x00090010].value == "MINE"
    assert dataset.ReferencedStudySequence[0].ReferencedSOPInstanceUID == "1.2"
    assert "PixelData" not in dataset
    with pytest.raises(ValueError, match="NoSuchKeyword"):
        make_dicom(tags={"NoSuchKeyword": "x"})


def test_a_study_holds_series_of_instances():
    summaries = [summarize(data) for data in make_study(series=2, instances=3, patient_id="P")]
    identities = [summary.identity for summary in summaries]

    assert {identity.patient_id for identity in identities} == {"P"}
    assert len({identity.study_instance_uid for identity in identities}) == 1
    assert len({identity.series_instance_uid for identity in identities}) == 2
    assert len({identity.sop_instance_uid for identity in identities}) == 6
    assert [summary.index_in_series for summary in summaries] == [1, 2, 3, 1, 2, 3]


def test_a_study_is_the_same_given_a_seed():
    assert make_study(seed="x") == make_study(seed="x")


@pytest.mark.parametrize("size", [20_000, 9_000_000, 40_000_002])
def test_large_files_are_written_in_pieces(tmp_path, size):
    path = tmp_path / "large.dcm"

    write_large_dicom(path, size, seed=1, tags={"PatientName": "Large"})

    dataset = pydicom.dcmread(path, defer_size=1024)
    assert path.stat().st_size == size
    assert dataset.PatientName == "Large"
    assert len(dataset.PixelData) == dataset.Rows * dataset.Columns * 2 * dataset.NumberOfFrames
    assert summarize(path).index_in_series == 1
