"""Storage commitment with another archive: ours, and Debian's Orthanc, in both roles."""

import json

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port
from repertory.testing.server import until

HERE = "127.0.0.1"
MR = "1.2.840.10008.5.1.4.1.1.4"


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
    """Our server, and how to ask the other one, which knows it as "ours"."""
    own, other = free_port(), free_port()
    ours = serve(
        DicomServerEnabled=True,
        DicomPort=own,
        DicomAet="OURS",
        DicomModalities={"other": ["OTHER", HERE, other]},
    )
    options = {
        "DicomServerEnabled": True,
        "DicomPort": other,
        "DicomAet": "OTHER",
        "DicomModalities": {"ours": ["OURS", HERE, own]},
    }
    if request.param == "Orthanc":
        with OrthancProcess(tmp_path / "orthanc", **options) as orthanc:
            yield ours, lambda *words: json.loads(orthanc.ask(*words)[1] or b"{}")
    else:
        repertory = serve(**options)
        yield ours, lambda *words: repertory.ask(*words).json


def put(ours):
    contents = [make_dicom(study="1.1", series="1.2", instance=f"1.3.{it}") for it in (1, 2)]
    return [ours.post("/instances", it).json["ID"] for it in contents]


def test_what_another_archive_took_it_commits_itself_to(pair):
    ours, _ = pair
    instances = put(ours)
    body = json.dumps({"Resources": instances, "StorageCommitment": True})

    content = ours.post("/modalities/other/store", body).json

    path = f"/storage-commitment/{content['StorageCommitmentTransactionUID']}"
    until(lambda: ours.get(path).json["Status"] != "Pending")
    report = ours.get(path).json
    assert (report["Status"], report["RemoteAET"]) == ("Success", "OTHER")
    assert sorted(it["SOPInstanceUID"] for it in report["Success"]) == ["1.3.1", "1.3.2"]
    assert ours.post(f"{path}/remove", "").status == 200
    assert ours.get("/instances").json == []


def test_what_another_archive_has_not_it_says_so(pair):
    ours, _ = pair
    put(ours)
    study = ours.get("/studies").json
    asked = {"Resources": study, "DicomInstances": [[MR, "1.9"]]}

    answer = ours.post("/modalities/other/storage-commitment", json.dumps(asked)).json

    until(lambda: ours.get(answer["Path"]).json["Status"] != "Pending")
    report = ours.get(answer["Path"]).json
    assert report["Status"] == "Failure"
    failures = {it["SOPInstanceUID"]: it["Status"] for it in report["Failures"]}
    assert failures == dict.fromkeys(("1.3.1", "1.3.2", "1.9"), "NoSuchObjectInstance")


def test_another_archive_asks_and_is_told(pair):
    ours, ask_other = pair
    put(ours)
    asked = {"DicomInstances": [[MR, "1.3.1"], [MR, "1.9"]]}

    answer = ask_other("POST", "/modalities/ours/storage-commitment", json.dumps(asked).encode())

    until(lambda: ask_other("GET", answer["Path"])["Status"] != "Pending")
    report = ask_other("GET", answer["Path"])
    assert report["Status"] == "Failure"
    assert [it["SOPInstanceUID"] for it in report["Success"]] == ["1.3.1"]
    (failure,) = report["Failures"]
    assert (failure["SOPInstanceUID"], failure["FailureReason"]) == ("1.9", 0x0112)


def test_what_was_acknowledged_is_reported_although_the_archive_was_killed(serve):
    own, other = free_port(), free_port()
    ours = serve(
        DicomServerEnabled=True,
        DicomPort=own,
        DicomAet="OURS",
        DicomModalities={"other": ["OTHER", HERE, other]},
    )
    asking = serve(
        DicomServerEnabled=True,
        DicomPort=other,
        DicomAet="OTHER",
        DicomModalities={"ours": ["OURS", HERE, own]},
    )
    put(ours)
    asked = {"DicomInstances": [[MR, "1.3.1"]]}

    answer = asking.post("/modalities/ours/storage-commitment", json.dumps(asked)).json
    for server in (asking, ours):
        server.kill()
    for server in (asking, ours):
        server.start()

    until(lambda: asking.get(answer["Path"]).json["Status"] == "Success")
