import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import repertory
from repertory.conf.settings import Settings
from repertory.process import describe_address

ROOT = Path(repertory.__file__).parents[1]

# A program that serves an archive which only tells what is asked of it.
PROGRAM = """
import queue, sys
from pathlib import Path
from repertory import logs
from repertory.errors import CannotStart
from repertory.process import serve

class Archive:
    port = 8042
    restart_requested = False

    def __init__(self, settings):
        self.settings = settings
        self.requests = queue.SimpleQueue()

    def start(self):
        if self.settings.name == "broken":
            raise CannotStart("The index is of a later version.")
        print("started", self.settings.name, flush=True)

    def wait(self):
        return self.requests.get()

    def stop(self):
        print("stopped", self.settings.name, flush=True)

    def request_shutdown(self, *, restart=False):
        self.restart_requested = restart
        self.requests.put(0)

paths = [Path(word) for word in sys.argv[1:]]
sys.exit(serve(paths, lambda: logs.set_up(as_json=True), Archive))
"""


@pytest.fixture
def start(tmp_path):
    """Start the program with a configuration; it is gone when the test is over."""
    running = []

    def start_program(text="{}", **options):
        file = tmp_path / "a.json"
        file.write_text(text)
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(file)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
            **{"stdout": subprocess.PIPE, **options},
        )
        running.append(process)
        return process

    yield start_program
    for process in running:
        process.kill()
        process.communicate()


def wait_for_event(process, event):
    for line in process.stderr:
        if json.loads(line)["event"] == event:
            return json.loads(line)
    pytest.fail(f"{event} was not logged")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_archive_in_good_order(start, number):
    process = start('{"Name" : "A"}')
    assert process.stdout.readline() == "started A\n"
    process.send_signal(number)

    assert process.communicate(timeout=30)[0] == "stopped A\n"
    assert process.returncode == 0


def test_a_changed_configuration_is_read_again_on_hangup(start, tmp_path):
    process = start('{"Name" : "A"}')
    assert process.stdout.readline() == "started A\n"
    (tmp_path / "a.json").write_text('{"Name" : "B"}')
    process.send_signal(signal.SIGHUP)

    assert process.stdout.readline() == "stopped A\n"
    assert process.stdout.readline() == "started B\n"
    process.terminate()
    assert process.stdout.readline() == "stopped B\n"
    assert process.wait(timeout=30) == 0


def test_a_configuration_that_did_not_change_is_not_started_anew(start):
    process = start('{"Name" : "A"}')
    assert process.stdout.readline() == "started A\n"
    process.send_signal(signal.SIGHUP)

    wait_for_event(process, "configuration_unchanged")
    process.terminate()
    assert process.communicate(timeout=30)[0] == "stopped A\n"


def test_a_bad_configuration_does_not_stop_what_runs(start, tmp_path):
    process = start('{"Name" : "A"}')
    assert process.stdout.readline() == "started A\n"
    (tmp_path / "a.json").write_text('{"Name" "B"}')
    process.send_signal(signal.SIGHUP)

    refused = wait_for_event(process, "configuration_refused")
    assert "a colon is missing" in refused["problems"][0]
    process.terminate()
    assert process.communicate(timeout=30)[0] == "stopped A\n"


def test_what_is_odd_in_the_configuration_is_logged(start):
    process = start('{"Nam" : "A"}')
    doubt = wait_for_event(process, "configuration_doubted")

    assert (doubt["level"], doubt["option"], doubt["line"]) == ("warning", "Nam", 1)
    assert doubt["reason"] == "Nam is not an option: did you mean Name?"


def test_an_archive_that_cannot_start_says_why_and_ends(start):
    process = start('{"Name" : "broken"}')
    output, errors = process.communicate(timeout=30)

    assert (process.returncode, output) == (1, "")
    assert errors.endswith("Repertory cannot start:\n  The index is of a later version.\n")


def test_people_at_a_terminal_are_told_where_the_archive_is(start):
    ours, theirs = pty.openpty()
    process = start('{"StorageDirectory" : "/srv/dicom"}', stdout=theirs)
    os.close(theirs)
    with os.fdopen(ours, encoding="utf-8") as terminal:
        greeting = [terminal.readline().rstrip() for _ in range(2)][1]
        process.terminate()
        process.wait(timeout=30)

    version = repertory.__version__
    assert greeting == f"Repertory {version} serves http://localhost:8042 — files in /srv/dicom"


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        (Settings(), "http://localhost:80"),
        (Settings(ssl_enabled=True), "https://localhost:80"),
        (Settings(http_bind_address="0.0.0.0"), "http://localhost:80"),
        (Settings(http_bind_address="10.0.0.1"), "http://10.0.0.1:80"),
        (Settings(http_bind_address="fe80::1"), "http://[fe80::1]:80"),
    ],
)
def test_the_address_is_one_that_a_browser_understands(settings, address):
    assert describe_address(settings, 80) == address


def test_the_process_may_open_as_many_files_as_the_system_allows():
    resource = pytest.importorskip("resource")
    code = (
        "import resource; from repertory.process import _raise_file_limit\n"
        "hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))\n"
        "_raise_file_limit(); print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

    assert int(run.stdout) == (65536 if hard == resource.RLIM_INFINITY else min(hard, 65536))


@pytest.mark.parametrize("number", range(5))
def test_no_signal_is_missed_in_a_burst(start, number):
    process = start(f'{{"Name" : "{number}"}}')
    process.stdout.readline()
    for _ in range(50):
        process.send_signal(signal.SIGHUP)
    process.terminate()

    assert process.communicate(timeout=30)[0] == f"stopped {number}\n"
    assert process.returncode == 0
