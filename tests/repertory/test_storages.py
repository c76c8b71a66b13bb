"""The commands, on an archive whose files lie in several storages."""

import json
import shutil

import pytest

from repertory import Repertory, Settings, cli
from repertory.actors.messages.attachments import ReadAttachment, RemoveReleased
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.jobs import RunJob
from repertory.actors.messages.places import ListPlaces
from repertory.actors.messages.resources import ListResources
from repertory.conf.advanced_storage import AdvancedStorageSettings, MultipleStoragesSettings
from repertory.conf.loading import read_settings
from repertory.model import Level
from repertory.testing.files import make_study


def settings_of(folder, *, disks=True):
    advanced = AdvancedStorageSettings()
    if disks:
        storages = MultipleStoragesSettings(storages={"second": str(folder / "second")})
        advanced = AdvancedStorageSettings(enable=True, multiple_storages=storages)
    return Settings(
        storage_directory=str(folder / "files"),
        advanced_storage=advanced,
        http_server_enabled=False,
    )


@pytest.fixture
def contents():
    return make_study(series=2, instances=5)


@pytest.fixture
def config(tmp_path, contents):
    """A configuration of an archive with a series on each of two disks, that no server holds."""
    with Repertory(settings_of(tmp_path)) as archive:
        series = {archive.ask(StoreInstance(content=it)).ids.series for it in contents}
        parameters = {"Series": [min(series)], "TargetStorage": "second"}
        archive.ask(RunJob(type="MoveStorage", parameters=parameters))
        archive.ask(RemoveReleased())
    path = tmp_path / "repertory.json"
    disks = {"Storages": {"second": "second"}}
    advanced = {"Enable": True, "MultipleStorages": disks}
    path.write_text(json.dumps({"StorageDirectory": "files", "AdvancedStorage": advanced}))
    return path


def read_all(archive):
    ids = archive.ask(ListResources(level=Level.INSTANCE))
    return {archive.ask(ReadAttachment(level=Level.INSTANCE, id=id_)).content for id_ in ids}


def places(archive):
    return {it.name: it.files for it in archive.ask(ListPlaces()) if it.files}


def test_fsck_looks_into_every_storage(config, tmp_path, capsys):
    assert cli.main(["fsck", "--checksums", str(config)]) == 0
    assert "10 files in the index" in capsys.readouterr().out

    lost = next((tmp_path / "second").glob("??/??/*"))
    lost.unlink()

    assert cli.main(["fsck", str(config)]) == 1
    assert f"file {lost.name} is lost" in capsys.readouterr().out


def test_a_backup_has_the_files_of_every_storage_and_comes_back_into_one(
    config, tmp_path, contents
):
    depot = tmp_path / "backup"
    assert cli.main(["backup", str(depot), str(config)]) == 0
    restored = tmp_path / "restored"
    restored.mkdir()
    target = restored / "repertory.json"
    target.write_text(json.dumps({"StorageDirectory": "files"}))

    assert cli.main(["restore", str(depot), str(target)]) == 0
    with Repertory(settings_of(restored, disks=False)) as archive:
        assert read_all(archive) == set(contents)
        assert places(archive) == {"file-system": 10}
    assert cli.main(["fsck", "--checksums", str(target)]) == 0


def test_a_backup_of_a_storage_that_is_not_configured_is_refused(config, tmp_path, capsys):
    config.write_text(json.dumps({"StorageDirectory": "files"}))

    assert cli.main(["backup", str(tmp_path / "backup"), str(config)]) == 2
    assert "the storage second" in capsys.readouterr().err


def test_a_backup_does_not_go_onto_a_disk_of_the_archive(config, tmp_path, capsys):
    assert cli.main(["backup", str(tmp_path / "second" / "backup"), str(config)]) == 2
    assert "own folder" in capsys.readouterr().err


def test_an_index_is_made_anew_of_several_storages(config, tmp_path, contents):
    for file in (tmp_path / "files").glob("repertory.db*"):
        file.unlink()

    cli.main(["rebuild", "--quiet", str(config)])

    with Repertory(settings_of(tmp_path)) as archive:
        assert read_all(archive) == set(contents)
        assert places(archive) == {"file-system": 5, "second": 5}
    assert cli.main(["fsck", "--checksums", str(config)]) == 0


def test_a_disk_keeps_its_files_when_its_folder_gets_another_name(config, tmp_path, contents):
    shutil.move(tmp_path / "second", tmp_path / "moved")
    text = config.read_text().replace('"second": "second"', '"second": "moved"')
    config.write_text(text)

    with Repertory(read_settings(config).settings) as archive:
        assert read_all(archive) == set(contents)


@pytest.mark.parametrize(
    ("storages", "current", "complaint"),
    [
        ({"a": "x"}, "b", "CurrentWriteStorage must be one of a, not b"),
        ({"file-system": "x"}, "", "must not name a storage 'file-system'"),
        ({"object-storage": "x"}, "", "must not name a storage 'object-storage'"),
        ({"": "x"}, "", "must not name a storage ''"),
        ({"a": ""}, "", "must name a folder for a"),
        ({"a": "x", "b": "x"}, "", "must not name a folder twice"),
        ({"a": "files"}, "", "must not name the StorageDirectory"),
        ({"a": 3}, "", "must be"),
    ],
)
def test_storages_that_make_no_sense_are_refused(tmp_path, storages, current, complaint):
    path = tmp_path / "repertory.json"
    disks = {"Storages": storages, "CurrentWriteStorage": current}
    advanced = {"Enable": True, "MultipleStorages": disks}
    path.write_text(json.dumps({"StorageDirectory": "files", "AdvancedStorage": advanced}))

    problems = [str(problem) for problem in read_settings(path).problems]

    assert any(complaint in problem for problem in problems), problems


def test_storages_that_are_switched_off_are_doubted(tmp_path):
    path = tmp_path / "repertory.json"
    advanced = {"MultipleStorages": {"Storages": {"a": "x"}, "CurrentWriteStorage": "a"}}
    path.write_text(json.dumps({"AdvancedStorage": advanced}))

    loaded = read_settings(path)

    assert not loaded.problems
    assert any("MultipleStorages has no effect" in str(it) for it in loaded.warnings)
