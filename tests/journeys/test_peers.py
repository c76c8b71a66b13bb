"""Other archives as peers: ours and Debian's Orthanc, in both directions."""

import json

import pytest

from repertory.adopting import DONE
from repertory.cli import main
from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc
from repertory.testing.server import ServerProcess, until

needs_orthanc = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")
USERS = {"alice": "SECRET"}
EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"


@pytest.fixture(params=["Repertory", pytest.param("Orthanc", marks=needs_orthanc)])
def other(serve, tmp_path, request):
    """Another archive: its address, and how it is asked."""
    if request.param == "Orthanc":
        with OrthancProcess(tmp_path / "orthanc") as orthanc:
            yield f"http://127.0.0.1:{orthanc.port}/", lambda *words: orthanc.ask(*words)[1]
    else:
        repertory = serve()
        yield (
            f"http://127.0.0.1:{repertory.port}/",
            lambda *words: repertory.ask(*words).content,
        )


def put(server, count):
    answers = [
        server.post(
            "/instances",
            make_dicom(study="1.1", series="1.2", instance=f"1.3.{number}", number=number),
        ).json
        for number in range(count)
    ]
    return [it["ID"] for it in answers]


def test_another_archive_is_sent_to_by_its_address(serve, other):
    url, ask_other = other
    ours = serve(OrthancPeers={"other": [url]}, LogExportedResources=True)
    ids = put(ours, 45)
    (study,) = ours.get("/studies").json

    system = ours.get("/peers/other/system")
    assert (system.status, system.json["DicomAet"]) == (200, "ORTHANC")

    sent = ours.post("/peers/other/store", study)
    assert sent.status == 200
    assert (sent.json["InstancesCount"], sent.json["FailedInstancesCount"]) == (45, 0)
    assert sent.json["Peer"] == [url]
    sizes = sum(int(ours.get(f"/instances/{it}/statistics").json["DiskSize"]) for it in ids)
    assert sent.json["Size"] == str(sizes)
    assert len(json.loads(ask_other("GET", "/instances"))) == 45
    for id_ in ids[:2]:
        assert ask_other("GET", f"/instances/{id_}/file") == (
            ours.get(f"/instances/{id_}/file").content
        )
    assert len(ours.get("/exports").json["Exports"]) == 45
    assert ours.get("/exports").json["Exports"][0]["RemoteModality"] == "other"

    straight = ours.post("/peers/other/store-straight", make_dicom(instance="9.9"))
    assert straight.json["Status"] == "Success"
    assert len(ours.get("/instances").json) == 45
    assert len(json.loads(ask_other("GET", "/instances"))) == 46


def test_files_are_packed_and_transcoded_on_their_way(serve, other):
    url, ask_other = other
    ours = serve(OrthancPeers={"other": [url]})
    (id_,) = put(ours, 1)
    plain = len(ours.get(f"/instances/{id_}/file").content)

    body = {"Resources": [id_], "Compress": True, "Transcode": IMPLICIT, "Asynchronous": True}
    job = ours.post("/peers/other/store", json.dumps(body)).json

    assert until(lambda: ours.get(job["Path"]).json["State"] == "Success")
    content = ours.get(job["Path"]).json["Content"]
    assert int(content["Size"]) < plain
    assert (content["Compress"], content["Transcode"]) == (True, IMPLICIT)
    syntax = ask_other("GET", f"/instances/{id_}/metadata/TransferSyntax")
    assert syntax.decode() == IMPLICIT


@needs_orthanc
def test_an_orthanc_sends_to_us(serve, tmp_path):
    ours = serve(RegisteredUsers=USERS, AuthenticationEnabled=True)
    with OrthancProcess(
        tmp_path / "orthanc",
        OrthancPeers={"ours": [f"http://127.0.0.1:{ours.port}/", "alice", "SECRET"]},
    ) as orthanc:
        id_ = json.loads(orthanc.ask("POST", "/instances", make_dicom())[1])["ID"]
        for compress in (False, True):
            body = json.dumps({"Resources": [id_], "Compress": compress})
            assert orthanc.ask("POST", "/peers/ours/store", body)[0] == 200
        status, system = orthanc.ask("GET", "/peers/ours/system")
        assert (status, json.loads(system)["Name"]) == (200, "MyOrthanc")
        straight = orthanc.ask("POST", "/peers/ours/store-straight", make_dicom(instance="9.9"))
        assert straight[0] == 200

    user = {"Authorization": "Basic YWxpY2U6U0VDUkVU"}
    assert len(ours.ask("GET", "/instances", headers=user).json) == 2


def test_a_peer_that_does_not_know_us_or_is_gone_ends_the_job(serve):
    theirs = serve(RegisteredUsers=USERS, AuthenticationEnabled=True)
    url = f"http://127.0.0.1:{theirs.port}/"
    ours = serve(
        OrthancPeers={"known": [url, "alice", "SECRET"], "unknown": [url, "alice", "WRONG"]}
    )
    (first, second) = put(ours, 2)

    assert ours.post("/peers/known/store", first).status == 200
    refused = ours.post("/peers/unknown/store", second)
    assert (refused.status, refused.json["OrthancStatus"]) == (500, 9)
    assert refused.json["Details"] == "The peer answers by status 401."
    body = json.dumps({"Resources": [first, second], "Permissive": True})
    assert ours.post("/peers/unknown/store", body).json["FailedInstancesCount"] == 2
    assert ours.get("/peers/unknown/system").json["Details"] == "The peer answers by status 401."
    theirs.kill()
    gone = ours.post("/peers/known/store", second)
    assert (gone.status, gone.json["OrthancStatus"]) == (500, 9)

    everything = (
        ours.get("/peers?expand").text
        + ours.get("/jobs?expand").text
        + ours.get("/peers/known/configuration").text
        + ours.log
    )
    assert "SECRET" not in everything
    assert "WRONG" not in everything


def test_peers_are_entered_until_the_archive_stops(serve):
    server = serve(OrthancPeers={"one": ["http://h/"]})

    assert server.ask("PUT", "/peers/two", '["http://i/", "alice", "x"]').status == 200
    assert server.get("/peers").json == ["one", "two"]
    assert server.get("/peers/two").json == ["configuration", "store", "store-straight", "system"]
    assert server.get("/peers/two/configuration").json == {
        "HttpHeaders": [],
        "Password": None,
        "Pkcs11": False,
        "Timeout": 0,
        "Url": "http://i/",
        "Username": "alice",
    }
    assert server.delete("/peers/one").status == 200
    assert list(server.get("/peers?expand").json) == ["two"]
    server.stop()
    server.start()
    assert server.get("/peers").json == ["one"]


def test_peers_in_the_database_outlive_a_kill_and_those_of_the_file_do_not_count(serve):
    server = serve(OrthancPeersInDatabase=True, OrthancPeers={"file": ["http://h/"]})
    assert server.get("/peers").json == []

    entry = {"Url": "http://i/", "Username": "alice", "Password": "x", "HttpHeaders": {"T": "1"}}
    assert server.ask("PUT", "/peers/one", json.dumps(entry)).status == 200
    assert server.ask("PUT", "/peers/two", '["http://j/"]').status == 200
    server.kill()
    server.start()
    assert server.get("/peers").json == ["one", "two"]
    assert server.get("/peers/one/configuration").json["Username"] == "alice"
    assert server.delete("/peers/one").status == 200
    server.kill()
    server.start()
    assert server.get("/peers").json == ["two"]


@needs_orthanc
def test_peers_and_modalities_of_an_orthanc_are_adopted(tmp_path):
    options = {"OrthancPeersInDatabase": True, "DicomModalitiesInDatabase": True}
    with OrthancProcess(tmp_path / "orthanc", **options) as orthanc:
        orthanc.ask("PUT", "/peers/one", '["http://h/", "alice", "x"]')
        orthanc.ask("PUT", "/peers/two", '{"Url": "http://i/", "HttpHeaders": {"T": "1"}}')
        orthanc.ask("PUT", "/modalities/ct", '["CT", "h", 104]')
    assert main(["adopt", str(orthanc.storage), "--quiet"]) == DONE
    storage = {"StorageDirectory": str(orthanc.storage)}
    with ServerProcess(tmp_path / "ours", **options, **storage) as server:
        assert server.get("/peers").json == ["one", "two"]
        assert server.get("/peers/two/configuration").json["HttpHeaders"] == ["T"]
        assert server.get("/modalities/ct/configuration").json["AET"] == "CT"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    with ServerProcess(
        tmp_path_factory.mktemp("alone"),
        OrthancPeers={"nobody": ["http://127.0.0.1:1/"]},
        HttpDescribeErrors=True,
    ) as server:
        server.post("/instances", make_dicom())
        yield server


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/peers/unknown", None, 404, None),
        ("GET", "/peers/unknown/configuration", None, 404, 17),
        ("GET", "/peers/unknown/system", None, 404, 17),
        ("DELETE", "/peers/unknown", None, 404, 7),
        ("POST", "/peers/unknown/store", "x", 404, 17),
        ("POST", "/peers/unknown/store-straight", "x", 404, 17),
        ("PUT", "/peers/new", '["http://h/", "alice"]', 400, 15),
        ("PUT", "/peers/new", '"x"', 400, 15),
        ("PUT", "/peers/new", "", 400, 15),
        ("PUT", "/peers/new", "{", 400, 8),
        ("POST", "/peers/nobody/store", "unknown", 404, 17),
        ("POST", "/peers/nobody/store", "", 400, 8),
        ("POST", "/peers/nobody/store", '{"Resources": [1]}', 400, 8),
        ("POST", "/peers/nobody/store", '{"Resources": [], "Compress": 1}', 400, 8),
        ("POST", "/peers/nobody/store", '{"Resources": [], "Transcode": "x"}', 400, 3),
        ("POST", "/peers/nobody/store-straight", "", 400, 15),
        ("POST", "/peers/nobody/store-straight", "x", 500, 9),
        ("GET", "/peers/nobody/system", None, 500, 9),
    ],
)
def test_what_cannot_be_is_told(alone, method, path, body, status, code):
    answer = alone.ask(method, path, body)

    assert answer.status == status
    if code is None:
        assert answer.content == b""
    else:
        assert answer.json["OrthancStatus"] == code
