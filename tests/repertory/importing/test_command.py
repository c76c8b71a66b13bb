import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def report(tmp_path):
    def read():
        return json.loads((tmp_path / "report.json").read_text())

    read.path = tmp_path / "report.json"
    return read


def test_a_folder_is_stored_with_all_below_it(archive, run_import, folder, capsys):
    assert run_import(folder, "--url", archive.url) == 0

    assert sorted(archive.bodies.values()) == sorted(
        path.read_bytes() for path in folder.rglob("*") if path.is_file()
    )
    assert "3 stored" in capsys.readouterr().out


def test_the_files_of_a_zip_archive_are_sent_one_by_one(
    archive, run_import, tmp_path, dicom, report
):
    with zipfile.ZipFile(tmp_path / "exam.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for word in "abcdef":
            zipped.writestr(f"deep/{word}.dcm", dicom(word, 5_000_000))
        zipped.writestr("DICOMDIR", b"\0" * 200)

    assert run_import(tmp_path / "exam.zip", "--url", archive.url, "--json", report.path) == 0

    assert archive.uploads == len(archive.bodies) == 6
    assert report()["details"] == [{"kind": "skipped", "reason": "DICOMDIR", "files": ["DICOMDIR"]}]


def test_a_damaged_member_is_told_and_the_others_are_stored(
    archive, run_import, tmp_path, dicom, report
):
    path = tmp_path / "exam.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("a.dcm", dicom("a"))
        zipped.writestr("b.dcm", dicom("damage me"))
    path.write_bytes(path.read_bytes().replace(b"damage me", b"damaged!!"))

    assert run_import(path, "--url", archive.url, "--json", report.path) == 1

    (detail,) = report()["details"]
    assert (detail["kind"], detail["files"]) == ("unreadable", ["b.dcm"])
    assert len(archive.bodies) == 1


def test_a_second_run_sends_only_what_is_new(archive, run_import, folder, dicom, capsys):
    run_import(folder, "--url", archive.url)
    (folder / "d.dcm").write_bytes(dicom("d"))
    (folder / "a.dcm").write_bytes(dicom("another"))

    assert run_import(folder, "--url", archive.url) == 0

    assert archive.uploads == 3 + 2
    assert "2 done in an earlier run" in capsys.readouterr().out


def test_everything_is_sent_again_on_demand(archive, run_import, folder, capsys):
    run_import(folder, "--url", archive.url)

    assert run_import(folder, "--url", archive.url, "--again") == 0

    assert archive.uploads == 6
    assert "3 already stored" in capsys.readouterr().out


def test_a_journal_is_not_trusted_if_the_archive_has_lost_its_files(
    archive, run_import, folder, capsys
):
    run_import(folder, "--url", archive.url)
    archive.bodies.clear()

    assert run_import(folder, "--url", archive.url) == 0

    assert len(archive.bodies) == 3
    assert "sending everything again" in capsys.readouterr().err


def test_the_journal_can_be_chosen(archive, run_import, folder, tmp_path, state):
    journal = tmp_path / "chosen"
    run_import(folder, "--url", archive.url, "--resume", journal)

    assert run_import(folder / "series", "--url", archive.url, "--resume", journal) == 0

    assert archive.uploads == 3
    assert not state.exists()


def test_refusals_are_grouped_by_their_reason(archive, run_import, folder, dicom, report, capsys):
    for number in range(12):
        (folder / f"bad{number:02}.dcm").write_bytes(dicom(f"no tags {number}"))
    (folder / "notes.txt").write_text("read me")

    assert run_import(folder, "--url", archive.url, "--json", report.path) == 1

    out = capsys.readouterr().out
    assert "400: Bad file format: Cannot parse (12)" in out
    assert "    bad00.dcm\n" in out
    assert "… and 2 more" in out
    assert "bad11.dcm" not in out
    assert report()["complete"] is True
    assert report()["counts"] == {
        "stored": 3,
        "already_stored": 0,
        "skipped": 1,
        "refused": 12,
        "unreadable": 0,
        "earlier": 0,
    }
    assert [len(detail["files"]) for detail in report()["details"]] == [12, 1]


def test_what_was_refused_is_tried_again_by_the_next_run(archive, run_import, folder):
    archive.script += [(507, {"Message": "Full"})] * 3
    assert run_import(folder, "--url", archive.url) == 1

    assert run_import(folder, "--url", archive.url) == 0
    assert len(archive.bodies) == 3


def test_one_connection_for_each_job(archive, run_import, folder):
    assert run_import(folder, "--url", archive.url, "--jobs", "1") == 0

    # One to greet, one to send.
    assert archive.connections == 2


def test_nothing_is_said_if_all_is_well_and_nobody_wants_to_know(
    archive, run_import, folder, capsys
):
    assert run_import(folder, "--url", archive.url, "--quiet") == 0

    assert capsys.readouterr() == ("", "")


def test_names_that_are_not_unicode_are_shown_all_the_same(
    archive, run_import, folder, dicom, report, capsys
):
    (folder / os.fsdecode(b"caf\xe9")).write_bytes(dicom("no tags"))

    assert run_import(folder, "--url", archive.url, "--json", report.path) == 1

    assert "caf\\udce9" in capsys.readouterr().out
    assert report()["details"][0]["files"] == [os.fsdecode(b"caf\xe9")]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["nowhere"], "there is no nowhere"),
        ([".", "--jobs", "0"], "--jobs: at least 1"),
        ([".", "--timeout", "-1"], "--timeout: more than 0"),
        ([".", "--url", "ftp://host"], "not the URL of a server"),
    ],
)
def test_what_makes_no_sense_is_refused(run_import, words, complaint, capsys):
    assert run_import(*words) == 2

    assert complaint in capsys.readouterr().err


def test_who_is_not_let_in_is_told_so(archive, run_import, folder, capsys):
    archive.password = "Basic secret"

    assert run_import(folder, "--url", archive.url) == 2

    assert "denies access" in capsys.readouterr().err


def test_the_password_may_come_from_the_environment(archive, run_import, folder, monkeypatch):
    archive.password = "Basic YWxpY2U6c2VjcmV0"
    monkeypatch.setenv("REPERTORY_PASSWORD", "secret")

    assert run_import(folder, "--url", archive.url, "--user", "alice") == 0


def test_a_server_that_is_no_archive_gets_no_files(archive, run_import, folder, capsys):
    assert run_import(folder, "--url", f"{archive.url}/elsewhere") == 2

    assert "is no archive" in capsys.readouterr().err
    assert archive.uploads == 0


def test_access_that_is_lost_on_the_way_ends_the_import(
    archive, run_import, folder, report, capsys
):
    archive.script += [None, (401, {})]

    code = run_import(folder, "--url", archive.url, "--jobs", "1", "--json", report.path)

    assert code == 2
    assert report()["complete"] is False
    assert report()["counts"]["stored"] == 1
    assert "Run the same command again" in capsys.readouterr().err
    assert run_import(folder, "--url", archive.url) == 0
    assert archive.uploads == 1 + 1 + 2


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_an_interrupted_import_goes_on_where_it_was(archive, run_import, folder, dicom):
    # A server that answers one file and is silent about the second.
    for number in range(50):
        (folder / f"more{number:02}").write_bytes(dicom(f"more {number}"))
    archive.script += [None, (503, {}, {"Retry-After": "60"})]
    program = (
        "import argparse, sys; from repertory.importing import add_arguments, run;"
        "parser = argparse.ArgumentParser(); add_arguments(parser);"
        "sys.exit(run(parser.parse_args()))"
    )
    words = [folder, "--url", archive.url, "--jobs", "1"]
    child = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    while archive.uploads < 2:
        assert child.poll() is None
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)

    assert child.returncode == 130
    assert archive.uploads == 2
    assert run_import(folder, "--url", archive.url) == 0
    assert archive.uploads == 2 + 52
    assert len(archive.bodies) == 53
