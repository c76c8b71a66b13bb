import os
import subprocess
import sys
from pathlib import Path

import pytest

import repertory
from repertory.conf.loading import load_settings
from repertory.conf.reference import render_defaults
from repertory.conf.settings import Settings

ROOT = Path(repertory.__file__).parents[1]


@pytest.fixture
def run(tmp_path):
    """Run the command in an empty folder, as a shell would."""

    def run_command(*words, **environment):
        return subprocess.run(
            [sys.executable, "-m", "repertory", *map(str, words)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", **environment},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return run_command


def test_the_version_names_the_contract_that_is_kept(run):
    result = run("--version")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"Repertory {repertory.__version__} (REST API of Orthanc 1.13.0)\n"


@pytest.mark.parametrize("words", [["--help"], ["serve", "--help"]])
def test_the_help_teaches_by_examples(run, words):
    result = run(*words)

    assert result.returncode == 0
    assert "repertory [OPTION]... [CONFIG]..." in result.stdout
    assert "repertory --config=repertory.json" in result.stdout
    assert "check-config" in result.stdout


def test_the_help_of_a_command_is_its_own(run):
    assert "repertory check-config [CONFIG]..." in run("check-config", "--help").stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--verbos"], "there is no option --verbos: did you mean --verbose?"),
        (["--zzz=3"], "there is no option --zzz"),
        (["serv"], "there is no command or configuration file 'serv' (did you mean serve?)"),
        (["zzz"], "there is no command or configuration file 'zzz'"),
        (["--config"], "expected one argument"),
        (["check-config", "--fast"], "there is no option --fast"),
    ],
)
def test_words_that_are_not_understood_end_with_a_hint(run, words, complaint):
    result = run(*words)

    assert (result.returncode, result.stdout) == (2, "")
    assert complaint in result.stderr
    assert "--help'." in result.stderr


def test_the_configuration_may_stand_after_an_option_that_has_a_value(run, tmp_path):
    result = run("adopt", str(tmp_path), "--index", str(tmp_path), str(tmp_path / "none.json"))

    assert "none.json: There is no such file." in result.stderr


def test_the_default_configuration_is_printed(run):
    result = run("--config=-")

    assert (result.returncode, result.stdout) == (0, render_defaults())


def test_the_default_configuration_is_written(run, tmp_path, monkeypatch):
    assert run("--config=new.json").returncode == 0

    monkeypatch.chdir(tmp_path)
    assert load_settings(Path("new.json")) == Settings()


def test_a_configuration_that_exists_is_not_overwritten(run, tmp_path):
    (tmp_path / "mine.json").write_text("{}")
    result = run("--config=mine.json")

    assert result.returncode == 1
    assert "To serve with it: repertory mine.json" in result.stderr
    assert (tmp_path / "mine.json").read_text() == "{}"


def test_a_configuration_that_cannot_be_written_is_told(run):
    result = run("--config=no/such/folder.json")

    assert result.returncode == 1
    assert "cannot be written: No such file or directory." in result.stderr


def test_a_good_configuration_is_found_good(run, tmp_path):
    (tmp_path / "a.json").write_text('{"HttpPort" : 8043, "DicomWeb" : {"Root" : "/dicom-web/"}}')
    result = run("check-config", "a.json")

    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == (
        "warning: a.json: Repertory does not honour (yet) what is set here: DicomWeb.\n"
        "1 file read, 0 errors, 1 warning.\n"
    )


def test_everything_wrong_with_a_configuration_is_printed(run, tmp_path):
    (tmp_path / "a.json").write_text('{"HttpPort" : "${PORT}", "KeepAlive" : 1}')
    result = run("check-config", ".", "b.json", PORT="x")

    assert (result.returncode, result.stderr) == (1, "")
    assert result.stdout == (
        "error: b.json: There is no such file.\n"
        'error: a.json, line 1: HttpPort must be a whole number, not "x".\n'
        "error: a.json, line 1: KeepAlive must be true or false, not 1.\n"
        "1 file read, 3 errors, 0 warnings.\n"
    )


def test_a_command_wins_over_a_file_of_its_name(run, tmp_path):
    (tmp_path / "check-config").write_text("not JSON")

    assert run("check-config").stdout == "0 files read, 0 errors, 0 warnings.\n"


@pytest.mark.parametrize("words", [["a.json"], ["serve", "a.json"], ["--verbose", "a.json"]])
def test_the_archive_does_not_start_from_a_bad_configuration(run, tmp_path, words):
    (tmp_path / "a.json").write_text('{"HttpPort" : -1}')
    result = run(*words)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "Repertory cannot start:\n  a.json, line 1: HttpPort must be between 0 and 65535, not -1.\n"
    )


def test_a_log_that_cannot_be_written_keeps_the_archive_from_starting(run):
    result = run("--logfile=no/such/folder.log")

    assert result.returncode == 1
    assert "the log cannot be written: No such file or directory." in result.stderr


def test_switches_of_orthanc_without_use_are_taken_with_a_word(run, tmp_path):
    (tmp_path / "a.json").write_text("[]")
    result = run("--upgrade", "--no-jobs", "--logs-no-thread", "--trace-dicom", "", "a.json")

    assert result.returncode == 1
    assert "--upgrade has no effect here." in result.stderr
    assert "--logs-no-thread has no effect here." in result.stderr


@pytest.mark.parametrize("word", ["--errors", "--openapi=x.json", "--cheatsheet=-"])
def test_what_orthanc_prints_and_ends_does_not_start_a_server(run, word):
    result = run(word)

    assert (result.returncode, result.stdout) == (0, "")
    assert "is not available" in result.stderr
