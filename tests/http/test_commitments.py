"""Storage commitment over HTTP."""

import json

import pytest

from repertory.actors.messages.commitment import TakeCommitmentReport, UncommittedInstance
from repertory.actors.messages.instances import SopPair, StoreInstance
from repertory.actors.messages.values import RecordValue
from repertory.testing.files import make_dicom

MR = "1.2.840.10008.5.1.4.1.1.4"


@pytest.fixture
def client(whole):
    return whole(dicom_modalities={"nobody": ["NOBODY", "127.0.0.1", 1]})


@pytest.fixture
def asked(client):
    """A transaction in which somebody was asked to keep two instances that are there."""
    for uid in ("1.1.1", "1.1.2"):
        client.archive.ask(StoreInstance(content=make_dicom(study="1.1", instance=uid)))
    value = {"Made": 1.0, "RemoteAET": "PEER", "Instances": [[MR, "1.1.1"], [MR, "1.1.2"]]}
    client.archive.ask(RecordValue(store="commitments", name="1.9", value=json.dumps(value)))

    def report(*failed):
        committed = [uid for uid in ("1.1.1", "1.1.2") if uid not in failed]
        client.archive.ask(
            TakeCommitmentReport(
                transaction="1.9",
                committed=tuple(SopPair(sop_class=MR, sop_instance=it) for it in committed),
                failures=tuple(
                    UncommittedInstance(
                        instance=SopPair(sop_class=MR, sop_instance=it), reason=0x0112
                    )
                    for it in failed
                ),
            )
        )

    return report


def post(client, path, body=b""):
    answer = client(
        "POST", path, body=body if isinstance(body, bytes) else json.dumps(body).encode()
    )
    return answer.status, json.loads(answer.content)


def test_a_transaction_is_pending_until_the_report_comes(client, asked):
    assert client.json("/storage-commitment/1.9") == {"RemoteAET": "PEER", "Status": "Pending"}
    status, body = post(client, "/storage-commitment/1.9/remove")
    assert (status, body["OrthancStatus"]) == (500, 6)

    asked()

    assert client.json("/storage-commitment/1.9") == {
        "RemoteAET": "PEER",
        "Status": "Success",
        "Success": [
            {"SOPClassUID": MR, "SOPInstanceUID": "1.1.1"},
            {"SOPClassUID": MR, "SOPInstanceUID": "1.1.2"},
        ],
        "Failures": [],
    }


def test_what_others_keep_can_be_removed(client, asked):
    asked()

    assert post(client, "/storage-commitment/1.9/remove") == (200, {})
    assert client.json("/instances") == []
    assert post(client, "/storage-commitment/1.9/remove") == (200, {})


def test_what_others_do_not_keep_stays(client, asked):
    asked("1.1.2")

    report = client.json("/storage-commitment/1.9")
    assert report["Status"] == "Failure"
    assert report["Failures"] == [
        {
            "Code": 274,
            "FailureReason": 274,
            "Description": "One or more of the elements was not available",
            "SOPClassUID": MR,
            "SOPInstanceUID": "1.1.2",
            "Status": "NoSuchObjectInstance",
        }
    ]
    assert post(client, "/storage-commitment/1.9/remove")[0] == 500
    assert len(client.json("/instances")) == 2


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/storage-commitment/1.2/remove", b"", 404, 7),
        ("/modalities/unknown/storage-commitment", {"Resources": []}, 404, 7),
        ("/modalities/nobody/storage-commitment", {}, 400, 8),
        ("/modalities/nobody/storage-commitment", {"Resources": "x"}, 400, 8),
        ("/modalities/nobody/storage-commitment", {"Resources": ["x"]}, 404, 17),
        ("/modalities/nobody/storage-commitment", {"DicomInstances": [["1.2"]]}, 400, 8),
        ("/modalities/nobody/storage-commitment", {"DicomInstances": [{"a": 1}]}, 400, 8),
        ("/modalities/nobody/storage-commitment", {"DicomInstances": [["1.2", "1.3"]]}, 500, 9),
        (
            "/modalities/nobody/storage-commitment",
            {"DicomInstances": [{"SOPClassUID": "1.2", "SOPInstanceUID": "1.3"}], "Timeout": -1},
            400,
            3,
        ),
    ],
)
def test_what_cannot_be_is_told(client, path, body, status, code):
    answered, content = post(client, path, body)

    assert (answered, content["OrthancStatus"]) == (status, code)


def test_an_unknown_transaction_is_told(client):
    assert client.get("/storage-commitment/1.2").status == 404
