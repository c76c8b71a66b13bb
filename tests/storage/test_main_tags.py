from pydicom.datadict import keyword_for_tag

from repertory.maintags import NAMES, TAGS
from repertory.model import Level
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags


def test_the_signature_of_a_level_is_its_tags_in_ascending_order():
    assert MAIN_DICOM_TAGS.signature(Level.PATIENT) == (
        "0010,0010;0010,0020;0010,0030;0010,0040;0010,1000"
    )
    assert MAIN_DICOM_TAGS.signature(Level.INSTANCE) == (
        "0008,0012;0008,0013;0008,0018;0020,0012;0020,0013;0020,0032;0020,0037;"
        "0020,0100;0020,4000;0028,0008;0054,1330"
    )


def test_the_defaults_are_those_of_orthanc_1_13():
    numbers = {level: len(tags) for level, tags in MAIN_DICOM_TAGS.by_level.items()}

    assert numbers == {Level.PATIENT: 5, Level.STUDY: 11, Level.SERIES: 26, Level.INSTANCE: 11}


def test_a_tag_can_be_kept_at_several_levels():
    assert MAIN_DICOM_TAGS.levels["0020,0037"] == (Level.SERIES, Level.INSTANCE)
    assert MAIN_DICOM_TAGS.levels["0008,0201"] == (Level.STUDY, Level.SERIES)


def test_extra_tags_are_kept_besides_the_defaults():
    tags = MainDicomTags.defaults({Level.STUDY: ["0008,1060"]})

    assert "0008,1060" in tags.signature(Level.STUDY)
    assert "0008,0020" in tags.signature(Level.STUDY)
    assert tags.signature(Level.SERIES) == MAIN_DICOM_TAGS.signature(Level.SERIES)


def test_every_main_tag_has_the_name_of_the_dicom_dictionary():
    assert set(NAMES) == set(MAIN_DICOM_TAGS.levels)
    assert {tag: keyword_for_tag(int(tag.replace(",", ""), 16)) for tag in NAMES} == NAMES
    assert {TAGS[name]: name for name in TAGS} == NAMES
