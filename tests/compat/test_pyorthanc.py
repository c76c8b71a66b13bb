import asyncio
import datetime as dt

import pytest

pyorthanc = pytest.importorskip("pyorthanc", reason="pyorthanc is not installed (extra: compat)")
httpx = pytest.importorskip("httpx")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def client(empty):
    with pyorthanc.Orthanc(empty.url) as client:
        yield client


def test_objects_tell_what_was_stored(client, files):
    for content in files:
        answer = client.post_instances(content)
        assert answer["Status"] == "Success"
        assert answer["ParentStudy"] in client.get_studies()

    (patient_id,) = client.get_patients()
    patient = pyorthanc.Patient(patient_id, client)
    assert patient.patient_id == "COMPAT"
    assert patient.name == "Test^Patient"
    assert patient.birth_date == dt.datetime(1970, 1, 1)
    assert patient.sex == "O"
    assert patient.labels == []
    assert patient.is_stable in (True, False)
    assert patient.last_update.year >= 2024
    (study,) = patient.studies
    assert study.uid == "2.25.1234"
    assert study.date == dt.datetime(2024, 2, 15, 10, 2)
    assert study.description == "Knee"
    assert study.accession_number == "A0815"
    assert study.referring_physician_name == "Referrer^Rita"
    assert study.patient_information["PatientID"] == "COMPAT"
    assert study.parent_patient == patient
    assert len(study.series) == 2
    for series in study.series:
        assert series.modality == "MR"
        assert series.manufacturer == "Repertory"
        assert series.series_number in (1, 2)
        assert series.parent_study == study
        assert series.parent_patient == patient
        assert len(series.instances) == 3
        for instance in series.instances:
            assert instance.get_dicom_file_content() in files
            assert instance.file_size == len(instance.get_dicom_file_content())
            assert instance.parent_series == series
            assert instance.parent_study == study
            assert instance.parent_patient == patient
            assert instance.instance_number in (1, 2, 3)
            assert instance.simplified_tags["PatientID"] == "COMPAT"
            assert instance.tags["0010,0020"]["Value"] == "COMPAT"
            assert instance.creation_date.year == 2024
            assert instance.get_pydicom().PatientID == "COMPAT"
            assert [len(instance.image_position_patient)] == [3]


def test_routes_answer_what_the_generated_methods_expect(client, files, packed):
    assert len(client.post_instances(packed)) == 6
    (study,) = client.get_studies()
    (patient,) = client.get_patients()
    series, _ = client.get_series()
    instance = client.get_instances()[0]

    expanded = {"expand": True}
    assert client.get_studies(params=expanded)[0]["ID"] == study
    assert client.get_studies(params={"expand": False}) == [study]
    assert len(client.get_instances(params={"since": 2, "limit": 3})) == 3
    assert client.get_patients_id(patient)["Studies"] == [study]
    assert client.get_studies_id(study)["ParentPatient"] == patient
    assert client.get_series_id(series)["ParentStudy"] == study
    assert client.get_instances_id(instance)["Type"] == "Instance"
    assert client.get_patients_id_studies(patient)[0]["ID"] == study
    assert len(client.get_patients_id_series(patient)) == 2
    assert len(client.get_patients_id_instances(patient)) == 6
    assert len(client.get_studies_id_series(study)) == 2
    assert len(client.get_studies_id_instances(study)) == 6
    assert len(client.get_series_id_instances(series)) == 3
    assert client.get_studies_id_patient(study)["ID"] == patient
    assert client.get_series_id_study(series)["ID"] == study
    assert client.get_series_id_patient(series)["ID"] == patient
    assert client.get_instances_id_patient(instance)["ID"] == patient
    assert client.get_instances_id_study(instance)["ID"] == study
    assert client.get_instances_id_series(instance)["Type"] == "Series"
    assert client.get_patients_id_statistics(patient)["CountInstances"] == 6
    assert client.get_studies_id_statistics(study)["CountSeries"] == 2
    assert client.get_series_id_statistics(series)["CountInstances"] == 3
    assert client.get_instances_id_statistics(instance)["DiskSize"].isdigit()
    assert client.get_instances_id_file(instance) in files
    assert client.get_instances_id_tags(instance)["0010,0020"]["Value"] == "COMPAT"
    assert client.get_instances_id_simplified_tags(instance)["PatientID"] == "COMPAT"
    assert client.get_instances_id_header(instance)["0002,0010"]["Value"] == "1.2.840.10008.1.2.1"
    assert client.get_statistics()["CountInstances"] == 6
    assert client.get_system()["Version"] == "1.13.0"
    assert client.get_plugins()[0] == "explorer.js"
    assert "now" in client.get_tools()
    assert len(client.get_tools_now()) == len(client.get_tools_now_local()) == 15
    assert client.post_tools_lookup("COMPAT")[0]["ID"] == patient
    assert client.get_tools_log_level() == "default"
    assert client.get_changes(params={"limit": 1})["Done"] is False
    assert client.get_changes(params={"last": True})["Last"] > 0
    assert client.delete_instances_id(instance)["RemainingAncestor"]["Type"] == "Series"
    assert client.delete_series_id(series)["RemainingAncestor"]["ID"] == study
    assert client.delete_studies_id(study)["RemainingAncestor"] in (None, {})
    client.delete_changes()
    assert client.get_changes()["Changes"] == []


def test_files_and_folders_are_uploaded(client, files, tmp_path):
    for number, content in enumerate(files):
        (tmp_path / f"{number}.dcm").write_bytes(content)

    pyorthanc.upload(client, tmp_path / "0.dcm")
    pyorthanc.upload(client, str(tmp_path), recursive=True)

    assert len(client.get_instances()) == 6


def test_errors_are_raised_with_the_body(client):
    with pytest.raises(httpx.HTTPError, match="404"):
        client.get_studies_id("00000000-00000000-00000000-00000000-00000000")
    with pytest.raises(httpx.HTTPError):
        client.post_instances(b"no DICOM")


def test_it_works_from_a_coroutine_too(empty, files):
    async def ask():
        async with pyorthanc.AsyncOrthanc(empty.url) as client:
            stored = await asyncio.gather(*(client.post_instances(each) for each in files))
            contents = await asyncio.gather(
                *(client.get_instances_id_file(one["ID"]) for one in stored)
            )
            return list(contents)

    assert asyncio.run(ask()) == files


def test_a_job_is_followed_to_its_end(client, files):
    for content in files:
        client.post_instances(content)
    body = {"Resources": client.get_studies(), "Asynchronous": True, "Priority": 4}
    job = pyorthanc.Job(client.post_tools_bulk_delete(body)["ID"], client)
    job.wait_until_completion(time_interval=0.02)

    assert job.state.value == "Success"
    assert (job.type, job.priority, job.progress) == ("BulkDelete", 4, 100)
    assert job.content["DeletedResourcesCount"] == 1
    assert job.error.value == 0
    assert job.error_details == ""
    assert job.creation_time <= job.completion_time <= job.timestamp
    assert job.effective_runtime >= 0
    assert job.id_ in client.get_jobs()
    assert client.get_jobs(params={"expand": True})[0]["Type"] == "BulkDelete"
    with pytest.raises(httpx.HTTPError, match="400"):
        client.post_jobs_id_resume(job.id_)
    client.post_jobs_id_cancel(job.id_)
    assert job.state.value == "Success"
    assert client.get_studies() == []


def test_many_are_deleted_at_once(client, files):
    ids = [client.post_instances(content)["ID"] for content in files]
    client.post_tools_bulk_delete({"Resources": [*ids[1:], "nonsense"]})

    assert client.get_instances() == ids[:1]
