import os
import random
import sqlite3
import threading
from contextlib import closing

import pytest

from repertory.cli import main
from repertory.testing.files import make_dicom, make_study
from repertory.testing.orthanc import OrthancProcess, find_orthanc
from repertory.testing.server import ServerProcess, until

KEEPER = {"Enable": True, "ThrottleDelay": 0, "BusyShare": 100}
MORE = {level: ["SliceThickness"] for level in ("Patient", "Study", "Series", "Instance")}


def status(server):
    return server.get("/housekeeper/status").json


def is_idle(server):
    return status(server)["State"] == "Idle"


def test_a_pass_that_is_killed_again_and_again_ends_with_every_study_processed(tmp_path):
    chance = random.Random(os.environ.get("REPERTORY_TEST_SEED"))
    folder = tmp_path / "server"
    with ServerProcess(folder, Housekeeper=KEEPER) as server:
        for number in range(30):
            for content in make_study(patient_id=f"P{number}", series=1, instances=2):
                assert server.post("/instances", content).status == 200
        assert server.stop() == 0
    options = {
        "Housekeeper": KEEPER | {"ThrottleDelay": 0.01},
        "ExtraMainDicomTags": MORE,
        "StorageCompression": True,
        "StorageCompressionFormat": "ZlibWithSize",
    }
    with ServerProcess(folder, **options) as server:
        started, done, killed = status(server)["LastTimeStarted"], 0, 0
        while killed < 3:
            threading.Event().wait(chance.uniform(0.0, 0.05))
            if is_idle(server):
                break
            server.kill()
            killed += 1
            server.start()
            now = status(server)
            assert now["LastTimeStarted"] == started
            assert now["StudiesDone"] >= done
            done = now["StudiesDone"]
        until(lambda: is_idle(server))

        assert killed > 0
        assert (status(server)["StudiesDone"], status(server)["Failures"]) == (30, [])
        for level in ("patients", "studies", "series", "instances"):
            for one in server.get(f"/{level}?expand&full").json:
                assert "0018,0050" in one["MainDicomTags"]
        until(lambda: server.get("/delayed-deletion/status").json["FilesPendingDeletion"] == 0)
        known = {one["FileUuid"] for one in server.get("/instances?expand").json}
        # A file that was being stored anew when its step was cut off: nobody knows it.
        assert known <= server.files()
        assert len(server.files() - known) <= 20 * killed
        assert server.stop() == 0
    with closing(sqlite3.connect(server.storage / "repertory.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = database.execute("SELECT DISTINCT compression FROM attachments").fetchall()
        assert rows == [(2,)]


def test_a_pause_holds_over_a_restart_and_stopping_does_not_wait_for_a_pass(serve):
    server = serve(Housekeeper=KEEPER | {"ThrottleDelay": 3600})
    for number in range(3):
        server.post("/instances", make_dicom(patient_id=f"P{number}"))
    assert server.post("/housekeeper/run", '{"Force": true}').status == 200
    until(lambda: status(server)["StudiesDone"] == 1)
    assert server.post("/housekeeper/pause", "").json["Paused"]
    assert server.stop() == 0
    server.start()

    assert (status(server)["State"], status(server)["StudiesLeft"]) == ("Paused", 2)
    assert server.post("/housekeeper/resume", "").json["State"] == "Working"
    until(lambda: status(server)["StudiesDone"] == 2)


@pytest.mark.parametrize(
    "options", [{"Schedule": {"Moonday": ["0-6"]}}, {"ThrottleDelay": -1}, {"GlobalPropertyId": 7}]
)
def test_a_section_that_is_wrong_keeps_the_server_from_starting(tmp_path, options):
    with pytest.raises(RuntimeError, match=next(iter(options))):
        ServerProcess(tmp_path / "server", Housekeeper=options).start()


@pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")
def test_an_archive_that_an_orthanc_has_filled_is_processed_from_the_first_study(tmp_path):
    with OrthancProcess(tmp_path) as orthanc:
        for number in range(3):
            orthanc.ask("POST", "/instances", make_dicom(patient_id=f"P{number}"))
    assert main(["adopt", str(orthanc.storage), "--quiet"]) == 0
    folder = tmp_path / "server"
    with ServerProcess(folder, StorageDirectory=str(orthanc.storage), Housekeeper=KEEPER) as server:
        until(lambda: is_idle(server))

        assert (status(server)["StudiesDone"], status(server)["Failures"]) == (3, [])
        for study in server.get("/studies").json:
            metadata = server.get(f"/studies/{study}/metadata?expand").json
            assert "MainDicomTagsSignature" in metadata
