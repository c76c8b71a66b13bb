"""Moving what was deleted and can be restored, over HTTP."""

import json

import pytest

from repertory.actors.messages.attachments import ReadAttachment, RemoveReleased
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.conf.resources import TrashSettings
from repertory.model import Level
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until


@pytest.fixture
def client(whole, tmp_path):
    disks = MultipleStoragesSettings(storages={"second": str(tmp_path / "second")})
    return whole(
        advanced_storage=AdvancedStorageSettings(enable=True, multiple_storages=disks),
        trash=TrashSettings(retention_days=1),
    )


@pytest.fixture
def study(client):
    """The files of a study that was deleted, by their instances; and its identifier."""
    contents = make_study(series=2, instances=50)
    ids = [client.archive.ask(StoreInstance(content=it)).ids for it in contents]
    client("PUT", f"/studies/{ids[0].study}/attachments/2000", body=b"notes")
    client("DELETE", f"/studies/{ids[0].study}")
    return ids[0].study, {it.instance: c for it, c in zip(ids, contents, strict=True)}


def move(client, **body):
    response = client("POST", "/move-storage", body=json.dumps(body).encode())
    return response.status, json.loads(response.content)


def storages(client):
    found = client.json("/hybrid/status")["Storages"]
    return {
        name: (it["CountFiles"], it["CountTrashedFiles"], int(it["TrashedSize"]))
        for name, it in found.items()
    }


def local_files(folder):
    return [path for path in folder.glob("??/??/*") if path.is_file()]


def restored(client, study, contents):
    assert client("POST", f"/trash/{study}/restore").status == 200
    for id_, content in contents.items():
        question = ReadAttachment(level=Level.INSTANCE, id=id_)
        assert client.archive.ask(question).content == content
    assert client.get(f"/studies/{study}/attachments/2000/data").content == b"notes"
    client.archive.ask(BeginCheck(checksums=True))
    return client.archive.ask(AwaitCheck()).report.is_sound


def test_what_is_in_the_trash_moves_and_comes_back(client, study, tmp_path):
    id_, contents = study
    size = sum(map(len, contents.values())) + len(b"notes")
    assert storages(client) == {"file-system": (0, 101, size), "second": (0, 0, 0)}

    status, job = move(client, Trash=True, TargetStorage="second")

    assert status == 200
    assert (job["FilesCount"], job["MovedFilesCount"], job["FailedFilesCount"]) == (101, 101, 0)
    assert storages(client) == {"file-system": (0, 0, 0), "second": (0, 101, size)}
    client.archive.ask(RemoveReleased())
    assert len(local_files(tmp_path / "archive")) == 0
    assert len(local_files(tmp_path / "second")) == 101
    assert restored(client, id_, contents)
    assert storages(client) == {"file-system": (0, 0, 0), "second": (101, 0, 0)}


def test_resources_move_without_the_trash_and_with_it(client, study):
    other = client.archive.ask(StoreInstance(content=make_dicom())).ids

    assert move(client, Resources=[other.study], TargetStorage="second")[1]["MovedFilesCount"] == 1
    assert storages(client)["file-system"][:2] == (0, 101)

    body = {"Resources": [other.study], "Trash": True, "TargetStorage": "file-system"}
    assert move(client, **body)[1]["MovedFilesCount"] == 1
    assert storages(client)["file-system"][:2] == (1, 101)
    assert study


def test_what_is_given_up_after_it_moved_is_removed_from_where_it_is(client, study, tmp_path):
    move(client, Trash=True, TargetStorage="second")

    client("DELETE", "/trash")
    client.archive.ask(RemoveReleased())

    assert study
    assert local_files(tmp_path / "second") == local_files(tmp_path / "archive") == []
    assert storages(client) == {"file-system": (0, 0, 0), "second": (0, 0, 0)}


def test_a_file_in_the_trash_that_is_lost_is_reported(client, study, tmp_path):
    local_files(tmp_path / "archive")[0].unlink()
    body = {"Trash": True, "TargetStorage": "second", "Asynchronous": True}
    job = move(client, **body)[1]
    until(lambda: client.json(job["Path"])["State"] == "Success")

    assert client.json(job["Path"])["Content"]["FailedFilesCount"] == 1
    (failure,) = client.json(f"{job['Path']}/failures")
    assert "/trash/1/" in json.dumps(failure)
    assert storages(client)["second"][1] == 100
    assert study


@pytest.mark.parametrize("trash", ["yes", 1, None, []])
def test_whether_the_trash_moves_is_true_or_false(client, trash):
    status, answer = move(client, Trash=trash, TargetStorage="second")

    assert status == 400
    assert "Trash" in json.dumps(answer)


def test_without_the_trash_resources_must_be_named(client):
    assert move(client, Trash=False, TargetStorage="second")[0] == 400
