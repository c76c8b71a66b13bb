"""Stability over HTTP: declared by clients, and seen by them."""

import json

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.model import Level
from repertory.testing import ManualClock
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until

NOBODY = "11111111-11111111-11111111-11111111-11111111"
UPWARDS = (Level.SERIES, Level.STUDY, Level.PATIENT)


@pytest.fixture
def client(whole):
    return whole(overwrite_instances=True)


@pytest.fixture
def ids(client):
    return client.archive.ask(StoreInstance(content=make_dicom(study="1.2.3"))).ids


def declare(client, level, id_, word="stable"):
    response = client("POST", f"/{level.plural}/{id_}/{word}", body=b"")
    return response.status, json.loads(response.content)


def logged(client, *words):
    changes = client.json("/changes?limit=1000")["Changes"]
    return [(one["ChangeType"], one["ID"]) for one in changes if one["ChangeType"] in words]


@pytest.mark.parametrize("level", UPWARDS)
def test_a_client_that_has_sent_all_declares_a_resource_stable(client, ids, level):
    id_ = ids.at(level)
    path = f"/{level.plural}/{id_}"
    assert client.json(path)["IsStable"] is False
    answer = {"Changed": True, "ID": id_, "IsStable": True, "Type": level.word}
    assert declare(client, level, id_) == (200, answer)
    assert declare(client, level, id_) == (200, answer | {"Changed": False})

    assert client.json(path)["IsStable"] is True
    assert logged(client, "StableSeries", "StableStudy", "StablePatient") == [
        (f"Stable{level.word}", id_)
    ]


def test_a_client_that_goes_on_sending_declares_a_study_unstable(client, ids):
    declare(client, Level.STUDY, ids.study)
    answer = {"Changed": True, "ID": ids.study, "IsStable": False, "Type": "Study"}
    assert declare(client, Level.STUDY, ids.study, "unstable") == (200, answer)
    assert declare(client, Level.STUDY, ids.study, "unstable")[1]["Changed"] is False

    assert client.json(f"/studies/{ids.study}")["IsStable"] is False


@pytest.mark.parametrize("word", ["stable", "unstable"])
def test_what_is_not_there_cannot_be_declared_anything(client, ids, word):
    for level in UPWARDS:
        status, answer = declare(client, level, NOBODY, word)
        assert (status, answer["OrthancStatus"]) == (404, 17)
    assert declare(client, Level.STUDY, ids.series, word)[0] == 404
    assert client("POST", f"/instances/{ids.instance}/{word}", body=b"").status == 404
    assert client("GET", f"/studies/{ids.study}/{word}").status == 405


def test_what_waits_when_the_archive_is_served_read_only_waits_for_a_run_that_may_write(whole):
    clock = ManualClock()
    writing = whole(clock=clock)
    ids = writing.archive.ask(StoreInstance(content=make_dicom())).ids
    writing.archive.stop()
    reading = whole(clock=ManualClock(clock.now() + 3600), read_only=True)
    study = f"/studies/{ids.study}"
    assert reading.json(study)["IsStable"] is False
    assert reading("POST", f"{study}/stable", body=b"").status == 404
    reading.archive.stop()

    client = whole(clock=ManualClock(clock.now() + 7200))
    assert until(lambda: client.json(study)["IsStable"])
    assert len(logged(client, "StableStudy")) == 1


# What belongs to stability: LastUpdate, CompletedSeries, Status


def series_of(client, content):
    return client.archive.ask(StoreInstance(content=content)).ids.series


def image(number, expected=3, **more):
    return make_dicom(
        study="1.2.3",
        series="1.2.3.4",
        instance=f"1.2.3.4.{number}",
        number=number,
        tags={"ImagesInAcquisition": expected, "NumberOfTemporalPositions": 1},
        **more,
    )


def test_a_series_is_complete_with_its_last_missing_instance_however_often(client):
    for number in (1, 3):
        series = series_of(client, image(number))
    path = f"/series/{series}"
    assert client.json(path)["Status"] == "Missing"
    assert logged(client, "CompletedSeries") == []
    series_of(client, image(2))
    assert client.json(path)["Status"] == "Complete"
    assert logged(client, "CompletedSeries") == [("CompletedSeries", series)]

    doomed = client.json(f"{path}/instances")[0]["ID"]
    assert client("DELETE", f"/instances/{doomed}").status == 200
    assert client.json(path)["Status"] == "Missing"
    series_of(client, image(1))
    assert client.json(path)["Status"] == "Complete"
    assert len(logged(client, "CompletedSeries")) == 2


def test_a_series_with_one_place_taken_twice_is_inconsistent_until_one_goes(client):
    for number in (1, 2, 3):
        series = series_of(client, image(number))
    twice = make_dicom(
        study="1.2.3",
        series="1.2.3.4",
        number=3,
        tags={"ImagesInAcquisition": 3, "NumberOfTemporalPositions": 1},
    )
    extra = client.archive.ask(StoreInstance(content=twice)).ids.instance
    assert client.json(f"/series/{series}")["Status"] == "Inconsistent"
    client("DELETE", f"/instances/{extra}")

    assert client.json(f"/series/{series}")["Status"] == "Complete"
    assert len(logged(client, "CompletedSeries")) == 1


def test_an_overwritten_instance_counts_as_the_new_one_says(client):
    for number in (1, 2):
        series = series_of(client, image(number, expected=2))
    assert client.json(f"/series/{series}")["Status"] == "Complete"
    series_of(client, image(2, expected=3))
    assert client.json(f"/series/{series}")["Status"] == "Missing"
    series_of(client, image(3))

    assert client.json(f"/series/{series}")["Status"] == "Complete"
    assert len(logged(client, "CompletedSeries")) == 2


def test_the_last_update_follows_new_instances_and_deletions_but_no_labels(whole):
    clock = ManualClock()
    client = whole(clock=clock)
    contents = make_study(series=2, instances=1)
    first, second = (client.archive.ask(StoreInstance(content=one)).ids for one in contents)
    updates = []

    def note():
        updates.append(client.json(f"/studies/{first.study}")["LastUpdate"])

    note()
    clock.advance(10)
    client("PUT", f"/studies/{first.study}/labels/a", body=b"")
    note()
    client("DELETE", f"/series/{second.series}")
    note()
    clock.advance(10)
    client.archive.ask(StoreInstance(content=contents[0]))
    note()

    assert updates[0] == updates[1] == "20260101T000000"
    assert updates[2] == updates[3] == "20260101T000010"
