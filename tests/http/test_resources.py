import json
from dataclasses import replace

import pytest

from repertory.actors.messages.finding import DescribeFound, FoundResource
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeChildren,
    DescribeParent,
    DescribeResource,
    DescribeResources,
    DescribeStatistics,
    ListChildren,
    ListResources,
)
from repertory.errors import UnknownResource
from repertory.model import DeletionReceipt, Level, ResourceRef, ResourceStatistics

EACH_LEVEL = pytest.mark.parametrize("level", Level, ids=lambda level: level.word)


@EACH_LEVEL
def test_a_level_is_listed(archive, client, ids, level):
    archive.plays(ListResources, (ids.at(level),))

    assert client.json(f"/{level.plural}") == [ids.at(level)]
    assert archive.heard(ListResources) == [ListResources(level=level, since=0, limit=0)]


@pytest.mark.parametrize("flag", ["expand", "expand=", "expand=true", "expand=1", "expand=x"])
def test_a_list_may_be_expanded(archive, client, ids, describe, flag):
    archive.plays(DescribeResources, (describe(Level.STUDY),) * 2)

    studies = client.json(f"/studies?{flag}")

    assert [study["ID"] for study in studies] == [ids.study] * 2
    assert studies[0]["MainDicomTags"]["StudyInstanceUID"] == "1.2"


def test_a_long_list_is_whole(archive, client, describe):
    study = describe(Level.STUDY)
    archive.plays(DescribeResources, (study,) * 1001)

    content = client.get("/studies?expand").content

    archive.plays(DescribeResources, (study,))
    one = client.get("/studies?expand").content.removeprefix(b"[").removesuffix(b"\n]")
    assert content == b"[" + b",".join([one] * 1001) + b"\n]"


@pytest.mark.parametrize("query", ["", "?expand=false", "?expand=0", "?expand=False", "?other"])
def test_a_list_is_not_expanded_unless_it_is_asked_for(archive, client, query):
    archive.plays(ListResources, ())

    assert client.json(f"/studies{query}") == []


def test_a_list_comes_in_pages(archive, client):
    archive.plays(ListResources, ())
    archive.plays(DescribeResources, ())

    client.get("/series?since=10&limit=5")
    client.get("/series?expand&since=10&limit=5")
    client.get("/series?since=x&limit=-3")

    assert archive.said == [
        ListResources(level=Level.SERIES, since=10, limit=5),
        DescribeResources(level=Level.SERIES, since=10, limit=5),
        ListResources(level=Level.SERIES, since=0, limit=0),
    ]


@pytest.mark.parametrize("query", ["since=1", "limit=1", "expand&since=0"])
def test_since_and_limit_go_together(client, query):
    response = client.get(f"/studies?{query}")

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 8


def test_a_patient_is_described(archive, client, ids, describe):
    archive.plays(DescribeResource, describe(Level.PATIENT, is_protected=True))

    assert client.json(f"/patients/{ids.patient}") == {
        "ID": ids.patient,
        "IsProtected": True,
        "IsStable": True,
        "Labels": [],
        "LastUpdate": "20260101T120000",
        "MainDicomTags": {"PatientID": "P1", "PatientName": "DOE^JANE"},
        "Studies": [ids.study],
        "Type": "Patient",
    }


def test_a_study_is_described(archive, client, ids, describe):
    study = describe(Level.STUDY, labels=("a", "b"), is_stable=False)
    archive.plays(DescribeResource, study)

    assert client.json(f"/studies/{ids.study}") == {
        "ID": ids.study,
        "IsStable": False,
        "Labels": ["a", "b"],
        "LastUpdate": "20260101T120000",
        "MainDicomTags": {"StudyDescription": "Kopf é", "StudyInstanceUID": "1.2"},
        "ParentPatient": ids.patient,
        "PatientMainDicomTags": {"PatientID": "P1"},
        "Series": [ids.series],
        "Type": "Study",
    }


def test_a_series_is_described(archive, client, ids, describe):
    metadata = {4: "12", 6: "99999999"}
    series = describe(Level.SERIES, metadata=metadata, series_status="Missing")
    archive.plays(DescribeResource, series)

    assert client.json(f"/series/{ids.series}") == {
        "AnonymizedFrom": "99999999",
        "ExpectedNumberOfInstances": 12,
        "ID": ids.series,
        "Instances": [ids.instance],
        "IsStable": True,
        "Labels": [],
        "MainDicomTags": {"Modality": "CT", "SeriesInstanceUID": "1.2.3"},
        "ParentStudy": ids.study,
        "Status": "Missing",
        "Type": "Series",
    }


def test_an_instance_is_described(archive, client, ids, describe):
    archive.plays(DescribeResource, describe(Level.INSTANCE))

    assert client.json(f"/instances/{ids.instance}") == {
        "FileSize": 1000,
        "FileUuid": "5c5c5c5c-0000-4000-8000-000000000000",
        "ID": ids.instance,
        "IndexInSeries": 7,
        "Labels": [],
        "MainDicomTags": {"InstanceNumber": "7", "SOPInstanceUID": "1.2.3.4"},
        "ParentSeries": ids.series,
        "Type": "Instance",
    }


@pytest.mark.parametrize("number", [None, "", "x"])
def test_a_number_that_is_not_known_is_null(archive, client, ids, describe, number):
    metadata = {} if number is None else {1: number, 4: number}
    archive.plays(
        DescribeResource, lambda query: describe(query.level, metadata=metadata, attachments=())
    )

    assert client.json(f"/instances/{ids.instance}")["IndexInSeries"] is None
    assert client.json(f"/series/{ids.series}")["ExpectedNumberOfInstances"] is None


@pytest.mark.parametrize(
    ("query", "tags"),
    [
        ("", {"StudyDescription": "Kopf é", "StudyInstanceUID": "1.2"}),
        ("?simplify", {"StudyDescription": "Kopf é", "StudyInstanceUID": "1.2"}),
        ("?short", {"0008,1030": "Kopf é", "0020,000d": "1.2"}),
        (
            "?full",
            {
                "0008,1030": {"Name": "StudyDescription", "Type": "String", "Value": "Kopf é"},
                "0020,000d": {"Name": "StudyInstanceUID", "Type": "String", "Value": "1.2"},
            },
        ),
    ],
)
def test_tags_are_written_in_the_form_that_is_asked_for(
    archive, client, ids, describe, query, tags
):
    archive.plays(DescribeResource, describe(Level.STUDY))

    assert client.json(f"/studies/{ids.study}{query}")["MainDicomTags"] == tags


def test_a_tag_without_a_name_keeps_its_number(archive, client, ids, describe):
    archive.plays(DescribeResource, describe(Level.STUDY, main_tags={"0009,0010": "x"}))

    assert client.json(f"/studies/{ids.study}")["MainDicomTags"] == {"0009,0010": "x"}


@pytest.mark.parametrize("name", ["requested-tags", "requestedTags"])
def test_more_tags_may_be_asked_for(archive, client, ids, describe, name):
    requested = {"PatientID": "P1", "ModalitiesInStudy": ["CT", "MR"]}
    found = FoundResource(description=describe(Level.STUDY), requested=requested)
    archive.plays(DescribeFound, (found,))

    study = client.json(f"/studies/{ids.study}?{name}=PatientID;ModalitiesInStudy")

    (question,) = archive.heard(DescribeFound)
    assert question.requested == ("PatientID", "ModalitiesInStudy")
    assert study["RequestedTags"] == requested


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("MainDicomTags", {"MainDicomTags", "PatientMainDicomTags"}),
        ("Parent;Children", {"ParentPatient", "Series"}),
        ("Labels;IsStable", {"Labels", "IsStable"}),
        ("Metadata", {"Metadata"}),
        ("Attachments", {"Attachments"}),
    ],
)
def test_the_contents_of_an_answer_may_be_chosen(archive, client, describe, words, keys):
    study = describe(Level.STUDY, metadata={3: "AET", 1024: "mine", 1025: "yours"})
    archive.plays(DescribeResources, (study,))

    (answer,) = client.json(f"/studies?response-content={words}")

    assert set(answer) == {"ID", "Type"} | keys


def test_metadata_and_attachments_are_written_by_name(archive, serve, describe):
    metadata = {3: "AET", 1024: "mine", 1025: "yours"}
    archive.plays(DescribeResources, (describe(Level.INSTANCE, metadata=metadata),))

    client = serve(user_metadata={"my-own": 1024})
    (answer,) = client.json("/instances?response-content=Metadata;Attachments")

    assert answer["Metadata"] == {"1025": "yours", "RemoteAET": "AET", "my-own": "mine"}
    assert answer["Attachments"][0]["Uuid"] == "5c5c5c5c-0000-4000-8000-000000000000"


@pytest.mark.parametrize("level", list(Level))
def test_all_attachments_of_any_resource_are_shown(
    archive, client, ids, describe, attachment, level
):
    files = (attachment, replace(attachment, content_type=1024, uuid="u", damage="Lost"))
    archive.plays(DescribeResource, lambda query: describe(query.level, attachments=files))
    answer = client.json(f"/{level.plural}/{ids.at(level)}?response-content=Attachments")

    assert [it["ContentType"] for it in answer["Attachments"]] == [1, 1024]
    assert [it.get("Damage") for it in answer["Attachments"]] == [None, "Lost"]


NESTED = {
    "0040,0275": {
        "Name": "RequestAttributesSequence",
        "Type": "Sequence",
        "Value": [
            {
                "0009,1001": {"Name": "CodeValue", "Type": "String", "Value": "private"},
                "0040,0008": {"Name": "Inner", "Type": "Sequence", "Value": [{}]},
                "0008,0100": {"Name": "CodeValue", "Type": "String", "Value": "A"},
                "0008,0104": {"Name": "CodeMeaning", "Type": "TooLong", "Value": None},
            }
        ],
    },
    "0008,1110": {"Name": "ReferencedStudySequence", "Type": "TooLong", "Value": None},
}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (
            "",
            {
                "RequestAttributesSequence": [
                    {"CodeValue": "A", "CodeMeaning": None, "Inner": [{}]}
                ],
                "ReferencedStudySequence": None,
            },
        ),
        (
            "?short",
            {
                "0040,0275": [
                    {
                        "0009,1001": "private",
                        "0008,0100": "A",
                        "0008,0104": None,
                        "0040,0008": [{}],
                    }
                ],
                "0008,1110": None,
            },
        ),
        ("?full", NESTED),
    ],
)
def test_sequences_are_main_tags_in_the_form_of_the_others(
    archive, client, ids, describe, query, shown
):
    archive.plays(
        DescribeResource,
        lambda query: describe(query.level, main_sequences=NESTED, patient_sequences=NESTED),
    )
    plain = client.json(f"/studies/{ids.study}{query}")

    assert shown.items() <= plain["MainDicomTags"].items()
    assert shown.items() <= plain["PatientMainDicomTags"].items()
    assert len(plain["MainDicomTags"]) == 4


def test_an_unknown_content_is_refused(client):
    response = client.get("/studies?response-content=MainDicomTags;Everything")

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 3


@pytest.mark.parametrize(
    ("level", "word", "at"),
    [
        (Level.PATIENT, "studies", Level.STUDY),
        (Level.PATIENT, "series", Level.SERIES),
        (Level.PATIENT, "instances", Level.INSTANCE),
        (Level.STUDY, "series", Level.SERIES),
        (Level.STUDY, "instances", Level.INSTANCE),
        (Level.SERIES, "instances", Level.INSTANCE),
    ],
)
def test_children_are_expanded_unless_it_is_switched_off(
    archive, client, ids, describe, level, word, at
):
    archive.plays(DescribeChildren, (describe(at),))
    archive.plays(ListChildren, (ids.at(at),))
    path = f"/{level.plural}/{ids.at(level)}/{word}"

    assert [child["ID"] for child in client.json(path)] == [ids.at(at)]
    assert client.json(f"{path}?expand=false") == [ids.at(at)]
    assert archive.said == [
        DescribeChildren(level=level, id=ids.at(level), at=at),
        ListChildren(level=level, id=ids.at(level), at=at),
    ]


@pytest.mark.parametrize(
    ("level", "word", "at"),
    [
        (Level.STUDY, "patient", Level.PATIENT),
        (Level.SERIES, "patient", Level.PATIENT),
        (Level.SERIES, "study", Level.STUDY),
        (Level.INSTANCE, "patient", Level.PATIENT),
        (Level.INSTANCE, "study", Level.STUDY),
        (Level.INSTANCE, "series", Level.SERIES),
    ],
)
def test_parents_are_described(archive, client, ids, describe, level, word, at):
    archive.plays(DescribeParent, describe(at))

    parent = client.json(f"/{level.plural}/{ids.at(level)}/{word}?short")

    assert parent["Type"] == at.word
    assert all("," in tag for tag in parent["MainDicomTags"])
    assert archive.said == [DescribeParent(level=level, id=ids.at(level), at=at)]


@pytest.mark.parametrize(
    ("level", "counts"),
    [
        (Level.PATIENT, {"CountStudies": 1, "CountSeries": 2, "CountInstances": 3}),
        (Level.STUDY, {"CountSeries": 2, "CountInstances": 3}),
        (Level.SERIES, {"CountInstances": 3}),
        (Level.INSTANCE, {}),
    ],
)
def test_a_resource_has_statistics(archive, client, ids, level, counts):
    megabyte = 1 << 20
    archive.plays(
        DescribeStatistics,
        ResourceStatistics(1, 2, 3, 5 * megabyte, 7 * megabyte, 4 * megabyte - 1, 6 * megabyte),
    )

    assert client.json(f"/{level.plural}/{ids.at(level)}/statistics") == counts | {
        "DiskSize": "5242880",
        "DiskSizeMB": 5,
        "UncompressedSize": "7340032",
        "UncompressedSizeMB": 7,
        "DicomDiskSize": "4194303",
        "DicomDiskSizeMB": 3,
        "DicomUncompressedSize": "6291456",
        "DicomUncompressedSizeMB": 6,
    }


def test_an_unknown_resource_has_no_statistics(archive, client, ids):
    archive.plays(DescribeStatistics, UnknownResource())

    response = client.get(f"/studies/{ids.study}/statistics")

    assert response.status == 404
    assert json.loads(response.content)["OrthancStatus"] == 17


@EACH_LEVEL
def test_a_resource_is_deleted(archive, client, ids, level):
    archive.plays(DeleteResource, DeletionReceipt(remaining_ancestor=None))

    response = client("DELETE", f"/{level.plural}/{ids.at(level)}")

    assert json.loads(response.content) == {"RemainingAncestor": None}
    assert archive.heard(DeleteResource) == [DeleteResource(level=level, id=ids.at(level))]


def test_a_deletion_names_the_parent_that_is_left(archive, client, ids):
    left = ResourceRef(level=Level.PATIENT, id=ids.patient)
    archive.plays(DeleteResource, DeletionReceipt(remaining_ancestor=left))

    response = client("DELETE", f"/studies/{ids.study}")

    assert json.loads(response.content)["RemainingAncestor"] == {
        "ID": ids.patient,
        "Path": f"/patients/{ids.patient}",
        "Type": "Patient",
    }
