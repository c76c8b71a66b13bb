import hashlib
import re
import uuid

import obstore
import pytest

from repertory.building import object_area_of
from repertory.conf.settings import Settings
from repertory.errors import (
    ArchiveFull,
    CannotStart,
    FileLost,
    StorageFailed,
    StorageUnavailable,
)
from repertory.storage.areas.azure_account import AzureAccount
from repertory.storage.areas.buckets import google_bucket
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.areas.objects import ObjectArea
from repertory.testing.fault_proxy import Fault, FaultProxy

FILE = "abcd0000-0000-4000-8000-000000000000"
OTHER = "abce0000-0000-4000-8000-000000000000"


@pytest.fixture
def proxy(s3_emulator):
    with FaultProxy(s3_emulator.port) as proxy:
        yield proxy


@pytest.fixture
def make_s3(s3_emulator, proxy, bucket_name, tmp_path):
    s3_emulator.make_bucket(bucket_name)

    def make(**options):
        section = s3_emulator.section(bucket_name, **{"endpoint": proxy.url, **options})
        return object_area_of(
            Settings(storage_directory=str(tmp_path / "files"), aws_s3_storage=section)
        )

    return make


@pytest.fixture
def s3(make_s3):
    area = make_s3(idle_timeout=0.5, request_timeout=2.0)
    area.open()
    yield area
    area.close()


def test_a_store_tells_the_sum_of_what_it_received(s3):
    content = b"what is sent" * 1000

    told = s3.create(str(uuid.uuid4()), 1, content)

    assert told == hashlib.md5(content).hexdigest()


def test_a_file_in_parts_has_no_sum_of_its_own(make_s3):
    area = make_s3(transfer_buffer_size=5)
    area.open()
    content = bytes(6 << 20)

    told = area.create(str(uuid.uuid4()), 1, content)
    area.close()

    assert told != hashlib.md5(content).hexdigest()


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 403}, {"cut_before": True}])
def test_a_probe_says_when_the_store_cannot_be_written(s3, proxy, fault):
    s3.probe()
    proxy.choose = always(**fault)

    with pytest.raises(StorageFailed) as refusal:
        s3.probe()

    assert "secret" not in str(refusal.value)


def always(**fault):
    return lambda _method, _path: Fault(**fault)


def names_in(area):
    return sorted(item["path"] for some in obstore.list(area._store) for item in some)


# The start


def refusal_of(area):
    with pytest.raises(CannotStart) as refusal:
        area.open()
    assert "secret" not in str(refusal.value)
    return str(refusal.value)


def test_a_start_names_the_bucket_that_is_missing(make_s3):
    text = refusal_of(make_s3(bucket_name="nowhere"))

    assert text.startswith('the S3 bucket "nowhere" is not there: check BucketName')


def test_a_start_says_that_the_endpoint_cannot_be_reached(make_s3):
    assert "cannot be reached" in refusal_of(make_s3(endpoint="http://127.0.0.1:9"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_start_says_that_the_key_is_refused(make_s3, proxy, status):
    proxy.choose = always(status=status)

    assert f"refuses the access ({status}): check" in refusal_of(make_s3())


def test_a_start_says_what_else_the_store_answered(make_s3, proxy):
    proxy.choose = always(status=400)

    assert "cannot be used (400)" in refusal_of(make_s3())


def test_a_start_leaves_nothing_in_the_bucket(s3):
    assert names_in(s3) == []


def test_a_container_of_azure_is_made_where_that_is_wanted(azure_emulator, bucket_name, tmp_path):
    def make(**options):
        section = azure_emulator.section(bucket_name, **options)
        return object_area_of(Settings(storage_directory=str(tmp_path), azure_blob_storage=section))

    text = refusal_of(make(create_container_if_not_exists=False))
    assert text.startswith(f'the Azure container "{bucket_name}" is not there')
    area = make()
    area.open()
    area.create(FILE, 1, b"x")

    assert area.read(FILE, 1) == b"x"


def test_a_wrong_key_of_azure_is_refused(azure_emulator, bucket_name, tmp_path):
    azure_emulator.make_bucket(bucket_name)
    wrong = re.sub("AccountKey=[^;]*", "AccountKey=d3Jvbmc=", azure_emulator.connection_string)
    section = azure_emulator.section(bucket_name, connection_string=wrong)
    area = object_area_of(Settings(storage_directory=str(tmp_path), azure_blob_storage=section))

    text = refusal_of(area)
    assert "refuses the access (" in text
    assert "d3Jvbmc" not in text


@pytest.mark.parametrize(
    "text", ["", "AccountName=a", "AccountKey=eA==", "AccountName=a;AccountKey=?", "x"]
)
def test_a_connection_string_that_lacks_something_is_refused(text):
    with pytest.raises(CannotStart):
        AzureAccount.from_connection_string(text)


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("AccountName=a;AccountKey=eA==", "https://a.blob.core.windows.net"),
        (
            "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=eA==;EndpointSuffix=here",
            "http://a.blob.here",
        ),
        ("BlobEndpoint=https://a.b.c/;SharedAccessSignature=?sig=x", "https://a.b.c"),
    ],
)
def test_a_connection_string_tells_the_endpoint(text, endpoint):
    account = AzureAccount.from_connection_string(text)

    assert (account.name, account.endpoint) == ("a", endpoint)
    assert "eA==" not in repr(account)
    assert "sig=x" not in repr(account)


# Faults


def test_an_upload_while_the_store_is_down_stores_nothing(s3, proxy):
    proxy.choose = always(status=503)
    with pytest.raises(StorageUnavailable, match="does not work"):
        s3.create(FILE, 1, b"x")
    proxy.choose = always()

    assert names_in(s3) == []


def test_an_upload_that_nobody_answers_ends_and_leaves_nothing_for_long(s3, proxy):
    proxy.choose = always(hangs=True, passes_on=True)
    with pytest.raises(StorageUnavailable, match="does not answer in time"):
        s3.create(FILE, 1, b"x")
    assert s3.leftovers() == (FILE,)
    proxy.choose = always()
    assert names_in(s3) == [f"{FILE}.dcm"]
    s3.create(OTHER, 1, b"y")

    assert names_in(s3) == [f"{OTHER}.dcm"]
    assert s3.leftovers() == ()


def test_what_is_in_doubt_is_removed_by_the_next_start_too(make_s3, s3, proxy):
    proxy.choose = always(status=500, passes_on=True)
    with pytest.raises(StorageUnavailable):
        s3.create(FILE, 1, b"x")
    proxy.choose = always()
    later = make_s3()
    later.open()
    for name in later.leftovers():
        later.discard(name)

    assert names_in(later) == []
    assert later.leftovers() == ()


def test_a_doubt_outlives_the_local_copy(make_s3, s3, proxy):
    staged = s3.staging_path(FILE)
    staged.write_bytes(b"x")
    proxy.choose = always(status=500, passes_on=True)
    with pytest.raises(StorageUnavailable):
        s3.adopt(FILE, 1, staged)
    staged.unlink(missing_ok=True)  # as whoever made it does in any case
    proxy.choose = always()
    later = make_s3()
    later.open()

    assert names_in(later) == [f"{FILE}.dcm"]
    assert later.leftovers() == (FILE,)
    later.discard(FILE)
    assert names_in(later) == []
    assert later.leftovers() == ()


def test_what_is_in_doubt_is_no_leftover_of_a_disk_in_the_same_folder(s3, proxy):
    proxy.choose = always(status=500, passes_on=True)
    with pytest.raises(StorageUnavailable):
        s3.create(FILE, 1, b"x")
    disk = FilesystemArea(s3.staging_path(FILE).parents[1])
    disk.open()

    assert disk.leftovers() == ()
    assert s3.leftovers() == (FILE,)


def test_an_upload_that_is_cut_off_in_the_middle_stores_nothing(s3, proxy):
    staged = s3.staging_path(FILE)
    staged.write_bytes(b"x" * (12 << 20))
    proxy.choose = lambda method, path: Fault(cuts_request="partNumber=2" in path)
    with pytest.raises(StorageUnavailable, match="broke off"):
        s3.adopt(FILE, 1, staged)
    proxy.choose = always()

    assert names_in(s3) == []


def test_a_passing_fault_is_overcome_by_trying_again(s3, proxy):
    answers = iter([Fault(status=503)])
    proxy.choose = lambda _method, _path: next(answers, None)
    s3.create(FILE, 1, b"x")
    answers = iter([Fault(status=500)])

    assert s3.read(FILE, 1) == b"x"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 500}, "does not work"),
        ({"status": 503}, "does not work"),
        ({"status": 403}, "refuses the access"),
        ({"hangs": True}, "does not answer in time"),
        ({"keeps": 3}, "broke off"),
    ],
)
def test_a_read_that_fails_says_which_file_and_which_store(s3, proxy, bucket_name, fault, words):
    s3.create(FILE, 1, b"0123456789")
    proxy.choose = always(**fault)
    with pytest.raises(StorageUnavailable, match=words) as failure:
        s3.read(FILE, 1, 0, 10)

    assert FILE in str(failure.value)
    assert f'the S3 bucket "{bucket_name}"' in str(failure.value)


def test_an_answer_that_is_shorter_than_it_says_is_not_taken_for_the_file(s3, proxy):
    s3.create(FILE, 1, b"0123456789")
    proxy.choose = always(shortens=2)

    with pytest.raises(StorageFailed):
        s3.read(FILE, 1, 0, 10)


def test_an_object_that_was_removed_behind_our_back_is_lost(s3):
    s3.create(FILE, 1, b"x")
    obstore.delete(s3._store, f"{FILE}.dcm")

    with pytest.raises(FileLost, match="has no such object"):
        s3.read(FILE, 1)
    with pytest.raises(FileLost):
        s3.size(FILE, 1)


def test_files_are_not_lost_because_their_bucket_is_gone(s3, s3_emulator, bucket_name):
    s3.create(FILE, 1, b"x")
    s3.remove(FILE, 1)
    obstore.delete(s3._store, [])
    s3_emulator.remove_bucket(bucket_name)

    for ask in (
        lambda: s3.read(FILE, 1),
        lambda: s3.size(FILE, 1),
        lambda: s3.create(OTHER, 1, b"y"),
        lambda: s3.survey(0),
        lambda: list(s3.names()),
    ):
        with pytest.raises(StorageUnavailable, match="is not there"):
            ask()


def test_a_full_store_is_full(s3, proxy):
    proxy.choose = always(status=507)

    with pytest.raises(ArchiveFull):
        s3.create(FILE, 1, b"x")


def test_a_server_that_knows_no_ranges_is_read_all_the_same(s3, monkeypatch):
    s3.create(FILE, 1, b"0123456789")
    real = obstore.get

    def get(store, path, *, options=None):
        if options:
            raise obstore.exceptions.GenericError("NotPartial")
        return real(store, path)

    monkeypatch.setattr(obstore, "get", get)

    assert s3.read(FILE, 1, 2, 3) == b"234"
    assert s3.read(FILE, 1, 8) == b"89"


def test_what_the_store_said_is_not_passed_on(s3, proxy):
    proxy.choose = always(status=500)
    with pytest.raises(StorageUnavailable) as failure:
        s3.create(FILE, 1, b"x")

    assert "http" not in str(failure.value)
    assert failure.value.__suppress_context__


# Requests


def test_many_are_removed_by_few_requests(s3, proxy):
    files = [(str(uuid.uuid4()), 1) for _ in range(30)]
    for file, kind in files:
        s3.create(file, kind, b"x")
    proxy.seen.clear()
    s3.remove_many(files)

    assert len(proxy.seen) == 1
    assert names_in(s3) == []


def test_a_survey_of_all_parts_lists_the_bucket_once(s3, proxy):
    files = [f"{part:02x}000000-0000-4000-8000-000000000000" for part in range(0, 256, 16)]
    for file in files:
        s3.create(file, 1, b"x")
    obstore.put(s3._store, "0-first", b"foreign")
    obstore.put(s3._store, "zz-last", b"foreign")
    proxy.seen.clear()
    surveys = [s3.survey(part) for part in range(256)]

    assert [name for survey in surveys for name in survey.files] == files
    assert sum(survey.foreign for survey in surveys) == 2
    assert len(proxy.seen) == 1


def test_a_survey_that_was_begun_anew_sees_what_came_in(s3):
    s3.create(FILE, 1, b"x")
    assert list(s3.survey(0xAB).files) == [FILE]
    s3.create(OTHER, 1, b"y")

    assert list(s3.survey(0xAB).files) == [FILE, OTHER]
    assert s3.survey(0xAC).files == {}


def test_a_bucket_that_is_laid_out_as_a_folder_is_surveyed_by_folders(make_s3):
    area = make_s3(storage_structure="legacy", root_path="dicom")
    area.open()
    area.create(FILE, 1, b"x")
    area.create("ff" + OTHER[2:], 1, b"y")

    assert names_in(area) == [f"dicom/ab/cd/{FILE}", f"dicom/ff/ce/ff{OTHER[2:]}"]
    assert list(area.survey(0xAB).files) == [FILE]
    assert area.survey(0xAC).files == {}
    assert area.set_aside(FILE)
    assert names_in(area)[-1] == f"dicom/lost-and-found/ab/cd/{FILE}"
    assert area.survey(0xAB).files == {}


def test_a_root_keeps_archives_in_one_bucket_apart(make_s3):
    one, two = make_s3(root_path="one"), make_s3(root_path="two/")
    one.open()
    two.open()
    one.create(FILE, 1, b"1")
    two.create(OTHER, 1, b"2")

    assert list(one.names()) == [FILE]
    assert list(two.names()) == [OTHER]
    assert list(one.survey(0xAB).files) == [FILE]


def test_beginnings_are_found_under_their_old_name_where_that_is_wanted(make_s3):
    area = make_s3(enable_legacy_unknown_files=True)
    area.open()
    obstore.put(area._store, f"{FILE}.unk", b"head")

    assert area.read(FILE, 3) == b"head"
    assert area.size(FILE, 3) == 4
    area.remove(FILE, 3)
    assert names_in(area) == []


def test_tags_and_storage_class_go_with_new_objects(make_s3, proxy):
    area = make_s3(storage_class="STANDARD_IA", tags={"kind": "dicom"})
    area.open()
    proxy.sent.clear()
    area.create(FILE, 1, b"x")
    headers = {name.lower(): value for name, value in proxy.sent[0].items()}

    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["x-amz-tagging"] == "kind=dicom"


def test_a_closed_area_says_so(s3):
    s3.close()

    with pytest.raises(StorageFailed, match="closed"):
        s3.read(FILE, 1)


def test_the_access_tier_goes_with_new_blobs(azure_emulator, bucket_name, tmp_path):
    with FaultProxy(azure_emulator.port) as proxy:
        text = azure_emulator.connection_string.replace(azure_emulator.url, proxy.url)
        section = azure_emulator.section(bucket_name, connection_string=text, access_tier="Cool")
        area = object_area_of(Settings(storage_directory=str(tmp_path), azure_blob_storage=section))
        area.open()
        proxy.sent.clear()
        area.create(FILE, 1, b"x")
        headers = {name.lower(): value for name, value in proxy.sent[0].items()}

    assert headers["x-ms-access-tier"] == "Cool"


def test_a_start_that_leaves_all_as_it_is_only_lists(s3_emulator, proxy, bucket_name, tmp_path):
    s3_emulator.make_bucket(bucket_name)
    section = s3_emulator.section(bucket_name, endpoint=proxy.url)
    settings = Settings(
        storage_directory=str(tmp_path / "files"), aws_s3_storage=section, read_only=True
    )
    area = object_area_of(settings)
    area.open()

    assert [method for method, _ in proxy.seen] == ["GET"]
    assert area.leftovers() == ()
    assert not (tmp_path / "files").exists()


@pytest.mark.parametrize(
    "account", ["", "{", "[]", "{}", '{"client_email": "x", "private_key": "no key"}']
)
def test_an_account_of_google_that_is_none_is_refused_by_the_name_of_its_option(tmp_path, account):
    file = tmp_path / "account.json"
    file.write_text(account)
    area = ObjectArea(google_bucket("b", service_account_file=str(file)), staging=tmp_path)

    with pytest.raises(CannotStart, match="ServiceAccountFile in GoogleCloudStorage") as refusal:
        area.open()

    assert "no key" not in str(refusal.value)
