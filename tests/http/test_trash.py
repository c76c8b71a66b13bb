import json

import pytest

from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.actors.messages.trash import DescribeTrash, EmptyTrash, ListTrash, RestoreTrash
from repertory.conf.resources import TrashSettings
from repertory.errors import LimitReached, UnknownItem
from repertory.model import Level, ResourceRef
from repertory.testing.files import make_dicom
from repertory.trash import RestoreReceipt, TrashContent, TrashedResource, TrashEntry


@pytest.fixture
def entry(ids):
    return TrashEntry(
        number=7,
        level=Level.STUDY,
        id=ids.study,
        main_tags={"0010,0020": "P1", "0008,1030": "Kopf"},
        deleted_at=1_800_000_000.0,
        expires_at=1_800_086_400.0,
        patients=0,
        studies=1,
        series=2,
        instances=30,
        files=31,
        size=9_000_000_000,
    )


@pytest.fixture
def written(ids):
    return {
        "ID": "7",
        "ResourceType": "Study",
        "ResourceID": ids.study,
        "MainDicomTags": {"PatientID": "P1", "StudyDescription": "Kopf"},
        "DeletionDate": "20270115T080000",
        "ExpiryDate": "20270116T080000",
        "CountPatients": 0,
        "CountStudies": 1,
        "CountSeries": 2,
        "CountInstances": 30,
        "CountFiles": 31,
        "Size": "9000000000",
    }


def test_what_is_in_the_trash_is_listed(archive, client, entry, written):
    archive.plays(ListTrash, (entry,))

    assert client.json("/trash?since=2&limit=5") == [written]
    assert archive.heard(ListTrash) == [ListTrash(since=2, limit=5)]


def test_an_entry_is_described_with_its_resources(archive, client, entry, written, ids):
    resource = TrashedResource(
        Level.STUDY, ids.study, {"0020,000d": "1.2"}, {7: "20270115T080000", 1024: "x"}, ("urgent",)
    )
    archive.plays(DescribeTrash, TrashContent(entry, (resource,)))

    assert client.json("/trash/7") == {
        **written,
        "Resources": [
            {
                "Type": "Study",
                "ID": ids.study,
                "MainDicomTags": {"StudyInstanceUID": "1.2"},
                "Metadata": {"LastUpdate": "20270115T080000", "1024": "x"},
                "Labels": ["urgent"],
            }
        ],
    }


def test_an_entry_is_restored(archive, client, ids):
    archive.plays(RestoreTrash, RestoreReceipt(ResourceRef(Level.STUDY, ids.study), 29, 1))
    response = client("POST", "/trash/7/restore")

    assert json.loads(response.content) == {
        "ResourceType": "Study",
        "ID": ids.study,
        "Path": f"/studies/{ids.study}",
        "Restored": 29,
        "Kept": 1,
    }


def test_entries_are_given_up(archive, client):
    archive.plays(EmptyTrash, 3)

    assert json.loads(client("DELETE", "/trash").content) == {"Emptied": 3}
    assert client("DELETE", "/trash/7").status == 200
    assert archive.heard(EmptyTrash) == [EmptyTrash(), EmptyTrash(name="7")]


@pytest.mark.parametrize(
    ("error", "status"), [(UnknownItem("There is no such entry."), 404), (LimitReached(), 507)]
)
def test_what_cannot_be_restored_is_refused(archive, client, error, status):
    archive.plays(RestoreTrash, error)
    response = client("POST", "/trash/x/restore")

    assert response.status == status
    assert json.loads(response.content)["HttpStatus"] == status


def test_a_read_only_archive_shows_its_trash_and_changes_nothing(archive, serve, entry, written):
    archive.plays(ListTrash, (entry,))
    client = serve(read_only=True)

    assert client.json("/trash") == [written]
    for method, path in (
        ("POST", "/trash/7/restore"),
        ("DELETE", "/trash/7"),
        ("DELETE", "/trash"),
    ):
        assert client(method, path).status in (404, 405)


def test_files_in_the_trash_are_no_orphans(whole):
    client = whole(trash=TrashSettings(retention_days=0.5))
    study = json.loads(client("POST", "/instances", make_dicom()).content)["ParentStudy"]
    assert client("DELETE", f"/studies/{study}").status == 200
    (entry,) = client.json("/trash")
    assert entry["ResourceID"] == study
    client.archive.ask(BeginCheck(repair=True))
    report = client.archive.ask(AwaitCheck()).report
    assert (report.orphans, report.moved, report.counters) == ((), 0, ())
    assert client("POST", f"/trash/{entry['ID']}/restore").status == 200

    assert client.json("/studies") == [study]
