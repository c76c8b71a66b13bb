"""What the archive says of itself."""

import pytest

from repertory.actors.messages.system import DescribeIndex, DescribeTotals
from repertory.conf.settings import Settings
from repertory.model import IndexDescription, Totals


def test_the_system_names_the_contract_and_the_archive(archive, serve):
    archive.plays(
        DescribeIndex, IndexDescription(engine="sqlite", schema_version=1, identifier="abc")
    )

    system = serve(name="Attic").json("/system")

    assert system["ApiVersion"] == 31
    assert system["Version"] == "1.13.0"
    assert system["Name"] == "Attic"
    assert system["DatabaseServerIdentifier"] == "abc"
    assert system["MainDicomTags"]["Patient"] == "0010,0010;0010,0020;0010,0030;0010,0040;0010,1000"


def test_the_system_says_what_the_storage_does(archive, serve):
    archive.plays(DescribeIndex, IndexDescription(engine="sqlite", schema_version=1))

    system = serve(
        maximum_patient_count=3,
        maximum_storage_size=40,
        maximum_storage_mode="Reject",
        overwrite_instances="IfChanged",
        read_only=True,
        storage_compression=True,
    ).json("/system")

    assert system["MaximumPatientCount"] == 3
    assert system["MaximumStorageSize"] == 40
    assert system["MaximumStorageMode"] == "Reject"
    assert system["OverwriteInstances"] is True
    assert system["OverwriteInstancesMode"] == "IfChanged"
    assert system["PatientLevelEnabled"] is True
    assert system["ReadOnly"] is True
    assert system["StorageCompression"] is True


def test_the_system_says_how_much_is_done_at_a_time(archive, serve):
    archive.plays(DescribeIndex, IndexDescription(engine="sqlite", schema_version=1))

    told = serve(concurrent_jobs=3, dicom_threads_count=7).json("/system")["Performance"]

    assert told["ConcurrentJobs"] == 3
    assert told["DicomThreadsCount"] == 7
    assert told["MaximumStorageCacheSize"] == Settings().maximum_storage_cache_size
    assert told["TranscoderThreadsCount"] == Settings().transcoder_threads_count


def test_the_system_is_unavailable_once_an_actor_died(archive, client):
    archive.board.dead = "IndexActor"

    response = client.get("/system")

    assert response.status == 503


def test_statistics_give_sizes_as_strings_and_megabytes(archive, client):
    archive.plays(DescribeTotals, Totals(1, 2, 3, 4, 5 * 2**20 + 1, 6 * 2**20))

    assert client.json("/statistics") == {
        "CountPatients": 1,
        "CountStudies": 2,
        "CountSeries": 3,
        "CountInstances": 4,
        "TotalDiskSize": "5242881",
        "TotalDiskSizeMB": 5,
        "TotalUncompressedSize": "6291456",
        "TotalUncompressedSizeMB": 6,
    }


@pytest.mark.parametrize(
    ("options", "secure"),
    [
        ({}, True),
        ({"remote_access_allowed": True, "authentication_enabled": False}, False),
        ({"authentication_enabled": False}, True),
    ],
)
def test_a_server_is_not_secure_where_strangers_from_elsewhere_may_come(
    archive, serve, options, secure
):
    archive.plays(DescribeIndex, IndexDescription(engine="SQLite", schema_version=1))

    assert serve(**options).json("/system")["IsHttpServerSecure"] is secure
