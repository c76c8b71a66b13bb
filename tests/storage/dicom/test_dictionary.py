import io

import pydicom
import pytest

from repertory.dictionaries import FileElement, Span, read_dictionary
from repertory.model import TagForm
from repertory.storage.dicom import names, tags
from repertory.storage.dicom.dictionary import (
    know_private_elements,
    teach_elements,
    teach_files,
    unlearn,
    unusual_names,
)
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
    unlearn()


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
    unlearn()

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


FILE = (
    "(0010,0010)\tPN\tComponentName\t1\tDICONDE",
    "(0010,0020)\tLO\tPatientID\t1\tDICOM",
    "(0014,1021)\tLO\tInventedName\t1\tOURS",
    "(0016,2000-u-2003)\tUS\tInventedRow\t1\tOURS",
    "(7F00-7FFF,0010)\tox\tInventedPixels\t1\tOURS",
    '(7053,"Philips PET Private Group",03)\tUS\tPatientWeight\t1\tOURS',
    '(7053-o-7057,"SOMEBODY",04-u-05)\tLO\tInventedCount\t1\tOURS',
    '(7061,"SOMEBODY",04)\tLO\tInventedCount\t1\tOURS',
)


@pytest.fixture
def taught_by_file(tmp_path):
    unlearn()
    path = tmp_path / "some.dic"
    path.write_text("\n".join(FILE))

    def teach():
        teach_files(read_dictionary(str(path)))

    teach()
    return teach


def test_what_a_file_has_is_known_and_the_rest_of_the_standard_too(taught_by_file):
    assert names.tag_name("0014,1021") == "InventedName"
    assert names.tag_of("InventedName") == "0014,1021"
    assert names.tag_name("0016,2003") == "InventedRow"
    assert names.ENTRIES[0x00162003].vr == "US"
    assert names.tag_name("0016,2004") != "InventedRow"
    assert names.tag_name("7f02,0010") == "InventedPixels"
    assert names.tag_name("7fe0,0010") == "PixelData"
    assert names.tag_name("0010,0020") == "PatientID"
    assert not names.ENTRIES[0x00100020].is_taught


def test_an_element_is_shown_by_the_name_of_the_file_and_found_by_both(taught_by_file):
    assert names.tag_name("0010,0010") == "ComponentName"
    assert names.tag_of("ComponentName") == names.tag_of("PatientName") == "0010,0010"
    assert tags(make(syntax=EXPLICIT), TagForm.SIMPLIFIED)["ComponentName"] == "Test^Patient"
    unusual = unusual_names(["0010,0010", "0010,0020", "0014,1021"])
    assert unusual == {"0010,0010": "ComponentName", "0014,1021": "InventedName"}


def test_private_elements_of_a_file_are_known_by_their_creators_in_any_group_of_theirs(
    taught_by_file,
):
    assert names.private_entry(0x70553304, "SOMEBODY")[:3] == ("7055,3304", "InventedCount", "LO")
    assert names.private_entry(0x70591004, "SOMEBODY").name == "Unknown Tag & Data"
    assert names.private_entry(0x70551006, "SOMEBODY").name == "Unknown Tag & Data"
    assert names.private_entry(0x70551004, "NOBODY").name == "Unknown Tag & Data"
    assert names.tag_of("InventedCount") == "7053,1004"
    assert names.asked_entry(0x70531004).vr == "LO"
    assert names.ENTRIES[0x70531004].name == "Unknown Tag & Data"
    assert "InventedCount" in names.keywords()


def test_a_private_name_that_is_another_elements_is_shown_and_stands_for_the_other(
    taught_by_file,
):
    assert names.private_entry(0x70531003, "Philips PET Private Group").name == "PatientWeight"
    assert names.tag_of("PatientWeight") == "0010,1030"


def test_what_a_file_teaches_twice_is_known_once(taught_by_file):
    before = len(names.TAUGHT.ranges), len(names.TAUGHT.private_ranges)
    taught_by_file()

    assert (len(names.TAUGHT.ranges), len(names.TAUGHT.private_ranges)) == before


def test_a_public_name_of_another_element_is_refused_in_a_file_too():
    one = Span(0x1022, 0x1022)
    with pytest.raises(ValueError, match="must not give 0014,1022 the name PatientName"):
        teach_files([FileElement(Span(0x14, 0x14), one, "LO", "PatientName")])
    with pytest.raises(ValueError, match="must not give 0014,1022 the name ValidationExpiryDate"):
        teach_files([FileElement(Span(0x14, 0x14), one, "LO", "ValidationExpiryDate")])


def test_a_public_element_takes_its_name_from_a_private_one(taught_by_file):
    span = Span(0x14, 0x14)
    teach_files([FileElement(span, Span(0x1022, 0x1022), "LO", "InventedCount")])

    assert names.tag_of("InventedCount") == "0014,1022"


def test_private_elements_can_be_unknown_but_for_those_that_were_taught():
    know_private_elements(known=False)

    assert names.private_entry(0x00091001, "GEMS_IDEN_01")[1:3] == ("Unknown Tag & Data", "UN")
    assert names.private_entry(0x00E110C2, "ELSCINT1").name == "PET-CT Multi Modality Name"
    know_private_elements(known=True)
    assert names.private_entry(0x00091001, "GEMS_IDEN_01").name == "FullFidelity"
