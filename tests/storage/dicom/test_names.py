import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary

from repertory.storage.dicom import tag_name, tag_of
from repertory.storage.dicom.names import ENTRIES, parse_tag, private_entry


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("PatientID", "0010,0020"),
        ("0010,0020", "0010,0020"),
        ("0010-0020", "0010,0020"),
        ("0020000D", "0020,000d"),
        ("StudyComments", "0032,4000"),
        ("RETIRED_StudyComments", "0032,4000"),
        ("NoSuchTag", None),
        ("", None),
        ("0010,00201", None),
    ],
)
def test_a_tag_is_found_by_its_name_or_its_numbers(written, tag):
    assert tag_of(written) == tag


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("0010,0020", "PatientID"),
        ("0002,0000", "FileMetaInformationGroupLength"),
        ("0008,0000", "GenericGroupLength"),
        ("0009,0010", "PrivateCreator"),
        ("0009,1001", "Unknown Tag & Data"),
        ("0010,ffff", "Unknown Tag & Data"),
        ("6002,3000", "OverlayData"),
        ("nothing", "Unknown Tag & Data"),
    ],
)
def test_a_tag_has_a_name(tag, name):
    assert tag_name(tag) == name


def test_every_keyword_of_the_dictionary_leads_to_its_tag_and_back():
    for number, (_, _, _, _, keyword) in DicomDictionary.items():
        if keyword:
            tag = tag_of(keyword)

            assert parse_tag(tag) == number
            assert tag_of(tag_name(tag)) == tag


def test_private_elements_are_known_by_their_creator():
    assert private_entry(0x00091001, "GEMS_IDEN_01")[:3] == ("0009,1001", "FullFidelity", "LO")
    assert private_entry(0x00092301, "GEMS_IDEN_01")[:3] == ("0009,2301", "FullFidelity", "LO")
    assert private_entry(0x00091001, "NOBODY")[:3] == ("0009,1001", "Unknown Tag & Data", "UN")


@given(st.integers(0, 0xFFFFFFFF))
@example(0xFFFEE000)
def test_every_number_has_an_entry(number):
    tag, name, vr, *_ = ENTRIES[number]

    assert parse_tag(tag) == number
    assert name
    assert len(vr) == 2
