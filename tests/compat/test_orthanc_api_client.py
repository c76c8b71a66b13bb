import datetime as dt

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess, until

orthanc_api_client = pytest.importorskip(
    "orthanc_api_client", reason="orthanc-api-client is not installed (extra: compat)"
)
exceptions = orthanc_api_client.exceptions
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(empty):
    return orthanc_api_client.OrthancApiClient(empty.url)


def test_it_sees_an_orthanc(client):
    assert client.is_alive()
    assert client.wait_started(timeout=1)
    assert client.is_orthanc_version_at_least(1, 12)
    assert client.get_system()["ApiVersion"] == 31
    assert not client.has_loaded_plugin("dicom-web")
    assert client.capabilities.has_extended_changes
    assert client.capabilities.has_extended_find


def test_it_uploads_and_navigates(client, files, tmp_path):
    ids = [client.upload(content)[0] for content in files]
    assert client.upload(files[0]) == ids[:1]

    assert sorted(client.instances.get_all_ids()) == sorted(ids)
    (study_id,) = client.studies.get_all_ids()
    study = client.studies.get(study_id)
    assert study.dicom_id == "2.25.1234"
    assert study.patient_main_dicom_tags.get("PatientID") == "COMPAT"
    assert study.statistics.instances_count == 6
    assert study.statistics.series_count == 2
    assert len(study.series) == 2
    assert study.labels == []
    assert abs(study.last_update - dt.datetime.utcnow()).days == 0
    assert sorted(client.studies.get_instances_ids(study_id)) == sorted(ids)
    assert client.studies.get_modalities(study_id) == {"MR"}
    assert client.studies.get_first_instance_tags(study_id)["PatientID"] == "COMPAT"
    assert client.studies.get_tags(study_id)["StudyInstanceUID"] == "2.25.1234"
    assert client.studies.get_parent_patient_id(study_id) == client.patients.get_all_ids()[0]
    assert client.studies.exists(study_id)
    assert client.studies.get_json(study_id)["ID"] == study_id
    assert client.studies.get_json_statistics(study_id)["CountInstances"] == 6
    downloaded = client.studies.download_instances(study_id, str(tmp_path))
    assert len(downloaded) == 6

    patient = client.patients.get(client.patients.lookup("COMPAT"))
    assert patient.dicom_id == "COMPAT"
    assert patient.statistics.studies_count == 1
    assert sorted(client.patients.get_instances_ids(patient.orthanc_id)) == sorted(ids)
    assert client.patients.get_modalities(patient.orthanc_id) == {"MR"}

    for series_id in client.studies.get_series_ids(study_id):
        series = client.series.get(series_id)
        assert series.statistics.instances_count == 3
        assert series.study.orthanc_id == study_id
        assert len(series.instances) == 3
        assert client.series.get_parent_study_id(series_id) == study_id
        assert client.series.get_parent_patient_id(series_id) == patient.orthanc_id
        assert client.series.lookup(series.dicom_id) == series_id

    for id_, content in zip(ids, files, strict=True):
        instance = client.instances.get(id_)
        assert client.instances.get_file(id_) == content
        assert instance.tags["PatientID"] == "COMPAT"
        assert client.instances.get_parent_study_id(id_) == study_id
        assert client.instances.lookup(instance.dicom_id) == id_
        assert instance.series.study.orthanc_id == study_id
        assert not client.instances.is_pdf(id_)


def test_it_uploads_zip_archives_and_folders(client, packed, files, tmp_path):
    assert len(client.upload(packed)) == 6
    for number, content in enumerate(files):
        (tmp_path / f"{number}.dcm").write_bytes(content)
    (tmp_path / "readme.txt").write_text("no DICOM")

    ids = client.upload_folder(str(tmp_path), ignore_errors=True)
    assert sorted(ids) == sorted(client.instances.get_all_ids())
    details = client.upload_folder_return_details(str(tmp_path))
    assert details[0] == {"2.25.1234"}


def test_it_is_told_why_an_upload_is_refused(client):
    with pytest.raises(exceptions.BadFileFormat):
        client.upload(b"no DICOM")
    with pytest.raises(exceptions.BadFileFormat):
        client.upload(b"")
    assert client.upload(b"no DICOM", ignore_errors=True) == []
    with pytest.raises(exceptions.ResourceNotFound):
        client.studies.get_json("00000000-00000000-00000000-00000000-00000000")
    with pytest.raises(exceptions.ResourceNotFound):
        client.instances.get_file("nobody")
    with pytest.raises(exceptions.ResourceNotFound):
        client.instances.get_tags("00000000-00000000-00000000-00000000-00000000")
    assert not client.studies.exists("nobody")
    assert client.studies.lookup("1.2.3") is None


def test_it_follows_changes(client):
    _, before, _ = client.get_changes(limit=1000)
    client.upload(make_dicom())

    changes, last, done = client.get_changes(since=before, limit=2)
    assert not done
    assert changes[0].change_type == orthanc_api_client.ChangeType.NEW_INSTANCE
    assert all(change.sequence_id > before for change in changes)
    assert abs(changes[0].timestamp - dt.datetime.utcnow()).total_seconds() < 60
    changes, last, done = client.get_changes(since=last, limit=100)
    assert done

    def stable():
        changes, _, _ = client.get_changes(since=before, limit=100)
        return any(one.change_type == orthanc_api_client.ChangeType.STABLE_STUDY for one in changes)

    assert until(stable)


def test_it_deletes(client, files):
    for content in files:
        client.upload(content)
    (study,) = client.studies.get_all_ids()
    instance, *others = client.instances.get_all_ids()

    client.instances.delete(instance)
    assert sorted(client.instances.get_all_ids()) == sorted(others)
    client.series.delete(orthanc_ids=client.series.get_all_ids()[:1])
    with pytest.raises(exceptions.ResourceNotFound):
        client.studies.delete("nobody")
    client.studies.delete("nobody", ignore_errors=True)
    assert client.studies.delete_all() == [study]
    client.upload(files[0])
    client.delete_all_content()
    statistics = client.get_statistics()
    assert (statistics.instances_count, statistics.patients_count) == (0, 0)
    assert statistics.total_disk_size == 0


def test_it_sets_how_much_is_logged(client):
    levels = orthanc_api_client.LogLevel
    client.set_log_level(levels.VERBOSE)
    assert client.get_log_level() == levels.VERBOSE
    client.set_log_level(levels.DEFAULT)
    assert client.get_log_level() == levels.DEFAULT


def test_it_logs_in(tmp_path):
    users = {"RegisteredUsers": {"alice": "secret"}, "AuthenticationEnabled": True}
    with ServerProcess(tmp_path / "server", **users) as server:
        known = orthanc_api_client.OrthancApiClient(server.url, user="alice", pwd="secret")
        assert known.studies.get_all_ids() == []
        wrong = orthanc_api_client.OrthancApiClient(server.url, user="alice", pwd="wrong")
        with pytest.raises(exceptions.NotAuthorized):
            wrong.studies.get_all_ids()


def test_it_finds_labels_and_annotates(client, files):
    for content in files:
        client.upload(content)
    (study,) = client.studies.find(query={"PatientID": "COMP*"}, case_sensitive=False)
    assert client.studies.find(query={"PatientID": "NOBODY"}) == []

    client.studies.add_label(study.orthanc_id, "urgent")
    assert client.get_all_labels() == ["urgent"]
    found = client.studies.find(query={}, labels=["urgent"])
    assert [it.orthanc_id for it in found] == [study.orthanc_id]
    client.studies.delete_label(study.orthanc_id, "urgent")
    assert client.studies.get_labels(study.orthanc_id) == []

    client.studies.set_string_metadata(study.orthanc_id, "1024", "first")
    value, revision = client.studies.get_string_metadata_with_revision(study.orthanc_id, "1024")
    assert value == "first"
    client.studies.set_string_metadata(study.orthanc_id, "1024", "second", match_revision=revision)
    with pytest.raises(exceptions.Conflict):
        client.studies.set_string_metadata(
            study.orthanc_id, "1024", "third", match_revision=revision
        )
    assert client.studies.get_string_metadata(study.orthanc_id, "1024") == "second"


def test_it_follows_jobs(client, files):
    for content in files:
        client.upload(content)
    body = {"Resources": client.studies.get_all_ids(), "Asynchronous": True}
    answer = client.post("tools/bulk-delete", json=body).json()

    job = client.jobs.get(answer["ID"])
    assert job.wait_completed(timeout=10, polling_interval=0.02)
    assert job.info.status == orthanc_api_client.JobStatus.SUCCESS
    assert job.info.type == "BulkDelete"
    assert job.content["DeletedResourcesCount"] == 1
    with pytest.raises(exceptions.ResourceNotFound):
        client.jobs.get("nonsense").refresh()
