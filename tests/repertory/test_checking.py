import json
from dataclasses import replace

import apsw
import pytest

from repertory import Repertory, Settings, cli
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.integrity import BeginCheck, DescribeIntegrity
from repertory.checking import words
from repertory.testing.files import make_study


@pytest.fixture
def config(tmp_path):
    """A configuration file of an archive with five instances, that no server holds."""
    options = Settings(storage_directory=str(tmp_path / "files"), http_server_enabled=False)
    with Repertory(options) as archive:
        for content in make_study(series=1, instances=5):
            archive.ask(StoreInstance(content=content))
    path = tmp_path / "repertory.json"
    path.write_text(json.dumps({"StorageDirectory": "files"}))
    return path


def files_of(config):
    return sorted(config.with_name("files").glob("??/??/*"))


def test_a_sound_archive_ends_with_0(config, capsys):
    assert cli.main(["fsck", str(config)]) == 0
    out = capsys.readouterr().out
    assert "5 files in the index" in out
    assert "Nothing is wrong." in out


def test_quiet_says_nothing_of_a_sound_archive(config, capsys):
    assert cli.main(["fsck", "--quiet", str(config)]) == 0
    assert capsys.readouterr().out == ""


def test_what_is_wrong_is_told_in_words_and_in_json(config, capsys):
    lost, cut, flipped, *_ = files_of(config)
    lost.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    content = bytearray(flipped.read_bytes())
    content[-1] ^= 1
    flipped.write_bytes(content)
    orphan = config.with_name("files") / "0f" / "0f" / "0f0f0f0f-0000-4000-8000-000000000000"
    orphan.parent.mkdir(parents=True, exist_ok=True)
    orphan.write_bytes(b"1234567")
    connection = apsw.Connection(str(config.with_name("files") / "repertory.db"))
    connection.execute("UPDATE totals SET studies = 3")
    connection.close()
    target = config.with_name("report.json")

    assert cli.main(["fsck", "--checksums", "--json", str(target), str(config)]) == 1
    out = capsys.readouterr().out
    assert f"file {lost.name} is lost" in out
    assert f"file {cut.name} is " in out
    assert f"file {flipped.name} is not as it was when it was stored" in out
    assert "3 files damaged." in out
    assert f"file {orphan.name}, 7 bytes" in out
    assert "the archive: studies is 3, should be 1" in out
    assert "Nothing was changed" in out
    report = json.loads(target.read_text())
    assert {file["Uuid"]: file["Damage"] for file in report["Damaged"]} == {
        lost.name: "Lost",
        cut.name: "WrongSize",
        flipped.name: "Corrupted",
    }
    assert str(config.parent) not in target.read_text()
    assert orphan.exists()


def test_a_repair_says_what_it_did(config, capsys):
    files_of(config)[0].unlink()
    before = len(files_of(config))

    assert cli.main(["fsck", "--repair", str(config)]) == 1
    assert "1 file newly marked as damaged" in capsys.readouterr().out
    assert len(files_of(config)) == before


def test_a_check_does_not_touch_what_a_server_was_writing(config):
    staged = config.with_name("files") / ".staging" / "0f0f0f0f-0000-4000-8000-000000000000"
    staged.write_bytes(b"half")

    assert cli.main(["fsck", "--repair", str(config)]) == 0
    assert staged.exists()


def test_a_file_that_a_power_cut_put_back_is_not_lost(config):
    file = files_of(config)[0]
    file.rename(config.with_name("files") / ".staging" / file.name)

    assert cli.main(["fsck", "--checksums", str(config)]) == 0
    assert file.exists()


def test_a_long_list_is_cut_short_in_words():
    damaged = [
        {"ResourceType": "Instance", "ID": "i", "Uuid": str(n), "Damage": "Lost"} for n in range(50)
    ]
    report = {
        "Sound": False,
        "Files": 50,
        "Size": "0",
        "Checksums": False,
        "Repair": False,
        "Damaged": damaged,
        "Orphans": [],
        "Counters": [],
        "ForeignFiles": 0,
    }
    lines = list(words(report))

    assert len(lines) < 30
    assert "  and 30 more (--json lists all)" in lines


def test_while_a_server_runs_nothing_is_checked_behind_its_back(config, capsys):
    options = Settings(storage_directory=str(config.with_name("files")), http_server_enabled=False)
    with Repertory(options):
        assert cli.main(["fsck", str(config)]) == 2
    assert "Another Repertory is using this index" in capsys.readouterr().err


def test_no_index_is_made_by_a_check(tmp_path, capsys):
    config = tmp_path / "repertory.json"
    config.write_text(json.dumps({"StorageDirectory": "mistyped"}))

    assert cli.main(["fsck", str(config)]) == 2
    assert "There is no index" in capsys.readouterr().err
    assert not (tmp_path / "mistyped").exists()


def test_an_index_that_is_none_is_left_as_it_is(config, capsys):
    index = config.with_name("files") / "repertory.db"
    index.write_bytes(b"this is no index" * 1000)

    assert cli.main(["fsck", "--repair", str(config)]) == 2
    assert "not a SQLite database" in capsys.readouterr().err
    assert index.read_bytes().startswith(b"this is no index")


@pytest.fixture
def server(config):
    options = Settings(storage_directory=str(config.with_name("files")), http_port=0)
    with Repertory(replace(options, http_bind_address="127.0.0.1")) as archive:
        yield archive


def test_a_running_server_is_asked(config, server, capsys):
    files_of(config)[0].unlink()
    url = f"http://127.0.0.1:{server.port}"

    assert cli.main(["fsck", "--url", url]) == 1
    assert "1 file damaged." in capsys.readouterr().out
    assert cli.main(["fsck", "--repair", "--url", url]) == 1
    assert server.ask(DescribeIntegrity()).report.marked == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "not a url://"])
def test_a_server_that_is_not_there_ends_with_2(url):
    assert cli.main(["fsck", "--url", url]) == 2


def test_a_server_stops_in_the_middle_of_a_check(config, server):
    server.ask(BeginCheck(checksums=True))
    server.stop()

    assert cli.main(["fsck", str(config)]) == 0
