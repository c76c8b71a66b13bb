import io

import pydicom
import pytest

from repertory.model import TagForm
from repertory.storage.dicom import names, tags
from repertory.storage.dicom.dictionary import teach_elements
from repertory.testing.files import EXPLICIT, IMPLICIT, make_dicom
from repertory.vocabulary import NewElement, read_elements

ENTRIES = {
    "0014,1020": ["DA", "ValidationExpiryDate", 1, 1],
    "00e1,c2": ["UI", "PET-CT Multi Modality Name", 1, 1, "ELSCINT1"],
    "7053,1003": ["LO", "OriginalImageFilename", 1, 1, "Philips PET Private Group"],
    "70551004": ["US", "Count"],
}


@pytest.fixture(autouse=True)
def taught():
    teach_elements(read_elements(ENTRIES))
    yield
    names.unlearn()


def make(*, syntax, creator="Philips PET Private Group", block=0x10):
    ds = pydicom.dcmread(io.BytesIO(make_dicom(transfer_syntax=syntax)))
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.private_block(0x7053, creator, create=True)
    if block != 0x10:
        del ds[0x70530010]
        ds.add_new(0x70530000 | block, "LO", creator)
    ds.add_new(0x70530003 | block << 8, "LO", "Ümlaut")
    ds.private_block(0x7055, "SOMEBODY", create=True).add_new(4, "US", 7)
    ds.private_block(0x00E1, "ELSCINT1", create=True).add_new(0xC2, "UI", "1.2")
    ds.add_new(0x00141020, "DA", "20300101")
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_what_was_taught_has_a_name_and_a_type(syntax):
    found = tags(make(syntax=syntax), TagForm.FULL)

    assert found["0014,1020"]["Name"] == "ValidationExpiryDate"
    assert found["00e1,10c2"]["Name"] == "PET-CT Multi Modality Name"
    assert found["7053,1003"]["Name"] == "OriginalImageFilename"
    assert found["7053,1003"]["Value"] == "Ümlaut"
    assert tags(make(syntax=syntax), TagForm.SIMPLIFIED)["OriginalImageFilename"] == "Ümlaut"


def test_a_private_element_is_known_by_its_creator_wherever_its_block_is():
    found = tags(make(syntax=EXPLICIT, block=0x42), TagForm.FULL)
    assert found["7053,4203"]["Name"] == "OriginalImageFilename"

    stranger = tags(make(syntax=EXPLICIT, creator="SOMEBODY ELSE"), TagForm.FULL)
    assert stranger["7053,1003"]["Name"] == "Unknown Tag & Data"


def test_names_that_were_taught_stand_for_their_tags():
    assert names.tag_of("ValidationExpiryDate") == "0014,1020"
    assert names.tag_of("OriginalImageFilename") == "7053,1003"
    assert names.tag_of("PET-CT Multi Modality Name") == "00e1,10c2"
    assert "OriginalImageFilename" in names.keywords()


def test_what_is_not_taught_any_more_is_forgotten():
    names.unlearn()

    assert names.tag_of("ValidationExpiryDate") is None
    found = tags(make(syntax=EXPLICIT), TagForm.FULL)
    assert found["0014,1020"]["Name"] != "ValidationExpiryDate"


def test_a_name_of_another_element_is_refused():
    with pytest.raises(ValueError, match="must not give 0014,1020 the name PatientName"):
        teach_elements([NewElement(0x00141020, "DA", "PatientName")])


@pytest.mark.parametrize(
    ("tag", "entry", "reason"),
    [
        ("PatientName", ["LO", "x"], "which is no tag"),
        ("0014,1020", "LO", "or its beginning"),
        ("0014,1020", ["LO"], "or its beginning"),
        ("0014,1020", ["XX", "x"], "a value representation"),
        ("0014,1020", ["LO", ""], "a name"),
        ("0014,1020", ["LO", "x", -1], "numbers of values"),
        ("0014,1020", ["LO", "x", True], "numbers of values"),
        ("0014,1020", ["LO", "x", 3, 2], "least number"),
        ("0014,1020", ["LO", "x", 1, 1, "Creator"], "not private"),
        ("0015,1020", ["LO", "x", 1, 1, 5], "a text as the private creator"),
        ("0015,20", ["LO", "x", 1, 1], "a private creator"),
    ],
)
def test_an_entry_that_is_none_is_refused(tag, entry, reason):
    with pytest.raises(ValueError, match=reason):
        read_elements({tag: entry})


def test_who_names_no_creator_has_the_default_one():
    (element,) = read_elements({"0015,20": ["LO", "x"]}, default_creator="ME")

    assert element == NewElement(0x00151020, "LO", "x", "ME")
