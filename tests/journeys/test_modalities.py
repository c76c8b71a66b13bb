import json

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port
from repertory.testing.server import ServerProcess, until

HERE = "127.0.0.1"


class Pair:
    """Two archives that know each other as modalities: ours, and another one."""

    def __init__(self, ours, other_ask):
        self.ours = ours
        self.ask_other = other_ask

    def count_other(self):
        return len(self.ask_other("GET", "/instances"))


@pytest.fixture(
    params=[
        "Repertory",
        pytest.param(
            "Orthanc",
            marks=pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed"),
        ),
    ]
)
def pair(serve, tmp_path, request):
    own, other = free_port(), free_port()
    ours = serve(
        DicomServerEnabled=True,
        DicomPort=own,
        DicomAet="OURS",
        LogExportedResources=True,
        DicomModalities={"other": ["OTHER", HERE, other], "nobody": ["NOBODY", HERE, free_port()]},
    )
    options = {
        "DicomServerEnabled": True,
        "DicomPort": other,
        "DicomAet": "OTHER",
        "DicomModalities": {"ours": ["OURS", HERE, own]},
    }
    if request.param == "Orthanc":
        with OrthancProcess(tmp_path / "orthanc", **options) as orthanc:
            yield Pair(ours, lambda *words: json.loads(orthanc.ask(*words)[1] or b"{}"))
    else:
        repertory = serve(**options)

        def ask(method, path, body=None):
            return repertory.ask(method, path, body).json

        yield Pair(ours, ask)


def put(server, count):
    ids = []
    for number in range(count):
        content = make_dicom(study="1.1", series="1.2", instance=f"1.3.{number}", number=number)
        ids.append(server.post("/instances", content).json["ID"])
    return ids


def test_another_archive_is_called_sent_to_queried_and_moves_back(pair):
    put(pair.ours, 3)
    (study,) = pair.ours.get("/studies").json

    assert pair.ours.post("/modalities/other/echo", "").json == {}
    sent = pair.ours.post("/modalities/other/store", study)
    assert sent.status == 200
    assert (sent.json["InstancesCount"], sent.json["FailedInstancesCount"]) == (3, 0)
    assert pair.count_other() == 3
    assert len(pair.ours.get("/exports").json["Exports"]) == 3

    pair.ours.delete(f"/studies/{study}")
    query = pair.ours.post(
        "/modalities/other/query", '{"Level": "Study", "Query": {"PatientID": "TEST"}}'
    ).json
    assert pair.ours.get(f"{query['Path']}/answers").json == ["0"]
    content = pair.ours.get(f"{query['Path']}/answers/0/content?simplify").json
    assert (content["StudyInstanceUID"], content["PatientID"]) == ("1.1", "TEST")
    assert pair.ours.get(f"{query['Path']}/level").text == "Study"
    assert pair.ours.get(f"{query['Path']}/modality").text == "other"

    assert pair.ours.post(f"{query['Path']}/answers/0/retrieve", "OURS").status == 200
    instances = pair.ours.get("/instances").json
    assert len(instances) == 3
    assert pair.ours.get(f"/instances/{instances[0]}/metadata/RemoteAET").text == "OTHER"

    body = json.dumps({"Resources": instances, "Asynchronous": True})
    job = pair.ours.post("/modalities/other/store", body).json
    assert until(lambda: pair.ours.get(job["Path"]).json["State"] == "Success")
    assert pair.ours.get(job["Path"]).json["Type"] == "DicomModalityStore"


def test_another_archive_calls_sends_queries_and_retrieves(pair):
    instance = pair.ask_other("POST", "/instances", make_dicom(patient_id="SENT"))["ID"]

    assert pair.ask_other("POST", "/modalities/ours/echo", b"") == {}
    pair.ask_other("POST", "/modalities/ours/store", instance.encode())
    assert pair.ours.get("/instances").json == [instance]

    put(pair.ours, 2)
    query = pair.ask_other(
        "POST", "/modalities/ours/query", b'{"Level": "Study", "Query": {"PatientID": "TEST"}}'
    )
    assert pair.ask_other("GET", f"{query['Path']}/answers") == ["0"]
    pair.ask_other("POST", f"{query['Path']}/answers/0/retrieve", b"OTHER")
    assert pair.count_other() == 3


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/modalities/nobody/echo", "", 500, 9),
        ("POST", "/modalities/unknown/echo", "", 404, 7),
        ("GET", "/modalities/unknown", None, 404, 7),
        ("DELETE", "/modalities/unknown", None, 404, 7),
        ("PUT", "/modalities/new", "[1, 2]", 400, 15),
        ("PUT", "/modalities/new", '["A", "h", 70000]', 400, 15),
        ("PUT", "/modalities/new", "{", 400, 8),
        ("POST", "/modalities/nobody/store", "unknown", 404, 17),
        ("POST", "/modalities/nobody/store", '{"Resources": [1]}', 400, 8),
        ("POST", "/modalities/nobody/query", '{"Level": "Study"}', 500, 9),
        ("POST", "/modalities/nobody/query", '{"Query": {}}', 400, 8),
        ("POST", "/modalities/nobody/query", '{"Level": "Frame"}', 400, 3),
        (
            "POST",
            "/modalities/nobody/query",
            '{"Level": "Study", "Query": {"Nonsense": ""}}',
            400,
            3,
        ),
        ("POST", "/modalities/nobody/query", '{"Level": "Study", "Timeout": -1}', 400, 3),
        ("POST", "/modalities/nobody/move", '{"Level": "Study", "Resources": ["x"]}', 400, 8),
        ("POST", "/modalities/nobody/move", '{"Level": "Study", "Resources": [{}]}', 500, 9),
        ("POST", "/tools/dicom-echo", "{}", 400, 15),
        ("POST", "/tools/dicom-echo", "[]", 400, 8),
        ("GET", "/queries/unknown", None, 404, 17),
        ("DELETE", "/queries/unknown", None, 404, 17),
    ],
)
def test_what_cannot_be_is_told(nobody_there, method, path, body, status, code):
    answer = nobody_there.ask(method, path, body)

    assert (answer.status, answer.json["OrthancStatus"]) == (status, code)


@pytest.fixture(scope="module")
def nobody_there(tmp_path_factory):
    modalities = {"nobody": ["NOBODY", HERE, free_port()]}
    with ServerProcess(
        tmp_path_factory.mktemp("alone"), DicomModalities=modalities, HttpDescribeErrors=True
    ) as server:
        yield server


def test_modalities_are_entered_changed_and_forgotten(nobody_there):
    server = nobody_there

    assert server.ask("PUT", "/modalities/one", '["ONE", "localhost", 104]').status == 200
    assert server.get("/modalities").json == ["nobody", "one"]
    assert server.get("/modalities?expand").json["one"]["AllowEcho"] is True
    changed = '{"AET": "ONE", "Host": "localhost", "Port": 105, "AllowStore": false}'
    assert server.ask("PUT", "/modalities/one", changed).status == 200

    shown = server.get("/modalities/one/configuration").json
    assert (shown["Port"], shown["AllowStore"], shown["RetrieveMethod"]) == (
        105,
        False,
        "SystemDefault",
    )
    assert server.delete("/modalities/one").status == 200
    assert server.get("/modalities/one/configuration").status == 404
