import json
import shutil

import apsw
import pytest

from repertory.actors.messages.changes import ListChanges
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import ListResources
from repertory.cli import main
from repertory.conf.settings import Settings
from repertory.model import Level
from repertory.service import Repertory
from repertory.storage.index.migration.carrying import Migration
from repertory.storage.index.sqlite.engine import FILE_NAME
from repertory.testing.files import make_dicom


def open_archive(storage, index=""):
    return Repertory(
        Settings(
            storage_directory=str(storage), index_directory=str(index), http_server_enabled=False
        )
    )


@pytest.fixture
def configure(tmp_path):
    """Writes a configuration of that name, of the archive in ``files``."""

    def write(name, **options):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"StorageDirectory": str(tmp_path / "files"), **options}))
        return str(path)

    return write


@pytest.fixture
def old(tmp_path, configure):
    with open_archive(tmp_path / "files") as archive:
        for number in range(3):
            archive.ask(StoreInstance(content=make_dicom(number=number)))
    return configure("old")


@pytest.fixture
def new(tmp_path, configure):
    return configure("new", IndexDirectory=str(tmp_path / "index"))


def migrate(*words):
    return main(["migrate-index", "--from", words[0], "--to", words[1], *words[2:]])


def test_an_index_moves_as_an_administrator_types_it(old, new, tmp_path, capsys):
    with open_archive(tmp_path / "files") as archive:
        changes = archive.ask(ListChanges(since=0, limit=100))
    assert migrate(old, new, "--dry-run") == 0
    assert ["attachments", "3"] in [line.split() for line in capsys.readouterr().out.splitlines()]
    assert not (tmp_path / "index").exists()
    assert migrate(old, new) == 0
    assert "rows are in SQLite, the same as before" in capsys.readouterr().out

    with open_archive(tmp_path / "files", tmp_path / "index") as archive:
        assert len(archive.ask(ListResources(level=Level.INSTANCE))) == 3
        assert archive.ask(ListChanges(since=0, limit=100)) == changes


def test_indexes_are_named_by_folder_and_by_section_too(old, tmp_path, capsys):
    assert migrate(f"{old}#SQLite", str(tmp_path / "one")) == 0
    assert migrate(str(tmp_path / "one"), str(tmp_path / "two"), "--quiet") == 0
    assert migrate(old, f"{old}#PostgreSQL") == 2
    assert "has no section PostgreSQL" in capsys.readouterr().err

    with open_archive(tmp_path / "files", tmp_path / "two") as archive:
        assert len(archive.ask(ListResources(level=Level.INSTANCE))) == 3


def test_a_run_that_was_cut_short_is_told_and_gone_on_with(old, new, tmp_path, capsys, monkeypatch):
    whole = Migration._carry

    def carry(self, table, plan):
        if table.name == "resources":
            raise KeyboardInterrupt
        whole(self, table, plan)

    monkeypatch.setattr(Migration, "_carry", carry)
    assert migrate(old, new) == 130
    assert "interrupted; the same command goes on" in capsys.readouterr().err
    monkeypatch.undo()
    assert migrate(old, new, "--dry-run") == 0
    assert "of them are there already, from a run before" in capsys.readouterr().out
    assert migrate(old, new) == 0
    assert "of them from a run before" in capsys.readouterr().out


def test_what_differs_in_the_end_is_told_by_table(old, new, tmp_path, capsys, monkeypatch):
    whole = Migration._compare

    def compare(self, plan):
        self.target.db.execute("UPDATE attachments SET revision = 9")
        return whole(self, plan)

    monkeypatch.setattr(Migration, "_compare", compare)
    assert migrate(old, new) == 1
    told = capsys.readouterr().err
    assert "attachments: 3 rows before, 3 now, and some of them differ" in told
    monkeypatch.undo()
    assert migrate(old, new) == 1
    assert migrate(old, new, "--anew") == 0


# What it refuses


@pytest.fixture
def refused(capsys):
    """What is said where a migration cannot be done."""

    def refused(*words):
        assert migrate(*words) == 2
        return capsys.readouterr().err

    return refused


def test_an_archive_that_is_served_is_left_alone(old, new, tmp_path, refused):
    with open_archive(tmp_path / "files"):
        assert "Another Repertory is using this index" in refused(old, new)


def test_an_index_is_not_carried_onto_itself(old, tmp_path, refused):
    assert "name the same index" in refused(old, str(tmp_path / "files"))


def test_an_archive_that_has_something_is_no_target(old, configure, tmp_path, refused):
    with open_archive(tmp_path / "other") as archive:
        archive.ask(StoreInstance(content=make_dicom()))
    new = configure("new", IndexDirectory=str(tmp_path / "other"))

    assert "The new index is not empty, and nothing was changed" in refused(old, new)


def test_there_has_to_be_an_index(configure, tmp_path, refused):
    (tmp_path / "empty").mkdir()
    old, new = str(tmp_path / "empty"), configure("new")

    assert "there is no index in" in refused(old, new)
    assert list((tmp_path / "empty").iterdir()) == []


def test_an_orthanc_is_adopted_first(new, tmp_path, refused):
    (tmp_path / "orthanc").mkdir()
    (tmp_path / "orthanc" / "index").write_bytes(b"SQLite format 3")

    assert "the folder of an Orthanc: take it over first" in refused(str(tmp_path / "orthanc"), new)


@pytest.mark.parametrize("which", ["old", "new"])
def test_other_versions_of_the_schema_are_brought_up_to_date_first(
    old, new, tmp_path, refused, which
):
    if which == "new":
        shutil.copytree(tmp_path / "files", tmp_path / "index")
    folder = tmp_path / ("files" if which == "old" else "index")
    connection = apsw.Connection(str(folder / FILE_NAME))
    connection.pragma("user_version", 10)
    connection.close()

    said = refused(old, new)
    assert f"the {which} index has schema version 10" in said
    assert "start the archive with it once" in said


def test_files_are_not_left_behind_by_mistake(old, tmp_path, configure, refused):
    elsewhere = {"StorageDirectory": str(tmp_path / "x"), "IndexDirectory": str(tmp_path / "y")}
    new = configure("new", **elsewhere)

    assert "files stay where they are" in refused(old, new)
    assert migrate(old, new, "--files-moved", "--quiet") == 0


def test_a_wrong_password_is_told_without_the_password(old, configure, postgresql_server, refused):
    section = postgresql_server.written(Password="not-this-one")

    said = refused(old, configure("new", PostgreSQL=section))

    assert "it refuses the user name or the password. See the section PostgreSQL" in said
    assert "not-this-one" not in said
