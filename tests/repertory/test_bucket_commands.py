"""The commands, on an archive some of whose files lie in a bucket."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import obstore
import pytest

from repertory import Repertory, Settings, cli
from repertory.actors.messages.attachments import ReadAttachment, RemoveReleased
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import RunJob
from repertory.actors.messages.places import ListPlaces
from repertory.actors.messages.resources import DeleteResource, ListResources
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.model import Level
from repertory.testing.fault_proxy import Fault, FaultProxy
from repertory.testing.files import make_dicom, make_study

KEY = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


@pytest.fixture
def proxy(s3_emulator):
    with FaultProxy(s3_emulator.port) as proxy:
        yield proxy


@pytest.fixture
def contents():
    return [*make_study(series=2, instances=4), make_dicom(size=200_000)]


@pytest.fixture
def make(tmp_path, s3_emulator, proxy, bucket_name):
    """Settings, and the same as a configuration's file."""
    s3_emulator.make_bucket(bucket_name)

    def make(folder="archive", *, mode="WriteToFileSystem", key=None, local_key=None):
        encryption = None
        if key is not None:
            encryption = StorageEncryptionSettings(master_key=(1, str(key)))
        local = None
        if local_key is not None:
            local = StorageEncryptionSettings(master_key=(1, str(local_key)))
        section = s3_emulator.section(
            bucket_name,
            endpoint=proxy.url,
            hybrid_mode=mode,
            storage_encryption=encryption,
            max_retries=0,
        )
        home = tmp_path / folder
        home.mkdir(exist_ok=True)
        settings = Settings(
            storage_directory=str(home / "files"),
            aws_s3_storage=section,
            storage_encryption=local,
            http_server_enabled=False,
        )
        options = s3_emulator.written(
            bucket_name, endpoint=proxy.url, HybridMode=mode, MaxRetries=0
        )
        if key is not None:
            options["StorageEncryption"] = {"MasterKey": [1, str(key)]}
        whole = {"StorageDirectory": "files", "AwsS3Storage": options}
        if local_key is not None:
            whole["StorageEncryption"] = {"MasterKey": [1, str(local_key)]}
        path = home / "repertory.json"
        path.write_text(json.dumps(whole))
        return settings, str(path)

    return make


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "key"
    path.write_text(KEY)
    return path


def fill(settings, contents):
    """Store all, a series of the study in the bucket; each file by its instance."""
    with Repertory(settings) as archive:
        ids = [archive.ask(StoreInstance(content=content)).ids for content in contents]
        parameters = {"Series": [ids[0].series], "TargetStorage": "object-storage"}
        archive.ask(RunJob(type="MoveStorage", parameters=parameters))
        archive.ask(RemoveReleased())  # or they would be found beside their copies
        assert places(archive) == {"file-system": 5, "object-storage": 4}
    return {it.instance: content for it, content in zip(ids, contents, strict=True)}


def read_all(settings):
    with Repertory(settings) as archive:
        found = {
            id_: archive.ask(ReadAttachment(level=Level.INSTANCE, id=id_)).content
            for id_ in archive.ask(ListResources(level=Level.INSTANCE))
        }
        return found, places(archive)


def places(archive):
    return {it.name: it.files for it in archive.ask(ListPlaces()) if it.files}


def lose_index(settings):
    for file in Path(settings.storage_directory).glob("repertory.db*"):
        file.unlink()


# Backups


def test_a_backup_has_the_index_and_what_is_local_and_says_what_stays(
    make, contents, tmp_path, capsys
):
    settings, config = make()
    stored = fill(settings, contents)
    depot = str(tmp_path / "backup")

    assert cli.main(["backup", depot, config]) == 0

    said = capsys.readouterr().out
    assert "Copied 5 files" in said
    assert "4 files (" in said
    assert 'lie in the S3 bucket "' in said
    assert cli.main(["backup", "--verify", depot]) == 0
    assert "5 files: all is sound" in capsys.readouterr().out
    shutil.rmtree(settings.storage_directory)
    assert cli.main(["restore", depot, config]) == 0
    assert "4 files are to be read from" in capsys.readouterr().out
    assert read_all(settings) == (stored, {"file-system": 5, "object-storage": 4})
    assert cli.main(["fsck", "--checksums", config]) == 0


def test_a_backup_may_have_what_lies_in_the_bucket_too(make, contents, tmp_path, capsys):
    settings, config = make()
    stored = fill(settings, contents)
    depot = str(tmp_path / "backup")

    assert cli.main(["backup", "--objects", depot, config]) == 0
    assert "Copied 9 files" in capsys.readouterr().out
    assert cli.main(["backup", "--objects", depot, config]) == 0
    assert "had 9" in capsys.readouterr().out
    assert cli.main(["backup", "--verify", depot]) == 0

    target = tmp_path / "elsewhere"
    target.mkdir()
    plain = target / "repertory.json"
    plain.write_text(json.dumps({"StorageDirectory": "files"}))
    assert cli.main(["restore", depot, str(plain)]) == 0
    alone = Settings(storage_directory=str(target / "files"), http_server_enabled=False)
    assert read_all(alone) == (stored, {"file-system": 9})


def test_what_stayed_in_a_bucket_is_not_put_back_without_one(make, contents, tmp_path, capsys):
    settings, config = make()
    fill(settings, contents)
    depot = str(tmp_path / "backup")
    cli.main(["backup", depot, config])
    target = tmp_path / "elsewhere"
    target.mkdir()
    plain = target / "repertory.json"
    plain.write_text(json.dumps({"StorageDirectory": "files"}))

    assert cli.main(["restore", depot, str(plain)]) == 2

    assert "4 files of the snapshot" in capsys.readouterr().err
    assert not (target / "files").exists()


def test_an_archive_whose_files_all_lie_in_the_bucket_is_backed_up(make, contents, tmp_path):
    settings, config = make(mode="Disabled")
    with Repertory(settings) as archive:
        for content in contents:
            archive.ask(StoreInstance(content=content))
    depot = str(tmp_path / "backup")
    assert cli.main(["backup", depot, config]) == 0
    shutil.rmtree(settings.storage_directory)

    assert cli.main(["restore", depot, config]) == 0

    found, where = read_all(settings)
    assert sorted(found.values()) == sorted(contents)
    assert where == {"object-storage": 9}


def test_what_is_encrypted_in_the_bucket_stays_so_in_the_backup(make, contents, tmp_path, key_file):
    settings, config = make(key=key_file)
    stored = fill(settings, contents)
    depot = tmp_path / "backup"

    assert cli.main(["backup", "--objects", str(depot), config]) == 0
    assert cli.main(["backup", "--verify", str(depot)]) == 0

    copied = [file.read_bytes() for file in depot.glob("files/??/??/*")]
    assert sorted(content[:2] == b"A1" for content in copied) == [False] * 5 + [True] * 4
    target = tmp_path / "elsewhere"
    target.mkdir()
    plain = target / "repertory.json"
    section = {"MasterKey": [1, str(key_file)]}
    plain.write_text(json.dumps({"StorageDirectory": "files", "StorageEncryption": section}))
    assert cli.main(["restore", str(depot), str(plain)]) == 0
    alone = Settings(
        storage_directory=str(target / "files"),
        storage_encryption=StorageEncryptionSettings(master_key=(1, str(key_file))),
        http_server_enabled=False,
    )
    assert read_all(alone) == (stored, {"file-system": 9})


def test_a_backup_lists_objects_that_are_missing_or_damaged(
    make, contents, tmp_path, capsys, proxy, bucket_name
):
    settings, config = make()
    fill(settings, contents)
    store = bucket_of(proxy, bucket_name)
    names = sorted(item["path"] for some in obstore.list(store) for item in some)
    obstore.delete(store, names[0])
    obstore.put(store, names[1], b"x" * 706)

    assert cli.main(["backup", "--objects", str(tmp_path / "backup"), config]) == 1

    said = capsys.readouterr().err
    assert names[0].removesuffix(".dcm") in said
    assert names[1].removesuffix(".dcm") in said


@pytest.mark.parametrize("fault", [{"status": 503}, {"keeps": 100}])
def test_a_backup_ends_where_the_store_does_not_answer_and_goes_on_later(
    make, contents, tmp_path, capsys, proxy, fault
):
    settings, config = make()
    fill(settings, contents)
    gets = []

    def after_a_few(method, path):
        if method == "GET" and ".dcm" in path:
            gets.append(path)
        return Fault(**fault) if len(gets) > 2 else None

    proxy.choose = after_a_few
    assert cli.main(["backup", "--objects", str(tmp_path / "backup"), config]) == 2
    assert "could not be read" in capsys.readouterr().err

    proxy.choose = lambda *_: None
    assert cli.main(["backup", "--objects", str(tmp_path / "backup"), config]) == 0
    assert cli.main(["backup", "--verify", str(tmp_path / "backup")]) == 0


def bucket_of(proxy, bucket_name):
    return obstore.store.S3Store(
        bucket_name,
        endpoint=proxy.url,
        region="us-east-1",
        access_key_id="test",
        secret_access_key="x",
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


# Making the index anew


@pytest.mark.parametrize("words", [[], ["--checksums"]])
def test_an_index_is_made_anew_from_folder_and_bucket(make, contents, words):
    settings, config = make()
    stored = fill(settings, contents)
    lose_index(settings)

    assert cli.main(["rebuild", "--quiet", *words, config]) == 0

    assert read_all(settings) == (stored, {"file-system": 5, "object-storage": 4})
    assert cli.main(["fsck", "--checksums", config]) == 0


def test_only_headers_are_read_of_large_objects(make, proxy):
    settings, config = make(mode="Disabled")
    large = make_dicom(size=4_000_000)
    with Repertory(settings) as archive:
        archive.ask(StoreInstance(content=large))
    lose_index(settings)
    proxy.seen.clear()
    proxy.sent.clear()

    assert cli.main(["rebuild", "--quiet", config]) == 0

    ranges = [
        headers
        for (method, path), headers in zip(proxy.seen, proxy.sent, strict=True)
        if method == "GET" and ".dcm" in path
    ]
    asked = [{name.lower(): it for name, it in headers.items()}["range"] for headers in ranges]
    assert asked
    assert sum(_length(it) for it in asked) < 1_000_000
    assert list(read_all(settings)[0].values()) == [large]


def _length(text):
    first, last = text.removeprefix("bytes=").split("-")
    return int(last) - int(first) + 1


def test_an_index_is_made_anew_from_what_is_encrypted(make, contents, key_file):
    settings, config = make(key=key_file, local_key=key_file)
    stored = fill(settings, contents)
    lose_index(settings)

    assert cli.main(["rebuild", "--quiet", config]) == 0

    assert read_all(settings) == (stored, {"file-system": 5, "object-storage": 4})
    assert cli.main(["fsck", "--checksums", config]) == 0


def test_objects_of_other_types_and_strangers_are_no_instances(
    make, contents, proxy, bucket_name, tmp_path
):
    settings, config = make()
    stored = fill(settings, contents)
    store = bucket_of(proxy, bucket_name)
    name = "11111111-2222-3333-4444-55555555555"
    obstore.put(store, f"{name}5.dcm.head", contents[0][:1000])
    obstore.put(store, f"{name}6.unk", b"notes")
    obstore.put(store, f"{name}7.dcm", b"no DICOM")
    obstore.put(store, f"{name}8.dcm", contents[8][:400])
    lose_index(settings)
    report = tmp_path / "report.json"

    assert cli.main(["rebuild", "--quiet", "--json", str(report), config]) == 1

    told = json.loads(report.read_text())
    assert sorted(told["Skipped"]) == [f"{name}{n}" for n in (5, 6, 7)]
    assert told["Unreadable"] == [f"{name}8"]
    assert read_all(settings)[0] == stored


def test_a_store_that_fails_while_an_index_is_made_loses_nothing(make, contents, proxy, capsys):
    settings, config = make()
    stored = fill(settings, contents)
    lose_index(settings)
    proxy.choose = lambda method, path: (
        Fault(status=503) if method == "GET" and ".dcm" in path else None
    )
    assert cli.main(["rebuild", "--quiet", config]) == 2
    assert "could not be read" in capsys.readouterr().err

    proxy.choose = lambda *_: None
    assert cli.main(["rebuild", "--quiet", config]) == 0

    assert read_all(settings)[0] == stored


def test_compressed_objects_are_found_too(make, contents):
    settings, config = make(mode="Disabled")
    with Repertory(replace(settings, storage_compression=True)) as archive:
        for content in contents:
            archive.ask(StoreInstance(content=content))
    lose_index(settings)

    assert cli.main(["rebuild", "--quiet", config]) == 0

    assert sorted(read_all(settings)[0].values()) == sorted(contents)


def test_what_was_deleted_after_a_backup_is_told_by_a_check(make, contents, tmp_path, capsys):
    settings, config = make()
    stored = fill(settings, contents)
    depot = str(tmp_path / "backup")
    cli.main(["backup", depot, config])
    with Repertory(settings) as archive:
        archive.ask(DeleteResource(level=Level.INSTANCE, id=next(iter(stored))))
        archive.ask(RemoveReleased())
    shutil.rmtree(settings.storage_directory)
    assert cli.main(["restore", depot, config]) == 0

    assert cli.main(["fsck", config]) == 1

    assert "is lost" in capsys.readouterr().out
