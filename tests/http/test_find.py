"""Searches by HTTP: what they ask the archive, what they answer, what they refuse."""

import json

import pytest

from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    DescribeMany,
    FindResources,
    FoundResource,
)
from repertory.criteria import Criteria, LabelsConstraint, Order, OrderKind
from repertory.errors import BadParameter
from repertory.model import Level, ResourceDescription, ResourceId, ResourceRef, TagForm

ID = ResourceId("66c8e41e-ac3a9029-0b85e42a-8195ee0a-92c2e62e")
PATIENT_ID = ResourceId("7bcc5d80-e3a3a4b6-0c5d0a8b-5d3f9a1e-0d9e8d1f")

STUDY = ResourceDescription(
    level=Level.STUDY,
    id=ID,
    parent=PATIENT_ID,
    children=(),
    main_tags={"0008,0020": "20200101", "0010,1030": "70"},
    patient_tags={"0010,0020": "P"},
    metadata={7: "20260101T000000", 1024: "x"},
    labels=("a",),
    is_stable=True,
    tag_names={"0010,1030": "PatientWeight"},
)


@pytest.fixture
def post(client):
    """Post a body; gives status and JSON."""

    def post(path, body, client=client):
        text = body if isinstance(body, str) else json.dumps(body)
        response = client("POST", path, body=text)
        return response.status, json.loads(response.content)

    return post


def criteria(archive, kind=FindResources):
    return archive.heard(kind)[-1].criteria


def test_a_search_answers_identifiers(archive, post):
    archive.plays(FindResources, (ID,))

    assert post("/tools/find", {"Level": "Study", "Query": {"PatientID": "P*"}}) == (200, [ID])
    assert criteria(archive) == Criteria(level=Level.STUDY, tags=(("PatientID", "P*"),))


def test_every_field_of_a_search_reaches_the_archive(archive, serve, post):
    archive.plays(FindResources, ())
    body = {
        "Level": "INSTANCES",
        "Query": {"0010,0020": "P", "Modality": ""},
        "CaseSensitive": False,
        "Labels": ["a", "b"],
        "LabelsConstraint": "Any",
        "MetadataQuery": {"RemoteAET": "X*", "Mine": "1", "1025": "2"},
        "ParentPatient": PATIENT_ID,
        "ParentSeries": ID,
        "OrderBy": [
            {"Type": "DicomTag", "Key": "PatientName", "Direction": "DESC"},
            {"Type": "MetadataAsInt", "Key": "IndexInSeries", "Direction": "ASC"},
        ],
        "Since": 20,
        "Limit": 10,
    }
    assert post("/tools/find", body, serve(user_metadata={"Mine": 1024}))[0] == 200

    assert criteria(archive) == Criteria(
        level=Level.INSTANCE,
        tags=(("0010,0020", "P"), ("Modality", "")),
        case_sensitive=False,
        metadata=((3, "X*"), (1024, "1"), (1025, "2")),
        labels=("a", "b"),
        labels_constraint=LabelsConstraint.ANY,
        parents=(ResourceRef(Level.PATIENT, PATIENT_ID), ResourceRef(Level.SERIES, ID)),
        order=(
            Order(OrderKind.DICOM_TAG, "PatientName", True),
            Order(OrderKind.METADATA_AS_INT, "1"),
        ),
        since=20,
        limit=10,
    )


def test_an_expanded_search_answers_objects(archive, post):
    archive.plays(DescribeFound, (FoundResource(description=STUDY, requested={}),))
    status, (found,) = post("/tools/find", {"Level": "Study", "Query": {}, "Expand": True})

    assert status == 200
    assert found == {
        "ID": ID,
        "Type": "Study",
        "IsStable": True,
        "Labels": ["a"],
        "LastUpdate": "20260101T000000",
        "MainDicomTags": {"StudyDate": "20200101", "PatientWeight": "70"},
        "ParentPatient": PATIENT_ID,
        "PatientMainDicomTags": {"PatientID": "P"},
        "Series": [],
    }


def test_requested_tags_are_shown_as_the_archive_writes_them(archive, post):
    requested = {"0008,0061": "CT"}
    archive.plays(DescribeFound, (FoundResource(description=STUDY, requested=requested),))
    body = {"Level": "Study", "Query": {}, "Expand": True, "Short": True}
    _, (found,) = post("/tools/find", body | {"RequestedTags": ["ModalitiesInStudy"]})

    assert found["RequestedTags"] == requested
    assert found["MainDicomTags"]["0008,0020"] == "20200101"
    (question,) = archive.heard(DescribeFound)
    assert (question.requested, question.form) == (("ModalitiesInStudy",), TagForm.SHORT)


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        (["Labels"], {"Labels"}),
        (["Children", "Parent"], {"Series", "ParentPatient"}),
        (["Metadata", "IsStable"], {"Metadata", "IsStable"}),
        (["Attachments"], {"Attachments"}),
        (["MainDicomTags"], {"MainDicomTags", "PatientMainDicomTags"}),
    ],
)
def test_response_content_names_what_is_shown(archive, post, words, fields):
    archive.plays(DescribeFound, (FoundResource(description=STUDY, requested={}),))
    _, (found,) = post("/tools/find", {"Level": "Study", "Query": {}, "ResponseContent": words})

    assert set(found) == fields | {"ID", "Type"}


@pytest.mark.parametrize(
    ("level", "asked", "given"),
    [("Study", 0, 5), ("Study", 3, 3), ("Study", 9, 5), ("Instance", 0, 7), ("Patient", 6, 5)],
)
def test_the_archive_may_limit_what_is_found(archive, serve, post, level, asked, given):
    archive.plays(FindResources, ())
    client = serve(limit_find_results=5, limit_find_instances=7)
    post("/tools/find", {"Level": level, "Query": {}, "Limit": asked}, client)

    assert criteria(archive).limit == given


FIND = {"Level": "Study", "Query": {}}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", 8),
        ("{", 8),
        ("[" * 100_000, 8),
        ([], 8),
        ({}, 8),
        ({"Query": {}}, 8),
        ({"Level": "Study"}, 8),
        ({"Level": 2, "Query": {}}, 8),
        ({"Level": "Study", "Query": []}, 8),
        ({"Level": "Study", "Query": {"PatientID": 5}}, 8),
        ({"Level": "Image", "Query": {}}, 3),
        (FIND | {"Expand": 1}, 8),
        (FIND | {"CaseSensitive": "no"}, 8),
        (FIND | {"Limit": "5"}, 8),
        (FIND | {"Limit": True}, 8),
        (FIND | {"Since": -1}, 3),
        (FIND | {"Labels": "a"}, 8),
        (FIND | {"Labels": [1]}, 8),
        (FIND | {"LabelsConstraint": "Some"}, 3),
        (FIND | {"RequestedTags": {}}, 8),
        (FIND | {"ResponseContent": ["Everything"]}, 3),
        (FIND | {"ParentPatient": 1}, 8),
        (FIND | {"MetadataQuery": {"Nothing": "x"}}, 3),
        (FIND | {"MetadataQuery": {"Origin": 1}}, 8),
        (FIND | {"OrderBy": {}}, 8),
        (FIND | {"OrderBy": ["PatientID"]}, 8),
        (FIND | {"OrderBy": [{"Type": "DicomTag", "Key": "PatientID"}]}, 8),
        (FIND | {"OrderBy": [{"Type": "Tag", "Key": "PatientID", "Direction": "ASC"}]}, 3),
        (FIND | {"OrderBy": [{"Type": "DicomTag", "Key": "PatientID", "Direction": "UP"}]}, 3),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(post, body, code):
    status, error = post("/tools/find", body)

    assert (status, error["OrthancStatus"]) == (400, code)
    assert error["Details"]


def test_what_the_archive_refuses_is_a_bad_parameter(archive, post):
    archive.plays(FindResources, BadParameter("There is no DICOM tag named X."))
    status, error = post("/tools/find", FIND)

    assert (status, error["OrthancStatus"]) == (400, 3)
    assert error["Details"] == "There is no DICOM tag named X."


def test_resources_are_counted(archive, post):
    archive.plays(CountResources, 12)

    assert post("/tools/count-resources", FIND) == (200, {"Count": 12})
    status, error = post("/tools/count-resources", FIND | {"CaseSensitive": True})
    assert (status, error["OrthancStatus"]) == (400, 3)


def test_many_are_described_with_their_metadata(archive, post):
    archive.plays(DescribeMany, (STUDY,))
    _, (found,) = post("/tools/bulk-content", {"Resources": [ID], "Level": "Study"})
    _, (plain,) = post("/tools/bulk-content", {"Resources": [ID], "Metadata": False})

    assert found["Metadata"] == {"LastUpdate": "20260101T000000", "1024": "x"}
    assert "Metadata" not in plain
    assert archive.heard(DescribeMany)[0] == DescribeMany(ids=(ID,), at=Level.STUDY)
    assert archive.heard(DescribeMany)[1] == DescribeMany(ids=(ID,))


@pytest.mark.parametrize("body", [[], {}, {"Resources": "x"}, {"Resources": [1]}])
def test_many_need_a_list_of_identifiers(post, body):
    status, error = post("/tools/bulk-content", body)

    assert (status, error["OrthancStatus"]) == (400, 8)


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (
            "/studies?expand&since=1&limit=2",
            Criteria(level=Level.STUDY, since=1, limit=2),
        ),
        (
            f"/studies/{ID}?full",
            Criteria(level=Level.STUDY, within=ResourceRef(Level.STUDY, ID)),
        ),
        (
            f"/patients/{ID}/instances?",
            Criteria(level=Level.INSTANCE, within=ResourceRef(Level.PATIENT, ID)),
        ),
        (
            f"/instances/{ID}/patient?",
            Criteria(level=Level.PATIENT, within=ResourceRef(Level.INSTANCE, ID)),
        ),
    ],
)
def test_requested_tags_of_other_routes_are_searched_too(archive, client, path, asked):
    archive.plays(DescribeFound, (FoundResource(description=STUDY, requested={"A": "B"}),))
    answer = client.json(f"{path}&requested-tags=PatientWeight;0008,0061")

    assert (answer[0] if isinstance(answer, list) else answer)["RequestedTags"] == {"A": "B"}
    (question,) = archive.heard(DescribeFound)
    assert question.criteria == asked
    assert question.requested == ("PatientWeight", "0008,0061")
    assert question.form is (TagForm.FULL if "full" in path else TagForm.SIMPLIFIED)


def test_a_resource_that_went_away_is_unknown(archive, client):
    archive.plays(DescribeFound, ())

    assert client.get(f"/studies/{ID}?requested-tags=PatientID").status == 404
