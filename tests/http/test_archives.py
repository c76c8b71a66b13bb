"""ZIP archives and media over HTTP, from a whole archive."""

import io
import json
import threading
import zipfile

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import JobFailed, JobSucceeded
from repertory.testing.files import make_dicom, make_study

NOBODY = "00000000-00000000-00000000-00000000-00000000"


@pytest.fixture
def client(whole):
    return whole(sync_storage_area=False)


@pytest.fixture
def study():
    return make_study(patient_id="MÜLLER", series=2, instances=5, size=3000)


@pytest.fixture
def ids(client, study):
    return [client.archive.ask(StoreInstance(content=it)).ids for it in study]


def unpack(response):
    assert response.status == 200
    assert response.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as packed:
        assert packed.testzip() is None
        return {it.filename: packed.read(it) for it in packed.infolist()}


def code_of(response):
    return response.status, json.loads(response.content)["OrthancStatus"]


def post(client, path, body):
    return client("POST", path, json.dumps(body))


@pytest.mark.parametrize("kind", ["archive", "media"])
@pytest.mark.parametrize("level", ["patient", "study", "series"])
def test_a_resource_can_be_downloaded_as_an_archive(client, study, ids, level, kind):
    id_ = getattr(ids[0], level)
    plural = {"patient": "patients", "study": "studies", "series": "series"}[level]
    response = client.get(f"/{plural}/{id_}/{kind}")
    found = unpack(response)

    assert response.headers["Content-Disposition"] == f'filename="{id_}.zip"'
    assert ("DICOMDIR" in found) is (kind == "media")
    found.pop("DICOMDIR", None)
    expected = study[:5] if level == "series" else study
    assert sorted(found.values()) == sorted(expected)
    again = unpack(post(client, f"/{plural}/{id_}/{kind}", {"Synchronous": True}))
    again.pop("DICOMDIR", None)
    assert again == found


def test_instances_have_no_archive_of_their_own(client, ids):
    assert client.get(f"/instances/{ids[0].instance}/archive").status == 404


def test_the_client_chooses_the_name(client, ids):
    path = f"/studies/{ids[0].study}/archive"

    assert client.get(f"{path}?filename=knee.zip").headers["Content-Disposition"] == (
        'filename="knee.zip"'
    )
    response = post(client, path, {"Filename": "knie.zip"})
    assert response.headers["Content-Disposition"] == 'filename="knie.zip"'


def test_many_resources_go_into_one_archive(client, study, ids):
    other = make_dicom()
    others = client.archive.ask(StoreInstance(content=other)).ids
    wanted = [ids[0].series, others.patient]
    everything = sorted([*study[:5], other])

    for response in (
        client.get(f"/tools/create-archive?resources={','.join(wanted)}"),
        post(client, "/tools/create-archive", wanted),
        post(client, "/tools/create-archive", {"Resources": wanted}),
    ):
        assert sorted(unpack(response).values()) == everything
        assert response.headers["Content-Disposition"] == 'filename="Archive.zip"'
    for tool in ("create-media", "create-media-extended"):
        for response in (
            client.get(f"/tools/{tool}?resources={','.join(wanted)}"),
            post(client, f"/tools/{tool}", wanted),
        ):
            found = unpack(response)
            directory = found.pop("DICOMDIR")
            assert sorted(found.values()) == everything
            assert (b"T1 TSE sagittal" in directory) is (tool == "create-media-extended")


def test_names_keep_their_letters_where_it_is_asked(client, whole, ids, study):
    path = f"/studies/{ids[0].study}/archive"

    assert all(it.isascii() for it in unpack(client.get(path)))
    assert not any(it.isascii() for it in unpack(post(client, path, {"Utf8": True})))
    client.archive.stop()
    other = whole(zip_use_utf8=True)
    assert not any(it.isascii() for it in unpack(other.get(path)))


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("/tools/create-archive", {}, (400, 8)),
        ("/tools/create-archive", {"Resources": "all"}, (400, 8)),
        ("/tools/create-archive", {"Resources": [1]}, (400, 8)),
        ("/tools/create-archive", [1], (400, 8)),
        ("/tools/create-archive", "all", (400, 8)),
        ("/tools/create-archive", [NOBODY], (404, 17)),
        ("/tools/create-archive", ["nonsense"], (404, 17)),
        ("/tools/create-archive", {"Resources": [], "Utf8": "yes"}, (400, 8)),
        ("/tools/create-media", {"Resources": [], "Extended": 1}, (400, 8)),
        (f"/studies/{NOBODY}/archive", {}, (404, 17)),
        ("/studies/nonsense/media", {}, (404, 17)),
        ("/tools/create-archive", {"Resources": [], "Transcode": "1.2.840.10008.1.2"}, (415, 3000)),
    ],
)
def test_what_cannot_be_made_is_told(client, path, body, expected):
    assert code_of(post(client, path, body)) == expected


def test_a_body_must_be_an_object(client, ids):
    path = f"/studies/{ids[0].study}/archive"

    assert code_of(client("POST", path, "")) == (400, 8)
    assert code_of(client("POST", path, "[]")) == (400, 8)
    assert code_of(client("POST", path, '{"a":')) == (400, 8)


def test_the_resources_must_be_named(client):
    assert code_of(client.get("/tools/create-archive")) == (400, 8)
    assert code_of(client.get(f"/tools/create-archive?resources={NOBODY}")) == (404, 17)
    assert unpack(post(client, "/tools/create-archive", [])) == {}


@pytest.fixture
def lost(client, ids, tmp_path):
    path = f"/instances/{ids[0].instance}/attachments/dicom"
    uuid = client.json(f"{path}/info")["Uuid"]
    (file,) = tmp_path.rglob(uuid)
    file.unlink()
    return ids[0].instance


def test_who_is_permissive_learns_at_the_end_what_is_missing(client, study, ids, lost):
    found = unpack(client.get(f"/studies/{ids[0].study}/archive"))
    (told,) = json.loads(found.pop("missing-instances.json"))

    assert told["ID"] == lost
    assert sorted(found.values()) == sorted(study[1:])


def test_who_is_not_learns_which_file_it_was(client, ids, lost):
    path = f"/studies/{ids[0].study}/archive"
    for response in (
        client.get(f"{path}?permissive=false"),
        post(client, path, {"Permissive": False}),
    ):
        assert code_of(response) == (500, 2006)
        assert lost in response.text


def test_a_read_only_archive_gives_archives(client, whole, study, ids):
    client.archive.stop()
    reader = whole(read_only=True)

    found = unpack(post(reader, "/tools/create-archive", [ids[0].study]))
    assert sorted(found.values()) == sorted(study)


def finished(client, submit):
    """Submit a job, and describe it when it is over."""
    over = threading.Event()
    for kind in (JobSucceeded, JobFailed):
        client.archive.board.listen(kind, lambda _: over.set())
    response = submit()
    assert response.status == 200
    assert over.wait(30)
    return client.json(json.loads(response.content)["Path"])


@pytest.mark.parametrize("kind", ["archive", "media"])
def test_a_job_makes_an_archive_to_be_downloaded_later_also_in_ranges(client, study, ids, kind):
    path = f"/studies/{ids[0].study}/{kind}"
    job = finished(
        client,
        lambda: post(client, path, {"Asynchronous": True, "Filename": "k.zip", "UserData": 7}),
    )

    assert (job["State"], job["Progress"], job["UserData"]) == ("Success", 100, 7)
    assert job["Type"] == kind.capitalize()
    assert job["Content"]["InstancesCount"] == len(study)
    assert job["Content"]["UncompressedSize"] == str(sum(map(len, study)))
    response = client.get(f"/jobs/{job['ID']}/archive")
    assert "k.zip" in response.headers["Content-Disposition"]
    assert job["Content"]["ArchiveSize"] == str(len(response.content))
    found = unpack(response)
    found.pop("DICOMDIR", None)
    assert sorted(found.values()) == sorted(study)
    rest = client.get(f"/jobs/{job['ID']}/archive", headers={"Range": "bytes=100-"})
    assert (rest.status, rest.content) == (206, response.content[100:])


def test_a_job_reports_what_it_could_not_read(client, study, ids, lost):
    path = f"/studies/{ids[0].study}/archive"
    job = finished(client, lambda: post(client, path, {"Synchronous": False}))

    assert (job["State"], job["FailedItemsCount"]) == ("Success", 1)
    assert [it["Item"] for it in client.json(f"/jobs/{job['ID']}/failures")] == [lost]
    found = unpack(client.get(f"/jobs/{job['ID']}/archive"))
    assert max(found) == "missing-instances.json"
    strict = {"Synchronous": False, "Permissive": False}
    failed = finished(client, lambda: post(client, path, strict))
    assert (failed["State"], failed["ErrorCode"]) == ("Failure", 2006)
    assert lost in failed["ErrorDetails"]
    assert client.get(f"/jobs/{failed['ID']}/archive").status == 404


def test_a_job_for_what_is_not_there_is_refused_or_fails(client):
    assert code_of(post(client, f"/studies/{NOBODY}/archive", {"Asynchronous": True})) == (404, 17)
    many = {"Resources": [NOBODY], "Asynchronous": True}
    job = finished(client, lambda: post(client, "/tools/create-archive", many))

    assert (job["State"], job["ErrorCode"]) == ("Failure", 17)
