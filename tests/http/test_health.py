"""Whether the archive lives and can do its work, for those who start and balance servers."""

import json
import shutil

import pytest

from repertory.actors.messages.health import ProbeStorages
from repertory.actors.messages.places import ListPlaces
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.errors import IndexFailed, StorageFailed
from repertory.places import Place, StorageHealth
from repertory.testing import ManualClock

USERS = {"alice": "secret"}
PLACES = (Place(0, "file-system", 0, 0), Place(1, "object-storage", 0, 0))


def test_an_archive_that_works_is_live_and_ready(whole):
    client = whole()

    live, ready = client.get("/health/live"), client.get("/health/ready")

    assert (live.status, json.loads(live.content)) == (200, {"Status": "Live"})
    assert ready.status == 200
    assert ready.headers["Cache-Control"] == "no-store"
    assert json.loads(ready.content) == {
        "Status": "Ready",
        "Checks": [
            {"Name": "Index", "Status": "OK", "Reason": ""},
            {"Name": "Storage", "Status": "OK", "Reason": "", "Storage": "file-system"},
        ],
    }


def test_a_disk_that_cannot_be_written_makes_it_unready_and_not_dead(whole, tmp_path):
    clock = ManualClock()
    second = tmp_path / "second"
    disks = MultipleStoragesSettings(storages={"second": str(second)})
    advanced = AdvancedStorageSettings(enable=True, multiple_storages=disks)
    client = whole(clock=clock, advanced_storage=advanced)
    assert client.get("/health/ready").status == 200
    shutil.rmtree(second)
    second.write_text("no folder")

    at_once = client.get("/health/ready")
    clock.advance(5.0)
    response = client.get("/health/ready")
    told = json.loads(response.content)

    assert at_once.status == 200  # what was found seconds ago
    assert response.status == 503
    assert told["Status"] == "NotReady"
    failed = [check for check in told["Checks"] if check["Status"] != "OK"]
    assert [check["Storage"] for check in failed] == ["second"]
    assert str(tmp_path) not in response.text
    assert client.get("/health/live").status == 200

    second.unlink()
    clock.advance(5.0)
    assert client.get("/health/ready").status == 200


def test_an_index_that_fails_makes_it_unready(archive, client):
    archive.plays(ListPlaces, IndexFailed())
    archive.plays(ProbeStorages, (StorageHealth(0),))

    response = client.get("/health/ready")

    assert response.status == 503
    (check,) = json.loads(response.content)["Checks"]
    assert (check["Name"], check["Status"]) == ("Index", "Failed")


@pytest.mark.parametrize("trouble", ["The disk is full.", ""])
def test_each_storage_is_told_by_its_name(archive, client, trouble):
    archive.plays(ListPlaces, PLACES)
    archive.plays(ProbeStorages, (StorageHealth(0), StorageHealth(1, trouble)))

    response = client.get("/health/ready")

    assert response.status == (503 if trouble else 200)
    assert json.loads(response.content)["Checks"][2] == {
        "Name": "Storage",
        "Storage": "object-storage",
        "Status": "Failed" if trouble else "OK",
        "Reason": trouble,
    }


def test_a_storage_that_refuses_the_question_is_told(archive, client):
    archive.plays(ListPlaces, PLACES)
    archive.plays(ProbeStorages, StorageFailed("The store is not there."))

    response = client.get("/health/ready")

    assert response.status == 503
    assert json.loads(response.content)["Checks"][1]["Reason"] == "The store is not there."


@pytest.mark.parametrize("trouble", ["The disk is full.", ""])
def test_who_has_no_password_is_told_no_more_than_whether(archive, serve, basic, trouble):
    archive.plays(ListPlaces, PLACES)
    archive.plays(ProbeStorages, (StorageHealth(0, trouble),))
    client = serve(authentication_enabled=True, registered_users=USERS)

    stranger = client.get("/health/ready")
    alice = client.get("/health/ready", basic("alice", "secret"))

    assert stranger.status == alice.status == (503 if trouble else 200)
    assert list(json.loads(stranger.content)) == ["Status"]
    assert "Checks" in json.loads(alice.content)
    assert client.get("/health/live").status == 200
    assert client.get("/system").status == 401
    assert client.get("/health/live/../../system").status == 401
    assert client("POST", "/health/live").status == 401


def test_head_is_answered_without_a_body(archive, client):
    archive.plays(ListPlaces, PLACES)
    archive.plays(ProbeStorages, (StorageHealth(0, "The disk is full."),))

    response = client("HEAD", "/health/ready")

    assert (response.status, response.content) == (503, b"")


def test_an_archive_that_cannot_go_on_is_dead(archive, client):
    archive.board.dead = "IndexActor"

    response = client.get("/health/live")

    assert (response.status, json.loads(response.content)) == (503, {"Status": "Dead"})
