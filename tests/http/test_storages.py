"""Several storages over HTTP."""

import json

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.model import Level
from repertory.testing.files import make_dicom
from repertory.testing.server import until

NOBODY = "11111111-11111111-11111111-11111111-11111111"


@pytest.fixture
def client(whole, tmp_path):
    disks = MultipleStoragesSettings(storages={"second": str(tmp_path / "second")})
    return whole(advanced_storage=AdvancedStorageSettings(enable=True, multiple_storages=disks))


@pytest.fixture
def ids(client):
    return client.archive.ask(StoreInstance(content=make_dicom())).ids


def post(client, path, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client("POST", path, body=content)
    return response.status, json.loads(response.content or b"null")


def get(client, path):
    return json.loads(client("GET", path).content)


def place_of(client, ids):
    return get(client, f"/instances/{ids.instance}/attachments/dicom/info")["Storage"]


@pytest.mark.parametrize("path", ["/move-storage", "/plugins/advanced-storage/move-storage"])
@pytest.mark.parametrize("field", ["TargetStorage", "TargetStorageId"])
def test_resources_of_any_level_are_moved(client, ids, path, field):
    for level, target in zip(Level, ("second", "file-system") * 2, strict=True):
        status, job = post(client, path, {"Resources": [ids.at(level)], field: target})

        assert status == 200
        assert job["MovedFilesCount"] == 1
        assert job[level.plural.capitalize()] == [ids.at(level)]
        assert place_of(client, ids) == target


def test_a_move_may_be_a_job(client, ids):
    body = {"Resources": [ids.study], "TargetStorage": "second", "Asynchronous": True}
    body["Priority"] = 7

    status, job = post(client, "/move-storage", body)

    assert status == 200
    assert job["Path"] == f"/jobs/{job['ID']}"
    until(lambda: get(client, job["Path"])["State"] == "Success")
    found = get(client, job["Path"])
    assert (found["Type"], found["Priority"]) == ("MoveStorage", 7)
    assert found["Content"]["Studies"] == [ids.study]


def test_a_move_makes_room_for_requests_as_is_configured_or_asked(client, ids):
    body = {"Resources": [ids.study], "TargetStorage": "second"}

    assert post(client, "/move-storage", body)[1]["BusyShare"] == 10
    assert post(client, "/move-storage", body | {"BusyShare": 60})[1]["BusyShare"] == 60
    status, refusal = post(client, "/move-storage", body | {"BusyShare": 0})
    assert (status, refusal["OrthancStatus"]) == (400, 3)


def test_the_storages_are_told_with_what_they_hold(client, ids):
    empty = {"CountFiles": 0, "DiskSize": "0", "DiskSizeMB": 0, "IsConfigured": True}
    empty |= {"CountTrashedFiles": 0, "TrashedSize": "0"}
    status = get(client, "/hybrid/status")
    assert status["Enabled"]
    assert status["WriteStorage"] == "file-system"
    assert status["Storages"]["second"] == empty

    post(client, "/move-storage", {"Resources": [ids.patient], "TargetStorage": "second"})

    assert get(client, "/hybrid/status")["Storages"]["file-system"] == empty
    statistics = get(client, "/statistics")
    assert statistics["Storages"]["second"] == {
        "CountFiles": 1,
        "DiskSize": statistics["TotalDiskSize"],
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, 15),
        (b"[]", 400, 15),
        (b"{", 400, 15),
        ({"TargetStorage": "second"}, 400, 15),
        ({"Resources": "x", "TargetStorage": "second"}, 400, 15),
        ({"Resources": [1], "TargetStorage": "second"}, 400, 15),
        ({"Resources": [], "TargetStorage": "second"}, 400, 15),
        ({"Resources": ["x"]}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": 2}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": "object-storage"}, 400, 3),
        ({"Resources": ["x"], "TargetStorage": "second", "Priority": "high"}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": "second", "Trash": "yes"}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": "second", "Asynchronous": "yes"}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": "second", "BusyShare": "all"}, 400, 15),
        ({"Resources": {"x": 1}, "TargetStorage": "second"}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": ""}, 400, 3),
        ({"Resources": ["x"], "TargetStorage": None}, 400, 15),
        ({"Resources": ["x"], "TargetStorage": "second"}, 404, 17),
        ({"Resources": [""], "TargetStorage": "second"}, 404, 17),
        ({"Resources": [NOBODY], "TargetStorage": "second"}, 404, 17),
    ],
)
def test_what_makes_no_sense_is_refused(client, body, status, code):
    found, answer = post(client, "/move-storage", body)

    assert (found, answer["OrthancStatus"]) == (status, code)
    assert get(client, "/jobs") == []


def test_one_unknown_resource_keeps_all_where_they_are(client, ids):
    body = {"Resources": [ids.study, NOBODY], "TargetStorage": "second"}

    assert post(client, "/move-storage", body)[0] == 404
    assert place_of(client, ids) == "file-system"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_a_post_moves(client, method):
    assert client(method, "/move-storage").status == 405


def test_an_archive_of_one_storage_has_nowhere_to_move_files_to(whole):
    client = whole()
    ids = client.archive.ask(StoreInstance(content=make_dicom())).ids

    body = {"Resources": [ids.study], "TargetStorage": "file-system"}
    assert post(client, "/move-storage", body)[0] == 404
    assert get(client, "/hybrid/status")["Enabled"] is False
    assert "Storages" not in get(client, "/statistics")
    assert "Storage" not in get(client, f"/instances/{ids.instance}/attachments/dicom/info")
