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


@pytest.mark.parametrize("how", ["modality", "query"])
def test_what_another_archive_has_is_retrieved_by_c_get(pair, how):
    put(pair.ours, 3)
    (study,) = pair.ours.get("/studies").json
    assert pair.ours.post("/modalities/other/store", study).status == 200
    pair.ours.delete(f"/studies/{study}")
    if how == "modality":
        body = {"Level": "Study", "Resources": [{"StudyInstanceUID": "1.1"}]}
        content = pair.ours.post("/modalities/other/get", json.dumps(body)).json
    else:
        asked = '{"Level": "Study", "Query": {"PatientID": "TEST"}}'
        query = pair.ours.post("/modalities/other/query", asked).json
        body = {"RetrieveMethod": "C-GET"}
        content = pair.ours.post(f"{query['Path']}/retrieve", json.dumps(body)).json

    assert content["Description"] == "DICOM C-GET"
    assert len(pair.ours.get("/instances").json) == 3


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
        ("GET", "/modalities/unknown/configuration", None, 404, 7),
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


def test_what_can_be_asked_of_nobody_is_nothing(nobody_there):
    answer = nobody_there.get("/modalities/unknown")

    assert (answer.status, answer.content) == (404, b"")


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


def test_modalities_in_the_database_outlive_a_kill_and_the_dicom_server_knows_them(serve):
    own, other = free_port(), free_port()
    server = serve(
        DicomServerEnabled=True,
        DicomPort=own,
        DicomModalitiesInDatabase=True,
        DicomModalities={"file": ["FILE", HERE, 104]},
    )
    theirs = serve(
        DicomServerEnabled=True,
        DicomPort=other,
        DicomAet="THEIRS",
        DicomModalities={"ours": ["ORTHANC", HERE, own]},
    )
    assert server.get("/modalities").json == []

    for name in ("one", "two"):
        entry = json.dumps(["THEIRS", HERE, other])
        assert server.ask("PUT", f"/modalities/{name}", entry).status == 200
    server.kill()
    server.start()
    assert server.get("/modalities").json == ["one", "two"]
    assert server.post("/modalities/one/echo", "").json == {}
    query = theirs.post("/modalities/ours/query", '{"Level": "Study"}')
    assert query.status == 200  # whom the database knows may search

    for name in ("one", "two"):
        assert server.delete(f"/modalities/{name}").status == 200
    assert theirs.post("/modalities/ours/query", '{"Level": "Study"}').status == 500
    server.kill()
    server.start()
    assert server.get("/modalities").json == []


def test_modalities_that_are_not_in_the_database_last_until_the_archive_stops(serve):
    server = serve(DicomModalities={"file": ["FILE", HERE, 104]})

    assert server.ask("PUT", "/modalities/one", '["ONE", "h", 104]').status == 200
    assert server.delete("/modalities/file").status == 200
    assert server.get("/modalities").json == ["one"]
    server.stop()
    server.start()
    assert server.get("/modalities").json == ["file"]


def test_a_file_is_sent_that_is_not_in_the_archive(pair):
    content = make_dicom(instance="7.7")
    sent = pair.ours.post("/modalities/other/store-straight", content)

    assert sent.json == {
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
        "SOPInstanceUID": "7.7",
    }
    assert pair.count_other() == 1
    assert pair.ours.get("/instances").json == []


def test_what_is_below_an_answer_is_queried(pair):
    put(pair.ours, 3)
    pair.ours.post("/modalities/other/store", pair.ours.get("/studies").json[0])

    def ask_below(path, what, **query):
        made = pair.ours.post(f"{path}/answers/0/query-{what}", json.dumps({"Query": query}))
        assert made.status == 200
        return made.json["Path"]

    def answers(path):
        return pair.ours.get(f"{path}/answers?expand&simplify").json

    patients = pair.ours.post(
        "/modalities/other/query", '{"Level": "Patient", "Query": {"PatientID": "TEST"}}'
    ).json["Path"]
    studies = ask_below(patients, "studies", StudyDescription="")
    (study,) = answers(studies)
    assert (study["StudyInstanceUID"], study["StudyDescription"]) == ("1.1", "Knee")
    series = ask_below(studies, "series", Modality="MR")
    assert [it["SeriesInstanceUID"] for it in answers(series)] == ["1.2"]
    instances = ask_below(series, "instances")
    found = sorted(it["SOPInstanceUID"] for it in answers(instances))
    assert found == ["1.3.0", "1.3.1", "1.3.2"]
    assert len(answers(ask_below(studies, "instances"))) == 3
    assert pair.ours.get(f"{instances}/answers/2").json == [
        "content",
        "query-instances",
        "query-series",
        "query-studies",
        "retrieve",
    ]
    above = pair.ours.post(f"{series}/answers/0/query-studies", "{}")
    assert (above.status, above.json["OrthancStatus"]) == (404, 17)
    beyond = pair.ours.post(f"{series}/answers/1/query-instances", "{}")
    assert (beyond.status, beyond.json["OrthancStatus"]) == (400, 3)


def test_a_query_is_normalized_unless_it_is_not_to_be(pair):
    put(pair.ours, 1)
    pair.ours.post("/modalities/other/store", pair.ours.get("/studies").json[0])

    def ask_for(name, **options):
        body = {"Level": "Study", "Query": {name: ""}, **options}
        path = pair.ours.post("/modalities/other/query", json.dumps(body)).json["Path"]
        assert name in pair.ours.get(f"{path}/query?simplify").json
        (found,) = pair.ours.get(f"{path}/answers?expand&simplify").json
        return found

    assert "Modality" not in ask_for("Modality")
    assert ask_for("ModalitiesInStudy")["ModalitiesInStudy"] == "MR"
    assert "Rows" not in ask_for("Rows")
    assert ask_for("Rows", Normalize=False)["StudyInstanceUID"] == "1.1"


def test_the_older_searches_answer_at_once(pair):
    put(pair.ours, 2)
    pair.ours.post("/modalities/other/store", pair.ours.get("/studies").json[0])

    def find(what, **keys):
        return pair.ours.post(f"/modalities/other/find{what}", json.dumps(keys)).json

    assert [it["PatientName"] for it in find("-patient", PatientID="TEST")] == ["Test^Patient"]
    assert find("-patient", PatientID="NOBODY") == []
    assert [it["StudyDescription"] for it in find("-study")] == ["Knee"]
    (series,) = find("-series", StudyInstanceUID="1.1")
    assert (series["SeriesInstanceUID"], series["Modality"]) == ("1.2", "MR")
    found = find("-instance", StudyInstanceUID="1.1", SeriesInstanceUID="1.2")
    assert sorted(it["SOPInstanceUID"] for it in found) == ["1.3.0", "1.3.1"]
    assert find("-series")["OrthancStatus"] == 8
    assert find("-patient", Nonsense="")["OrthancStatus"] == 3
    (patient,) = find("", PatientName="Test*")
    (study,) = patient["Studies"]
    assert [it["SeriesInstanceUID"] for it in study["Series"]] == ["1.2"]
    assert pair.ours.get("/queries").json == []


def test_an_echo_checks_that_queries_are_answered_where_that_is_wanted(serve):
    port = free_port()
    serve(DicomServerEnabled=True, DicomPort=port, DicomAet="OTHER")  # strangers may not search
    asking = serve(
        DicomServerEnabled=False,
        DicomEchoChecksFind=True,
        DicomModalities={"other": ["OTHER", HERE, port]},
    )

    assert asking.post("/modalities/other/echo", "").status == 500
    assert asking.post("/modalities/other/echo", '{"CheckFind": false}').status == 200
    body = {"AET": "OTHER", "Host": HERE, "Port": port}
    assert asking.post("/tools/dicom-echo", json.dumps(body)).status == 500
    body["CheckFind"] = False
    assert asking.post("/tools/dicom-echo", json.dumps(body)).status == 200
