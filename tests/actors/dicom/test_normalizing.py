import pytest

from repertory.actors.dicom.normalizing import normalized, suited, with_main_tags
from repertory.model import Level

QUERY = {
    "0008,0052": "STUDY",
    "0008,0005": "ISO_IR 100",
    "0010,0020": "A",
    "0008,0061": "MR",
    "0020,1209": "",
    "0008,0060": "MR",
    "0028,0010": "",
    "0011,1010": "private",
}


@pytest.mark.parametrize(
    ("level", "left"),
    [
        (Level.PATIENT, ("0008,0052", "0008,0005", "0010,0020")),
        (Level.STUDY, ("0008,0052", "0008,0005", "0010,0020", "0008,0061")),
        (Level.SERIES, ("0008,0052", "0008,0005", "0010,0020", "0020,1209", "0008,0060")),
    ],
)
def test_keys_that_the_level_has_not_are_left_out(level, left):
    assert tuple(normalized(level, QUERY)) == left


@pytest.mark.parametrize(
    ("manufacturer", "date", "name"),
    [
        ("Generic", "*", "*"),
        ("GenericNoWildcardInDates", "", "*"),
        ("GenericNoUniversalWildcard", "", ""),
    ],
)
def test_some_modalities_stumble_over_what_stands_for_anything(manufacturer, date, name):
    keys = {"0008,0020": "*", "0010,0010": "*", "0010,0020": "A*", "0008,1140": [{}]}

    assert suited(keys, manufacturer) == {
        "0008,0020": date,
        "0010,0010": name,
        "0010,0020": "A*",
        "0008,1140": [{}],
    }


def test_main_tags_are_asked_for_and_keys_stay():
    keys = with_main_tags(Level.PATIENT, {"0010,0020": "A", "0008,0052": "PATIENT"})

    assert keys["0010,0020"] == "A"
    assert keys["0010,0010"] == ""
    assert "0020,000d" not in keys
