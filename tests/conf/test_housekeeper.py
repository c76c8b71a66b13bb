import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.conf.housekeeper import DAYS, hours, schedule
from repertory.conf.loading import read_settings
from repertory.conf.settings import Settings

AS_ORTHANC_WRITES = {
    "Enable": True,
    "GlobalPropertyId": 1025,
    "Force": False,
    "ForceReconstructFiles": False,
    "ThrottleDelay": 5,
    "Schedule": {"Monday": ["0-6", "20-24"], "Tuesday": ["0-6", "20-24"]},
    "Triggers": {
        "StorageCompressionChange": True,
        "MainDicomTagsChange": True,
        "UnnecessaryDicomAsJsonFiles": False,
        "IngestTranscodingChange": True,
        "DicomWebCacheChange": True,
    },
    "LimitMainDicomTagsReconstructLevel": "Study",
}


@pytest.fixture
def read(tmp_path):
    def read(**options):
        (tmp_path / "a.json").write_text(json.dumps({"Housekeeper": options}))
        return read_settings(tmp_path)

    return read


def test_the_section_of_orthanc_is_read_as_it_is(read):
    loaded = read(**AS_ORTHANC_WRITES)
    keeper = loaded.settings.housekeeper

    assert (loaded.problems, loaded.warnings) == ((), ())
    assert (keeper.enable, keeper.throttle_delay) == (True, 5)
    assert not keeper.triggers.unnecessary_dicom_as_json_files
    assert keeper.limit_main_dicom_tags_reconstruct_level == "Study"


def test_nobody_keeps_house_by_default():
    assert not Settings().housekeeper.enable


def test_everything_that_is_wrong_is_said_at_once(read):
    loaded = read(
        GlobalPropertyId=1023,
        ThrottleDelay=-1,
        Schedule={"Mondays": ["0-6"], "Friday": ["6-25", "late", "3:60-4", "5-5"]},
        Triggers={"MainDicomTagsChange": "yes"},
        LimitMainDicomTagsReconstructLevel="Slice",
        BusyShare=0,
    )
    said = {problem.option: problem.text for problem in loaded.problems}

    assert set(said) == {
        "Housekeeper.GlobalPropertyId",
        "Housekeeper.ThrottleDelay",
        "Housekeeper.Schedule",
        "Housekeeper.Triggers.MainDicomTagsChange",
        "Housekeeper.LimitMainDicomTagsReconstructLevel",
        "Housekeeper.BusyShare",
    }
    for word in ("Mondays", "6-25", "late", "3:60-4", "5-5"):
        assert word in said["Housekeeper.Schedule"]


def test_a_schedule_that_never_opens_is_doubted(read):
    assert "has no hours" in str(read(Enable=True, Schedule={"Monday": []}).warnings[0])


def test_a_word_that_is_no_trigger_is_told_with_the_one_that_was_meant(read):
    loaded = read(Triggers={"MainDicomTagChange": True})

    assert "did you mean MainDicomTagsChange?" in str(loaded.warnings[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0-6", (0, 360)),
        ("22:30-6", (1350, 360)),
        (" 8 - 12:15 ", (480, 735)),
        ("20-24", (1200, 1440)),
        ("22-0", (1320, 0)),
    ],
)
def test_hours_may_have_minutes_and_go_over_midnight(text, expected):
    assert hours(text) == expected


@pytest.mark.parametrize("text", ["", "6", "-6", "6-", "a-b", "24-6", "0-24:01", "-1-6", "1-2-3"])
def test_what_is_no_range_is_refused(text):
    assert schedule({"Monday": [text]}) is not None


@given(st.integers(0, 1439), st.integers(0, 1440))
def test_hours_are_read_as_they_are_written(begin, end):
    text = f"{begin // 60}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    problem = schedule({day: [text] for day in DAYS})
    if begin == end:
        assert "a whole day" in str(problem)
    else:
        assert problem is None
        assert hours(text) == (begin, end)
