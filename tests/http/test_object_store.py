import io
import json
import zipfile

import obstore
import pytest

from repertory import cli
from repertory.actors.messages.attachments import RemoveReleased
from repertory.actors.messages.integrity import AwaitCheck, BeginCheck
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.testing import ManualClock
from repertory.testing.fault_proxy import Fault, FaultProxy
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until


@pytest.fixture
def proxy(s3_emulator):
    with FaultProxy(s3_emulator.port) as proxy:
        yield proxy


@pytest.fixture
def section(s3_emulator, proxy, bucket_name):
    s3_emulator.make_bucket(bucket_name)

    def make(**options):
        # Patient: an emulator on a busy computer may take seconds.
        given = {"endpoint": proxy.url, "idle_timeout": 20.0, "max_retries": 0}
        return s3_emulator.section(bucket_name, **(given | options))

    return make


@pytest.fixture
def bucket(section, bucket_name):
    """The names in the bucket, past the archive."""
    config = section()
    store = obstore.store.S3Store(
        bucket_name,
        endpoint=config.endpoint,
        region="us-east-1",
        access_key_id="test",
        secret_access_key="x",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )

    def names():
        return sorted(item["path"] for some in obstore.list(store) for item in some)

    names.store = store
    return names


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_text("AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n")
    return file


def posted(client, content):
    answer = client("POST", "/instances", body=content)
    return answer.status, json.loads(answer.content)


def file_name(client, instance):
    return client.json(f"/instances/{instance}/attachments/dicom/info")["Uuid"]


def failing(**fault):
    return lambda _method, _path: Fault(**fault)


def patience(fault):
    """How long to wait for a store that hangs."""
    return {"idle_timeout": 1.0} if fault.get("hangs") else {}


def checked(client, **options):
    client.archive.ask(BeginCheck(**options))
    return client.archive.ask(AwaitCheck()).report


def local_files(tmp_path):
    return [path for path in (tmp_path / "archive").glob("??/??/*") if path.is_file()]


@pytest.mark.parametrize("encrypted", [False, True])
def test_files_live_in_the_bucket_and_nowhere_else(
    whole, section, bucket, tmp_path, key_file, encrypted
):
    encryption = StorageEncryptionSettings(master_key=(1, str(key_file))) if encrypted else None
    client = whole(aws_s3_storage=section(storage_encryption=encryption))
    content = make_dicom()
    status, receipt = posted(client, content)
    instance = receipt["ID"]
    uuid = file_name(client, instance)

    assert status == 200
    assert bucket() == [f"{uuid}.dcm" + (".enc" if encrypted else "")]
    assert local_files(tmp_path) == []
    assert client.get(f"/instances/{instance}/file").content == content
    assert client("POST", f"/instances/{instance}/attachments/dicom/verify-md5").status == 200
    assert b"PatientID" in client.get(f"/instances/{instance}/simplified-tags").content
    assert checked(client, checksums=True).is_sound
    assert client("DELETE", f"/instances/{instance}").status == 200
    client.archive.ask(RemoveReleased())
    assert bucket() == []


def test_a_body_that_comes_in_pieces_goes_to_the_bucket_in_parts(whole, section, bucket, proxy):
    client = whole(aws_s3_storage=section(idle_timeout=20.0), spool_threshold_mb=1)
    content = make_dicom(size=12_500_000)
    status, receipt = posted(client, content)

    assert status == 200
    assert len(content) > 12_000_000
    assert client.get(f"/instances/{receipt['ID']}/file").content == content
    assert any("partNumber=3" in path for _, path in proxy.seen)
    assert len(bucket()) == 1


@pytest.mark.parametrize(
    ("fault", "mode"),
    [
        ({"status": 500}, "Disabled"),
        ({"status": 503}, "Disabled"),
        ({"hangs": True}, "Disabled"),
        ({"status": 503}, "WriteToObjectStorage"),
    ],
)
def test_an_upload_while_the_store_is_down_is_a_503_and_leaves_nothing(
    whole, section, bucket, proxy, fault, mode
):
    client = whole(aws_s3_storage=section(hybrid_mode=mode, **patience(fault)))
    proxy.choose = failing(**fault)
    status, body = posted(client, make_dicom())
    proxy.choose = failing()

    assert status == 503
    assert body["OrthancStatus"] == 14
    assert "could not be stored: the S3 bucket" in body["Details"]
    assert client.json("/instances") == []
    assert bucket() == []
    assert posted(client, make_dicom())[0] == 200


@pytest.mark.parametrize("fault", [{"status": 503}, {"hangs": True}])
def test_a_move_while_the_store_is_down_leaves_all_where_it_is(
    whole, section, bucket, proxy, tmp_path, fault
):
    options = {"hybrid_mode": "WriteToFileSystem", **patience(fault)}
    client = whole(aws_s3_storage=section(**options))
    content = make_dicom()
    instance = posted(client, content)[1]["ID"]
    body = {"Resources": [instance], "TargetStorage": "object-storage"}
    proxy.choose = failing(**fault)
    job = client("POST", "/move-storage", body=json.dumps(body | {"Asynchronous": True}).encode())
    path = json.loads(job.content)["Path"]
    until(lambda: client.json(path)["State"] in ("Success", "Failure"))
    failures = client.json(f"{path}/failures")
    proxy.choose = failing()

    assert client.json(path)["Content"]["MovedFilesCount"] == 0
    assert "could not be stored: the S3 bucket" in json.dumps(failures)
    assert client.get(f"/instances/{instance}/file").content == content
    assert len(local_files(tmp_path)) == 1
    assert client("POST", "/move-storage", body=json.dumps(body).encode()).status == 200
    client.archive.ask(RemoveReleased())
    assert (local_files(tmp_path), len(bucket())) == ([], 1)
    assert client.get(f"/instances/{instance}/file").content == content


def test_a_read_while_the_store_is_down_says_which_file_and_which_store(
    whole, section, proxy, bucket_name
):
    client = whole(aws_s3_storage=section(), maximum_storage_cache_size=0)
    instance = posted(client, make_dicom())[1]["ID"]
    uuid = file_name(client, instance)
    proxy.choose = failing(status=503)
    answer = client.get(f"/instances/{instance}/file")

    assert answer.status == 503
    assert json.loads(answer.content)["Details"] == (
        f'The file {uuid} could not be read: the S3 bucket "{bucket_name}" does not work (503).'
    )


def test_an_object_that_somebody_removed_is_a_lost_file(whole, section, bucket):
    client = whole(aws_s3_storage=section(), maximum_storage_cache_size=0)
    instance = posted(client, make_dicom())[1]["ID"]
    uuid = file_name(client, instance)
    obstore.delete(bucket.store, f"{uuid}.dcm")
    answer = client.get(f"/instances/{instance}/file")

    assert answer.status == 500
    assert json.loads(answer.content)["OrthancStatus"] == 2006
    assert uuid in json.loads(answer.content)["Details"]
    (damaged,) = checked(client).damaged
    assert damaged.uuid == uuid


def test_a_check_lets_be_what_may_be_on_its_way_in(whole, section, bucket):
    client = whole(aws_s3_storage=section())
    orphan = "0f0f0f0f-0000-4000-8000-000000000000.dcm"
    obstore.put(bucket.store, orphan, b"nobody's")

    assert checked(client).orphans == ()  # it may be on its way in


def test_a_check_while_the_store_is_down_marks_nothing(whole, section, proxy):
    client = whole(aws_s3_storage=section())
    posted(client, make_dicom())
    proxy.choose = failing(status=503)
    client.archive.ask(BeginCheck(checksums=True, repair=True))
    state = client.archive.ask(AwaitCheck())
    proxy.choose = failing()

    assert "does not work" in state.problem
    assert checked(client).is_sound


def test_a_study_is_removed_by_few_requests(whole, section, bucket, proxy):
    client = whole(aws_s3_storage=section())
    for content in make_study(series=1, instances=20):
        receipt = posted(client, content)[1]
    proxy.seen.clear()
    client("DELETE", f"/studies/{receipt['ParentStudy']}")
    client.archive.ask(RemoveReleased())

    assert bucket() == []
    assert len([path for method, path in proxy.seen if method == "POST"]) <= 2


@pytest.fixture
def own_store(start_rclone):
    """A store that a test may stop; its objects are files in a folder."""
    return start_rclone()


def test_files_of_a_store_that_is_down_are_let_be_and_go_when_it_is_back(
    whole, own_store, tmp_path
):
    clock = ManualClock()
    section = own_store.section("archive", hybrid_mode="WriteToObjectStorage", max_retries=0)
    client = whole(clock=clock, aws_s3_storage=section)
    stored = [posted(client, make_dicom(patient_id=f"P{n}", seed=n))[1] for n in range(30)]
    move = {"Resources": [stored[0]["ID"]], "TargetStorage": "file-system", "BusyShare": 100}
    assert client("POST", "/move-storage", body=json.dumps(move).encode()).status == 200
    objects = tmp_path / "s3" / "archive"

    def status():
        return client.json("/plugins/delayed-deletion/status")

    until(lambda: len(list(objects.iterdir())) == 29 and status()["FilesPendingDeletion"] == 0)
    own_store.stop()
    for receipt in stored:
        assert client("DELETE", f"/studies/{receipt['ParentStudy']}").status == 200
    until(lambda: status()["UnreachableStorages"] and not local_files(tmp_path))
    clock.advance(1.0)
    found = until(lambda: (it := status())["FilesPendingDeletion"] == 29 and it)

    (absent,) = found["UnreachableStorages"]
    assert absent["Storage"] == "object-storage"
    assert 'the S3 bucket "archive" cannot be reached' in absent["LastError"]
    assert (found["FilesFailed"], found["RemainingSeconds"]) == (0, None)
    assert len(list(objects.iterdir())) == 29

    with own_store:
        until(lambda: clock.advance(1.0) or status()["FilesPendingDeletion"] == 0)
        assert status()["UnreachableStorages"] == []
        assert list(objects.iterdir()) == []


def test_fsck_looks_into_the_bucket(section, bucket, whole, tmp_path, capsys):
    client = whole(aws_s3_storage=section())
    instance = posted(client, make_dicom())[1]["ID"]
    uuid = file_name(client, instance)
    client.archive.stop()
    options = section()
    config = tmp_path / "repertory.json"
    given = {
        "BucketName": options.bucket_name,
        "Region": options.region,
        "AccessKey": options.access_key,
        "SecretKey": options.secret_key,
        "Endpoint": options.endpoint,
        "VirtualAddressing": False,
        "MaxRetries": 0,
    }
    config.write_text(json.dumps({"StorageDirectory": "archive", "AwsS3Storage": given}))

    assert cli.main(["fsck", "--checksums", str(config)]) == 0
    obstore.delete(bucket.store, f"{uuid}.dcm")
    obstore.put(bucket.store, "0f0f0f0f-0000-4000-8000-000000000000.dcm", b"nobody's")
    assert cli.main(["fsck", str(config)]) == 1
    out = capsys.readouterr().out
    assert uuid in out
    assert "0f0f0f0f-0000-4000-8000-000000000000" in out


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_revoked_while_the_archive_runs_stores_and_loses_nothing(
    whole, section, bucket, proxy, status
):
    client = whole(aws_s3_storage=section())
    _, stored = posted(client, make_dicom())
    before = bucket()
    proxy.choose = failing(status=status)

    code, answer = posted(client, make_dicom(patient_id="other"))
    assert code == 503
    assert "refuses the access" in answer["Details"]
    assert "secret" not in json.dumps(answer)
    read = client.get(f"/instances/{stored['ID']}/file")
    assert read.status == 503
    assert file_name(client, stored["ID"]) in json.loads(read.content)["Details"]
    assert client.json("/statistics")["CountInstances"] == 1

    proxy.choose = lambda *_: None
    assert bucket() == before
    assert client.get(f"/instances/{stored['ID']}/file").status == 200
    report = checked(client, checksums=True)
    assert report.is_sound


@pytest.mark.parametrize(
    "fault", [{"shortens": 20}, {"keeps": 300}, {"hangs": True}, {"status": 500}, {"status": 503}]
)
def test_an_archive_of_what_the_store_does_not_give_is_no_silent_gap(whole, section, proxy, fault):
    options = patience(fault)
    client = whole(aws_s3_storage=section(**options), maximum_storage_cache_size=0)
    study = [posted(client, content)[1] for content in make_study(series=1, instances=3)]
    lost = file_name(client, study[1]["ID"])
    proxy.choose = lambda method, path: Fault(**fault) if method == "GET" and lost in path else None

    body = json.dumps({"Resources": [study[0]["ParentStudy"]], "Synchronous": True}).encode()
    answer = client("POST", "/tools/create-archive", body=body)
    assert answer.status != 200 or not is_whole(answer.content, 3)

    body = json.dumps(
        {"Resources": [study[0]["ParentStudy"]], "Asynchronous": True, "Permissive": True}
    ).encode()
    job = json.loads(client("POST", "/tools/create-archive", body=body).content)
    until(lambda: client.json(job["Path"])["State"] in {"Success", "Failure"})
    told = client.json(job["Path"])
    assert told["State"] == "Failure" or study[1]["ID"] in json.dumps(
        [told["Content"], client.json(f"{job['Path']}/failures")]
    )


def is_whole(content, count):
    """Whether a ZIP archive can be read and has as many DICOM files."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".dcm")]
            return len(names) == count and archive.testzip() is None
    except zipfile.BadZipFile:
        return False
