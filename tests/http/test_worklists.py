"""Worklists over HTTP."""

import json

import pytest

from repertory.conf.worklists import WorklistsSettings

TAGS = {"PatientID": "P1", "ScheduledProcedureStepSequence": [{"Modality": "CT"}]}


@pytest.fixture
def client(whole):
    return whole(worklists=WorklistsSettings(enable=True))


def create(client, tags=TAGS):
    answer = client("POST", "/worklists/create", body=json.dumps({"Tags": tags}).encode())
    assert answer.status == 200
    return json.loads(answer.content)


def test_worklists_are_made_listed_shown_changed_and_deleted(client):
    made = create(client)
    assert made["Path"] == f"/worklists/{made['ID']}"

    (listed,) = client.json("/worklists")
    assert listed == client.json(made["Path"])
    assert listed["ID"] == made["ID"]
    assert listed["Tags"]["ScheduledProcedureStepSequence"] == [{"Modality": "CT"}]
    body = json.dumps({"Tags": {"PatientID": "P2"}}).encode()
    assert client("PUT", made["Path"], body=body).status == 200
    assert client.json(made["Path"])["Tags"]["PatientID"] == "P2"
    assert client("DELETE", made["Path"]).status == 200
    assert client.json("/worklists") == []
    assert client.get(made["Path"]).status == 404


def test_tags_are_shown_in_each_form(client):
    path = create(client)["Path"]

    assert client.json(f"{path}?format=Short")["Tags"]["0010,0020"] == "P1"
    assert client.json(f"{path}?format=Full")["Tags"]["0010,0020"]["Name"] == "PatientID"
    assert client.json(f"{path}?format=Simplify")["Tags"]["PatientID"] == "P1"
    assert client.get(f"{path}?format=Long").status == 400


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{}", 8),
        (b"[]", 8),
        (b"nonsense", 8),
        (b'{"Tags": []}', 8),
        (b'{"Tags": {"Nonsense": "1"}}', 3),
        (b'{"Tags": {"PatientID": 1}}', 3),
    ],
)
def test_what_is_no_worklist_is_refused(client, body, code):
    answer = client("POST", "/worklists/create", body=body)

    assert (answer.status, json.loads(answer.content)["OrthancStatus"]) == (400, code)
    assert client.json("/worklists") == []


def test_an_archive_without_worklists_says_so(whole):
    client = whole()

    assert client.get("/worklists").status == 415
