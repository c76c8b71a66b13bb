"""Worklists with others: DCMTK's findscu and wlmscpfs, and Orthanc with its plugin."""

import json
import subprocess
from pathlib import Path

import pytest

from repertory.storage.worklists import as_file, resolved
from repertory.testing.dcmtk import find_tool, run_tool
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port
from repertory.testing.server import until

HERE = "127.0.0.1"
PLUGIN = Path("/usr/share/orthanc/plugins/libModalityWorklists.so")
STEP = {
    "Modality": "CT",
    "ScheduledStationAETitle": "CT1",
    "ScheduledProcedureStepStartDate": "20260301",
    "ScheduledProcedureStepStartTime": "101500",
    "ScheduledProcedureStepDescription": "Thorax",
    "ScheduledProcedureStepID": "S1",
}
TAGS = {
    "SpecificCharacterSet": "ISO_IR 100",
    "PatientName": "Müller^Änne",
    "PatientID": "P1",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "AccessionNumber": "A1",
    "StudyInstanceUID": "1.2.3",
    "RequestedProcedureID": "R1",
    "RequestedProcedureDescription": "CT of the thorax",
    "ScheduledProcedureStepSequence": [STEP],
}
QUERY = {
    "PatientID": "",
    "PatientName": "",
    "ScheduledProcedureStepSequence": [{"Modality": "CT", "ScheduledProcedureStepID": ""}],
}
needs_dcmtk = pytest.mark.skipif(
    not (find_tool("findscu") and find_tool("wlmscpfs")), reason="DCMTK is not installed"
)
needs_orthanc = pytest.mark.skipif(
    find_orthanc() is None or not PLUGIN.exists(),
    reason="Orthanc and its worklists are not installed",
)


def serve_worklists(serve, tmp_path, **options):
    port = free_port()
    section = {"Enable": True, "Database": str(tmp_path / "worklists")}
    server = serve(
        DicomServerEnabled=True,
        DicomPort=port,
        DicomAet="OURS",
        DicomAlwaysAllowFindWorklist=True,
        Worklists=section,
        **options,
    )
    return server, port


@needs_dcmtk
def test_findscu_is_told_what_is_scheduled_in_the_folder_and_over_rest(serve, tmp_path):
    server, port = serve_worklists(serve, tmp_path)
    made = server.post("/worklists/create", json.dumps({"Tags": TAGS})).json
    laid = tmp_path / "worklists" / "ris.wl"
    laid.write_bytes(as_file(resolved({**TAGS, "PatientID": "P2"})))
    keys = ("-k", "PatientID=P*", "-k", "(0040,0100)[0].Modality=CT")

    code, text = run_tool("findscu", "-W", HERE, port, *keys)

    assert code == 0
    assert text.count("Find Response:") == 2
    laid.unlink()
    server.delete(made["Path"])
    assert "Find Response:" not in run_tool("findscu", "-W", HERE, port, *keys)[1]


@needs_dcmtk
def test_what_dcmtk_has_scheduled_is_found(serve, tmp_path):
    port = free_port()
    folder = tmp_path / "wlm" / "WLM"
    folder.mkdir(parents=True)
    (folder / "lockfile").write_bytes(b"")
    (folder / "one.wl").write_bytes(as_file(resolved(TAGS)))
    server = serve(DicomModalities={"ris": ["WLM", HERE, port]})
    words = [find_tool("wlmscpfs"), "-s", "-dfr", "-dfp", str(tmp_path / "wlm"), str(port)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        try:
            assert until(lambda: server.post("/modalities/ris/echo", "").status == 200)
            (found,) = server.post(
                "/modalities/ris/find-worklist", json.dumps({"Query": QUERY})
            ).json
            (short,) = server.post(
                "/modalities/ris/find-worklist", json.dumps({"Query": QUERY, "Short": True})
            ).json
            none = server.post("/modalities/ris/find-worklist", json.dumps({"PatientID": "X"}))
        finally:
            other.terminate()

    assert found["PatientID"] == short["0010,0020"] == "P1"
    assert found["PatientName"] == "Müller^Änne"
    assert found["ScheduledProcedureStepSequence"][0]["ScheduledProcedureStepID"] == "S1"
    assert none.json == []


@needs_orthanc
def test_orthanc_is_told_what_is_scheduled_and_tells(serve, tmp_path):
    other = free_port()
    server, port = serve_worklists(
        serve, tmp_path, DicomModalities={"other": ["OTHER", HERE, other]}
    )
    server.post("/worklists/create", json.dumps({"Tags": TAGS}))
    database = tmp_path / "orthanc-worklists"
    database.mkdir()
    (database / "one.wl").write_bytes(as_file(resolved({**TAGS, "PatientID": "P9"})))
    with OrthancProcess(
        tmp_path / "orthanc",
        Plugins=[str(PLUGIN)],
        Worklists={"Enable": True, "Database": str(database)},
        DicomServerEnabled=True,
        DicomPort=other,
        DicomAet="OTHER",
        DicomModalities={"ours": ["OURS", HERE, port]},
    ) as orthanc:
        status, content = orthanc.ask(
            "POST", "/modalities/ours/find-worklist", json.dumps(QUERY).encode()
        )
        ours = server.post("/modalities/other/find-worklist", json.dumps({"Query": QUERY}))

    assert status == 200
    (found,) = json.loads(content)
    assert found["PatientID"] == "P1"
    assert [it["PatientID"] for it in ours.json] == ["P9"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ("[]", 400, 8),
        ('{"Query": []}', 400, 8),
        ('{"Query": {"Nonsense": ""}}', 400, 3),
        ('{"Query": {"PatientID": ""}}', 500, 9),
        ('{"Query": {}, "Timeout": -1}', 400, 3),
    ],
)
def test_a_question_that_cannot_be_asked_is_told(nobody, body, status, code):
    answer = nobody.post("/modalities/nobody/find-worklist", body)

    assert (answer.status, answer.json["OrthancStatus"]) == (status, code)


@pytest.fixture
def nobody(serve):
    return serve(DicomModalities={"nobody": ["NOBODY", HERE, free_port()]})
