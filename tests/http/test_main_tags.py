"""The main DICOM tags of a whole archive: sequences among them, and those of older resources."""

import json

import pytest

from repertory.testing.files import make_dicom

REQUEST = [{"ScheduledProcedureStepID": "7", "RequestedProcedureDescription": "Knöchel"}]


def dicom(number=1, **options):
    item = {
        "ScheduledProcedureStepID": "7",
        "RequestedProcedureDescription": ("LO", "Knöchel".encode()),
    }
    return make_dicom(
        patient_id=f"P{number}",
        seed=number,
        tags={
            "SpecificCharacterSet": "ISO_IR 192",
            "RequestAttributesSequence": [item],
            "OtherPatientIDsSequence": [{"PatientID": f"Q{number}"}],
            "PatientWeight": str(60 + number),
        },
        **options,
    )


def upload(client, content):
    return json.loads(client("POST", "/instances", body=content).content)


def find(client, body):
    response = client("POST", "/tools/find", body=json.dumps(body))
    assert response.status == 200
    return json.loads(response.content)


@pytest.mark.parametrize("deep", [False, True])
def test_a_series_shows_its_request_wherever_it_is_shown(whole, deep):
    client = whole()
    series = upload(client, dicom(deep=deep))["ParentSeries"]

    assert client.json(f"/series/{series}")["MainDicomTags"]["RequestAttributesSequence"] == REQUEST
    (found,) = find(client, {"Level": "Series", "Query": {}, "Expand": True})
    assert found["MainDicomTags"]["RequestAttributesSequence"] == REQUEST
    (found,) = client.json("/series?requested-tags=RequestAttributesSequence&expand")
    assert found["RequestedTags"] == {"RequestAttributesSequence": REQUEST}
    written = json.loads(client.get(f"/series/{series}/metadata/MainDicomSequences").content)
    assert written["Version"] == 1
    assert list(written["Sequences"]) == ["0040,0275"]


def test_a_study_shows_the_sequences_of_its_patient(whole):
    client = whole(extra_main_dicom_tags={"Patient": ["OtherPatientIDsSequence"]})
    study = upload(client, dicom())["ParentStudy"]

    shown = client.json(f"/studies/{study}?full")["PatientMainDicomTags"]["0010,1002"]
    assert (shown["Name"], shown["Type"]) == ("OtherPatientIDsSequence", "Sequence")
    assert shown["Value"][0]["0010,0020"]["Value"] == "Q1"
    assert "0010,1002" in client.json("/system")["MainDicomTags"]["Patient"]


def test_a_sequence_cannot_be_searched(whole):
    body = json.dumps({"Level": "Series", "Query": {"RequestAttributesSequence": "7"}})
    response = whole()("POST", "/tools/find", body=body)

    assert response.status == 400
    assert "sequence" in json.loads(response.content)["Details"]


def test_what_came_before_a_main_tag_is_found_by_it_and_a_reconstruction_ends_the_reading(whole):
    client = whole()
    old = upload(client, dicom(1))
    client.archive.stop()
    extra = {"Study": ["PatientWeight"], "Patient": ["OtherPatientIDsSequence"]}
    client = whole(extra_main_dicom_tags=extra)
    new = upload(client, dicom(2))
    query = {
        "Level": "Study",
        "Query": {"PatientWeight": "6?"},
        "RequestedTags": ["OtherPatientIDsSequence", "PatientWeight"],
        "ResponseContent": ["RequestedTags", "MainDicomTags"],
    }

    before = find(client, query)
    assert client("POST", "/tools/reconstruct").status == 200
    after = find(client, query)

    assert [it["ID"] for it in before] == [old["ParentStudy"], new["ParentStudy"]]
    assert [it["RequestedTags"] for it in before] == [
        {"OtherPatientIDsSequence": [{"PatientID": f"Q{n}"}], "PatientWeight": str(60 + n)}
        for n in (1, 2)
    ]
    assert ["PatientWeight" in it["MainDicomTags"] for it in before] == [False, True]
    assert [it["RequestedTags"] for it in after] == [it["RequestedTags"] for it in before]
    assert ["PatientWeight" in it["MainDicomTags"] for it in after] == [True, True]
    patient = client.json(f"/patients/{old['ParentPatient']}")
    assert patient["MainDicomTags"]["OtherPatientIDsSequence"] == [{"PatientID": "Q1"}]


def test_a_reconstruction_of_a_series_brings_its_sequences_up_to_date(whole):
    client = whole()
    series = upload(client, dicom(1))["ParentSeries"]
    client.archive.stop()
    client = whole(extra_main_dicom_tags={"Series": ["OtherPatientIDsSequence"]})
    assert client("POST", f"/series/{series}/reconstruct").status == 200

    tags = client.json(f"/series/{series}?short")["MainDicomTags"]
    assert tags["0010,1002"] == [{"0010,0020": "Q1"}]
    assert "0040,0275" in tags


def test_attachments_of_all_levels_are_shown_in_searches(whole):
    client = whole(user_content_type={"report": 1024})
    stored = upload(client, dicom())
    for path in (f"/studies/{stored['ParentStudy']}", stored["Path"]):
        client("PUT", f"{path}/attachments/report", body=b"content")

    def types(level):
        body = {"Level": level, "Query": {}, "ResponseContent": ["Attachments"]}
        ((found),) = find(client, body)
        return [it["ContentType"] for it in found["Attachments"]]

    assert [types(it) for it in ("Patient", "Study", "Series", "Instance")] == [
        [],
        [1024],
        [],
        [1, 1024],
    ]
    (shown,) = client.json("/studies?response-content=Attachments")
    assert shown["Attachments"][0]["UncompressedSize"] == 7
