"""How worklists match, and the folder that they lie in."""

import pytest

from repertory.errors import BadParameter, StorageFailed
from repertory.storage.worklists import (
    WorklistFolder,
    answer_of,
    as_file,
    described,
    for_station,
    is_met,
    resolved,
)

STEP = {"0040,0001": "CT1", "0040,0002": "20260301", "0008,0060": "CT", "0040,0009": "S1"}
WORKLIST = {
    "0010,0010": "Müller^Änne",
    "0010,0020": "P1",
    "0020,000d": "1.2.3",
    "0040,0100": [STEP, {**STEP, "0040,0001": "CT2", "0040,0009": "S2"}],
}


@pytest.mark.parametrize(
    ("keys", "met"),
    [
        ({}, True),
        ({"0010,0020": ""}, True),
        ({"0010,0020": "*"}, True),
        ({"0008,0050": "*"}, True),
        ({"0010,0020": "P1"}, True),
        ({"0010,0020": "p1"}, False),
        ({"0010,0020": "P?"}, True),
        ({"0010,0020": "P2"}, False),
        ({"0010,0010": "müller*"}, True),
        ({"0010,0010": "Meier*"}, False),
        ({"0020,000d": "1.2.4\\1.2.3"}, True),
        ({"0008,0050": "A1"}, False),
        ({"0040,0100": []}, True),
        ({"0040,0100": [{}]}, True),
        ({"0040,0100": [{"0040,0001": ""}]}, True),
        ({"0040,0100": [{"0040,0001": "CT2"}]}, True),
        ({"0040,0100": [{"0040,0001": "CT2", "0040,0009": "S1"}]}, False),
        ({"0040,0100": [{"0040,0002": "20260201-20260331"}]}, True),
        ({"0040,0100": [{"0040,0002": "-20260228"}]}, False),
        ({"0040,0100": [{"0008,0060": "MR"}]}, False),
        ({"0032,1064": [{"0008,0100": "X"}]}, False),
        ({"0032,1064": [{"0008,0100": ""}]}, True),
        ({"0008,0005": "ISO_IR 192"}, True),
    ],
)
def test_keys_match_as_the_standard_has_it(keys, met):
    assert is_met(keys, WORKLIST) is met


def test_what_was_asked_for_is_told_and_nothing_else():
    keys = {
        "0010,0020": "P*",
        "0008,0050": "",
        "0032,1064": [],
        "0040,0100": [{"0040,0001": "CT2", "0040,0009": "", "0040,0010": ""}],
    }

    assert answer_of(keys, WORKLIST) == {
        "0010,0020": "P1",
        "0008,0050": "",
        "0032,1064": [],
        "0040,0100": [{"0040,0001": "CT2", "0040,0009": "S2", "0040,0010": ""}],
    }
    assert answer_of({"0040,0100": []}, WORKLIST) == {"0040,0100": WORKLIST["0040,0100"]}


def test_a_station_gets_its_own_whatever_it_asks_for():
    for keys in ({}, {"0040,0100": []}, {"0040,0100": [{"0040,0009": ""}]}):
        assert is_met(for_station(keys, "CT2"), WORKLIST)
        assert not is_met(for_station(keys, "MR1"), WORKLIST)


def test_tags_are_looked_up_by_name_within_sequences_too():
    given = {"PatientID": "P1", "ScheduledProcedureStepSequence": [{"0040-0001": "CT1"}]}

    assert resolved(given) == {"0010,0020": "P1", "0040,0100": [{"0040,0001": "CT1"}]}


@pytest.mark.parametrize(
    "given", [{"Nonsense": ""}, {"PatientID": 5}, {"PatientID": ["a"]}, {"PatientID": None}]
)
def test_what_is_no_worklist_is_refused(given):
    with pytest.raises(BadParameter):
        resolved(given)


def test_sequences_without_end_are_refused():
    given = {}
    for _ in range(50):
        given = {"ScheduledProcedureStepSequence": [given]}

    with pytest.raises(BadParameter, match="nested deeper"):
        resolved(given)


def test_a_file_has_what_it_was_made_of():
    found = described(as_file(WORKLIST))

    assert found["0010,0010"]["Value"] == "Müller^Änne"
    assert [it["0040,0009"]["Value"] for it in found["0040,0100"]["Value"]] == ["S1", "S2"]


@pytest.fixture
def folder(tmp_path):
    folder = WorklistFolder(tmp_path / "worklists")
    folder.open()
    return folder


def test_a_folder_has_what_was_put_there_until_it_is_removed(folder, tmp_path):
    folder.put("one", as_file(WORKLIST))

    (found,) = folder.all()
    assert (found.id, found.is_own, found.short["0010,0020"]) == ("one", True, "P1")
    assert [it.name for it in (tmp_path / "worklists").iterdir()] == ["one.wl"]
    assert folder.remove("one")
    assert not folder.remove("one")
    assert list(folder.all()) == []


def test_what_others_do_in_the_folder_is_seen(folder, tmp_path):
    path = tmp_path / "worklists" / "RIS.WL"
    for patient in ("P1", "P234"):
        path.write_bytes(as_file({"0010,0020": patient}))
        assert [it.short["0010,0020"] for it in folder.all()] == [patient]
    path.unlink()
    assert list(folder.all()) == []


def test_what_is_no_worklist_is_passed_over(folder, tmp_path):
    inside = tmp_path / "worklists"
    (inside / "lockfile").write_bytes(b"")
    (inside / "a.wl").write_bytes(b"")
    (inside / "b.wl").write_bytes(b"no DICOM at all")
    (inside / "c.wl").write_bytes(as_file(WORKLIST)[:150])
    (inside / "d.wl").mkdir()
    (inside / "e.wl").write_bytes(as_file(WORKLIST))

    assert [it.id for it in folder.all()][-1] == "e"
    assert "b" not in [it.id for it in folder.all()]


def test_a_folder_that_is_gone_is_told(folder, tmp_path):
    (tmp_path / "worklists").rmdir()

    with pytest.raises(StorageFailed):
        list(folder.all())
    with pytest.raises(StorageFailed):
        folder.put("one", b"")
