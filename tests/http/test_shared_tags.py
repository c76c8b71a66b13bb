"""Tags of patients, studies and series over HTTP, and the order of slices."""

import json

import pytest

from repertory.actors.messages.attachments import ListAttachments, RemoveAttachment
from repertory.actors.messages.instances import StoreInstance
from repertory.model import Level
from repertory.testing.files import make_dicom

NOBODY = "11111111-11111111-11111111-11111111-11111111"
COUNT = 40


@pytest.fixture
def client(whole):
    return whole(sync_storage_area=False)


@pytest.fixture
def stored(client):
    """The identifiers of the instances of one series, in the order of their numbers."""
    return [
        client.archive.ask(
            StoreInstance(
                content=make_dicom(
                    study="1.2.3",
                    series="1.2.3.4",
                    instance=f"1.2.3.4.{number}",
                    number=number,
                    tags={
                        "InstanceNumber": str(number),
                        "ImageComments": "first" if number == 1 else "other",
                        "SeriesDescription": None if number == 7 else "Thorax",
                        "StudyDescription": "x" * 300,
                    },
                )
            )
        ).ids
        for number in range(1, COUNT + 1)
    ]


def test_shared_tags_are_what_all_instances_agree_on(client, stored):
    for level in (Level.PATIENT, Level.STUDY, Level.SERIES):
        path = f"/{level.plural}/{stored[0].at(level)}/shared-tags"
        shared = client.json(f"{path}?simplify")
        assert shared["SeriesInstanceUID"] == "1.2.3.4"
        assert not {"ImageComments", "InstanceNumber", "SeriesDescription"} & set(shared)
        assert "StudyDescription" not in shared  # too long for its text to be compared
        assert client.json(f"{path}?short")["0020,000e"] == "1.2.3.4"
        assert client.json(path)["0020,000e"]["Name"] == "SeriesInstanceUID"


def test_a_single_instance_shares_its_texts_with_itself(client):
    ids = client.archive.ask(StoreInstance(content=make_dicom(rich=True))).ids
    tags = client.json(f"/instances/{ids.instance}/tags")
    shared = client.json(f"/series/{ids.series}/shared-tags")

    assert shared == {tag: it for tag, it in tags.items() if it["Type"] == "String"}


def test_the_tags_of_all_instances_are_given_by_instance(client, stored):
    for query in ("", "?simplify", "?short", "?ignore-length=StudyDescription"):
        found = client.json(f"/series/{stored[0].series}/instances-tags{query}")
        assert len(found) == COUNT
        for ids in (stored[0], stored[-1]):
            assert found[ids.instance] == client.json(f"/instances/{ids.instance}/tags{query}")


@pytest.mark.parametrize(
    ("level", "has", "lacks"),
    [
        (Level.PATIENT, "0010,0020", "0020,000d"),
        (Level.STUDY, "0020,000d", "0010,0020"),
        (Level.SERIES, "0020,000e", "0020,000d"),
        (Level.INSTANCE, "0008,0018", "0020,000e"),
    ],
)
def test_a_module_is_a_part_of_the_tags(client, stored, level, has, lacks):
    path = f"/{level.plural}/{stored[0].at(level)}/module"
    tags = client.json(f"/instances/{stored[0].instance}/tags")
    module = client.json(path)

    assert has in module
    assert lacks not in module
    assert module.items() <= tags.items()
    assert set(client.json(f"{path}?short")) == set(module)
    assert len(client.json(f"{path}?simplify")) == len(module)


def test_the_module_patient_of_a_study_is_that_of_its_patient(client, stored):
    of_study = client.json(f"/studies/{stored[0].study}/module-patient")

    assert of_study == client.json(f"/patients/{stored[0].patient}/module")


def test_long_values_are_given_if_they_are_named(client, stored):
    path = f"/studies/{stored[0].study}/module?simplify"

    assert client.json(path)["StudyDescription"] is None
    for name in ("0008-1030", "StudyDescription"):
        assert len(client.json(f"{path}&ignore-length={name}")["StudyDescription"]) == 300


@pytest.mark.parametrize("what", ["shared-tags", "instances-tags", "module", "ordered-slices"])
def test_what_is_not_there_has_no_tags(client, what):
    response = client.get(f"/series/{NOBODY}/{what}")

    assert (response.status, json.loads(response.content)["OrthancStatus"]) == (404, 17)


@pytest.mark.parametrize("what", ["shared-tags", "instances-tags"])
def test_a_lost_file_is_told(client, stored, what):
    lost = stored[-1].instance
    (file,) = client.archive.ask(ListAttachments(level=Level.INSTANCE, id=lost))
    client.archive.ask(RemoveAttachment(uuid=file.uuid, content_type=1))
    response = client.get(f"/series/{stored[0].series}/{what}")

    assert (response.status, json.loads(response.content)["OrthancStatus"]) == (500, 2006)


def test_slices_are_given_as_files_and_frames(client):
    stored = [
        client.archive.ask(
            StoreInstance(
                content=make_dicom(
                    study="1.2.3",
                    series="1.2.3.4",
                    instance=f"1.2.3.4.{place}",
                    tags={
                        "ImageOrientationPatient": "1\\0\\0\\0\\1\\0",
                        "ImagePositionPatient": f"0\\0\\{place}",
                        "NumberOfFrames": "2",
                    },
                )
            )
        ).ids
        for place in (3, 1)
    ]
    first, second = stored[1].instance, stored[0].instance

    assert client.json(f"/series/{stored[0].series}/ordered-slices") == {
        "Type": "Volume",
        "Dicom": [f"/instances/{first}/file", f"/instances/{second}/file"],
        "Slices": [f"/instances/{id_}/frames/{n}" for id_ in (first, second) for n in (0, 1)],
        "SlicesShort": [[first, 0, 2], [second, 0, 2]],
    }
