import json
import os

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import ListResources
from repertory.cli import main
from repertory.conf.settings import Settings
from repertory.model import Level
from repertory.service import Repertory
from repertory.testing.files import make_dicom


def open_archive(folder):
    return Repertory(Settings(storage_directory=str(folder), http_server_enabled=False))


@pytest.fixture
def configure(tmp_path):
    """Writes the configuration of an archive in a folder of that name."""

    def write(name, **options):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"StorageDirectory": str(tmp_path / name), **options}))
        return str(path)

    return write


@pytest.fixture
def config(tmp_path, configure):
    with open_archive(tmp_path / "archive") as archive:
        for number in range(3):
            archive.ask(StoreInstance(content=make_dicom(number=number)))
    return configure("archive")


def test_backup_verify_and_restore_as_an_administrator_types_them(
    config, configure, tmp_path, capsys
):
    backup = str(tmp_path / "backup")

    assert main(["backup", backup, config]) == 0
    assert "3 instances in 3 files" in capsys.readouterr().out
    assert main(["backup", backup, config, "--keep", "1"]) == 0
    assert "Copied 0 files" in capsys.readouterr().out
    assert main(["backup", "--verify", backup]) == 0
    assert "all is sound" in capsys.readouterr().out
    assert main(["restore", backup, configure("new")]) == 0
    assert "Restored" in capsys.readouterr().out

    with open_archive(tmp_path / "new") as archive:
        assert len(archive.ask(ListResources(level=Level.INSTANCE))) == 3


def test_damage_is_told_by_name_and_by_the_exit_code(config, configure, tmp_path, capsys):
    backup = tmp_path / "backup"
    assert main(["backup", str(backup), config, "--quiet"]) == 0
    damaged = next((backup / "files").glob("??/??/*"))
    os.truncate(damaged, 10)

    assert main(["backup", "--verify", str(backup), "--quiet"]) == 1
    assert str(damaged) in capsys.readouterr().err
    assert main(["restore", str(backup), configure("new"), "--quiet"]) == 1
    assert damaged.name in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["backup", "{tmp}/backup", "{tmp}/none.json"],
        ["backup", "{tmp}/backup", "{tmp}/archive.json", "--jobs", "0"],
        ["backup", "--verify", "{tmp}"],
        ["restore", "{tmp}", "{tmp}/archive.json"],
        ["adopt", "{tmp}"],
        ["adopt", "{tmp}", "{tmp}/archive.json"],
        ["adopt", "{tmp}/none"],
    ],
)
def test_what_cannot_be_done_is_refused_in_words(config, tmp_path, capsys, words):
    assert main([word.replace("{tmp}", str(tmp_path)) for word in words]) == 2
    assert capsys.readouterr().err.startswith(f"repertory {words[0]}: ")


def test_an_empty_archive_is_no_reason_to_fail(configure, tmp_path):
    with open_archive(tmp_path / "archive"):
        pass

    assert main(["backup", str(tmp_path / "backup"), configure("archive"), "--quiet"]) == 0
    assert main(["restore", str(tmp_path / "backup"), configure("new"), "--quiet"]) == 0
