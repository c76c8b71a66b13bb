import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO

from repertory.storage.dicom.identifiers import IdentifierWriter
from repertory.storage.dicom.wire import EXPLICIT, IMPLICIT, file_head, write_identifier

TAGS = ("0010,0010", "0010,0020", "0020,000d", "0008,0020", "0008,0119", "0040,a160")
FIXED = {"0008,0052": "STUDY", "0008,0054": "ORTHANC"}
texts = st.text("abcdefXYZ 0123456789^=*", max_size=12)
letters = st.text("aäßéλж日", max_size=8)


@given(
    st.dictionaries(st.sampled_from(TAGS), texts | letters),
    st.sampled_from([EXPLICIT, IMPLICIT]),
    st.sampled_from(["ISO_IR 100", "ISO_IR 192"]),
)
def test_it_writes_what_one_identifier_alone_would_be(values, syntax, prefers):
    writer = IdentifierWriter(TAGS, FIXED, syntax, prefers=prefers)

    whole = {**{tag: values.get(tag, "") for tag in TAGS}, **FIXED}
    assert writer.write(values) == write_identifier(whole, syntax, prefers=prefers)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_pydicom_reads_it(syntax):
    writer = IdentifierWriter(TAGS, FIXED, syntax)

    data = writer.write({"0010,0010": "Doe^Jane", "0020,000d": "1.2.3", "0008,0020": "20260102"})

    head = file_head(sop_class="", sop_instance="", transfer_syntax=syntax)
    found = dcmread(DicomBytesIO(head + data), force=True)
    assert (found.PatientName, found.StudyInstanceUID, found.StudyDate) == (
        "Doe^Jane",
        "1.2.3",
        "20260102",
    )
    assert (found.QueryRetrieveLevel, found.RetrieveAETitle) == ("STUDY", "ORTHANC")
    assert found.PatientID == ""


def test_sequences_and_numbers_are_written_as_ever():
    tags = ("0040,0275", "0020,1208", "0028,0010")
    values = {"0040,0275": [{"0040,1001": "R1"}], "0020,1208": "3", "0028,0010": "512"}

    written = IdentifierWriter(tags, FIXED, EXPLICIT).write(values)

    assert written == write_identifier({**values, **FIXED}, EXPLICIT)


def test_a_text_that_no_element_can_hold_is_left_out():
    long = {"0010,0020": "x" * 70_000, "0040,a160": "y" * 70_000}  # of these, UT has room

    written = IdentifierWriter(TAGS, FIXED, EXPLICIT).write(long)

    assert b"x" not in written
    assert b"y" * 70_000 in written
    assert b"x" * 70_000 in IdentifierWriter(TAGS, FIXED, IMPLICIT).write(long)
