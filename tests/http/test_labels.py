"""Labels, protection and exports over HTTP."""

import json

import pytest

from repertory.actors.messages.exports import RecordExport
from repertory.actors.messages.instances import StoreInstance
from repertory.model import Level, ResourceRef
from repertory.testing.files import make_dicom

NOBODY = "11111111-11111111-11111111-11111111-11111111"


@pytest.fixture
def client(whole):
    return whole(log_exported_resources=True)


@pytest.fixture
def ids(client):
    return client.archive.ask(StoreInstance(content=make_dicom(patient_id="Möller"))).ids


def code_of(response):
    return json.loads(response.content)["OrthancStatus"] if response.content else None


@pytest.mark.parametrize("level", list(Level))
def test_labels_are_put_listed_asked_for_and_deleted(client, ids, level):
    path = f"/{level.plural}/{ids.at(level)}/labels"
    for label in ("urgent", "A-1", "urgent"):
        put = client("PUT", f"{path}/{label}", body=b"")
        assert (put.status, put.content, put.getheader("Content-Type")) == (200, b"", "text/plain")

    assert client.json(path) == ["A-1", "urgent"]
    assert client.json("/tools/labels") == ["A-1", "urgent"]
    assert (client.get(f"{path}/urgent").status, client.get(f"{path}/urgent").content) == (200, b"")
    for _ in range(2):
        assert client("DELETE", f"{path}/urgent").status == 200
    gone = client.get(f"{path}/urgent")
    assert (gone.status, gone.content, gone.getheader("Content-Type")) == (404, b"", None)
    assert client.json(f"/{level.plural}/{ids.at(level)}")["Labels"] == ["A-1"]


@pytest.mark.parametrize("label", ["a%20b", "a.b", "%C3%A4", "a" * 65])
def test_a_label_that_is_none_is_out_of_range(client, ids, label):
    for method in ("PUT", "DELETE"):
        response = client(method, f"/studies/{ids.study}/labels/{label}", body=b"")
        assert (response.status, code_of(response)) == (400, 3)


def test_labels_of_what_is_not_there_are_an_unknown_resource(client):
    path = f"/studies/{NOBODY}/labels"
    responses = [client.get(path), client.get(f"{path}/a")]
    responses += [client(method, f"{path}/a") for method in ("PUT", "DELETE")]

    assert [code_of(response) for response in responses] == [17] * 4


def test_the_system_has_labels(client):
    assert client.json("/system")["HasLabels"] is True


@pytest.mark.parametrize(
    ("body", "said"), [(b"1", "1"), (b"true", "1"), (b"0", "0"), (b"false", "0"), (b" 1\n", "1")]
)
def test_a_patient_is_protected_or_not(client, ids, body, said):
    path = f"/patients/{ids.patient}/protected"
    assert client.get(path).text == "0"
    put = client("PUT", path, body=body)

    assert (put.status, put.content) == (200, b"")
    assert client.get(path).text == said
    assert client.json(f"/patients/{ids.patient}")["IsProtected"] is (said == "1")


@pytest.mark.parametrize("body", [b"", b"yes", b"2"])
def test_protection_is_a_boolean(client, ids, body):
    response = client("PUT", f"/patients/{ids.patient}/protected", body=body)

    assert (response.status, code_of(response)) == (400, 15)


@pytest.mark.parametrize("id_", [NOBODY, "nonsense"])
def test_an_unknown_patient_is_out_of_range(client, id_):
    got = client.get(f"/patients/{id_}/protected")
    put = client("PUT", f"/patients/{id_}/protected", body=b"1")

    assert [(it.status, code_of(it)) for it in (got, put)] == [(400, 3)] * 2


def test_exports_are_listed_page_by_page_and_cleared(client, ids):
    assert client.json("/exports") == {"Done": True, "Exports": [], "Last": 0}
    sent = (ResourceRef(Level.STUDY, ids.study), ResourceRef(Level.INSTANCE, ids.instance))
    client.archive.ask(RecordExport(resources=sent, remote="PACS"))

    page = client.json("/exports?limit=1")
    date = page["Exports"][0].pop("Date")
    assert len(date) == 15
    assert page == {
        "Done": False,
        "Exports": [
            {
                "ID": ids.study,
                "Path": f"/studies/{ids.study}",
                "PatientID": "Möller",
                "RemoteModality": "PACS",
                "ResourceType": "Study",
                "SOPInstanceUID": "",
                "Seq": 1,
                "SeriesInstanceUID": "",
                "StudyInstanceUID": page["Exports"][0]["StudyInstanceUID"],
            }
        ],
        "First": 1,
        "Last": 1,
    }
    assert client.json("/exports?since=1")["Exports"][0]["SOPInstanceUID"] != ""
    assert client.json("/exports?last")["Last"] == 2
    assert client.json("/exports?since=9") == {"Done": True, "Exports": [], "Last": 9}
    cleared = client("DELETE", "/exports")
    assert (cleared.status, cleared.content) == (200, b"")
    assert client.json("/exports")["Exports"] == []
