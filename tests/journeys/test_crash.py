import os
import random
import sqlite3
import threading
import time
from contextlib import closing

import pytest

from repertory.testing.crashing import LOADS, OPTIONS, Ledger, at_once, changes, crash
from repertory.testing.files import make_dicom, make_study, write_large_dicom
from repertory.testing.server import ServerProcess, until

CRASHES = int(os.environ.get("REPERTORY_CRASHES", "0"))
"""How often to kill a server under each load; by default twice, under all of them at once."""

SECONDS = float(os.environ.get("REPERTORY_CRASH_SECONDS", "300"))
"""After how many seconds no more is begun with each of them."""

SEED = os.environ.get("REPERTORY_TEST_SEED")
STABLE = ("StableSeries", "StableStudy", "StablePatient")


@pytest.fixture
def chance():
    return random.Random(SEED)


def indexed(server):
    """The files that the index knows, by the instance's identifier."""
    return {one["ID"]: one["FileUuid"] for one in server.get("/instances?expand").json}


def assert_sound(server):
    """The index of a server that has stopped holds together."""
    with closing(sqlite3.connect(server.storage / "repertory.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("load", ["all at once", *(LOADS if CRASHES else ())])
def test_what_was_answered_survives_kill_9_at_any_moment(serve, chance, load):
    server = serve(**{**OPTIONS, "OverwriteInstances": load != "ingest"})
    ledger = Ledger(chance.random())
    end = time.monotonic() + SECONDS

    for number in range(CRASHES or 2):
        crash(server, ledger, LOADS.get(load, at_once), after=chance.uniform(0.0, 0.4))
        assert server.staged() == set()
        ledger.check(server, sample=100)
        ledger.check_events(server)
        if number and time.monotonic() > end:
            break

    ledger.check(server)
    ledger.check_files(server)
    if CRASHES:
        quiet = time.monotonic() + 4
        until(lambda: time.monotonic() > quiet)
        ledger.check_events(server, is_quiet=True)
    assert server.stop() == 0
    assert_sound(server)


def stable_changes(server):
    return [
        (one["ChangeType"], one["ID"]) for one in changes(server) if one["ChangeType"] in STABLE
    ]


def test_what_waits_to_be_stable_when_the_server_is_killed_is_declared_once(serve, chance):
    server = serve(StableAge=1)
    begun = time.monotonic()
    for number in range(12):
        assert server.post("/instances", make_dicom(patient_id=f"P{number}")).status == 200
        until(lambda number=number: time.monotonic() > begun + 0.05 * number)
    # They fall due from now on, one after the other, while the server comes and goes.
    for number in range(CRASHES or 2):
        for place in range(5):
            content = make_dicom(patient_id=f"{number} {place}")
            assert server.post("/instances", content).status == 200
        threading.Event().wait(chance.uniform(0.0, 0.4))
        server.kill()
        server.start()
    paths = {"StableSeries": "/series", "StableStudy": "/studies", "StablePatient": "/patients"}
    expected = [(word, id_) for word, path in paths.items() for id_ in server.get(path).json]
    assert len(expected) == 3 * (12 + 5 * (CRASHES or 2))
    until(lambda: len(stable_changes(server)) >= len(expected))
    server.kill()
    server.start()

    assert sorted(stable_changes(server)) == sorted(expected)
    assert all(study["IsStable"] for study in server.get("/studies?expand").json)


def test_a_large_upload_cut_by_kill_9_leaves_nothing_half_written(serve, tmp_path):
    server = serve(SpoolThresholdMB=1)
    large = tmp_path / "large.dcm"
    write_large_dicom(large, 12_000_000)
    content = large.read_bytes()

    with closing(server.connect()) as connection:
        connection.putrequest("POST", "/instances")
        connection.putheader("Content-Length", str(len(content)))
        connection.endheaders()
        connection.send(content[:-1])
        until(server.staged)
        server.kill()
    server.start()

    assert server.staged() == server.files() == set()
    assert server.get("/instances").json == []
    answer = server.post("/instances", content)
    assert answer.json["Status"] == "Success"
    assert server.get(f"/instances/{answer.json['ID']}/file").content == content


def test_released_files_and_no_others_go_after_kill_9_while_they_are_removed(serve):
    server = serve(DelayedDeletion={"Enable": True, "ThrottleDelayMs": 20})
    doomed = [server.post("/instances", c).json for c in make_study(series=2, instances=30)]
    kept = {server.post("/instances", c).json["ID"]: c for c in make_study(patient_id="KEPT")}
    everything = server.files()
    keep = {uuid for id_, uuid in indexed(server).items() if id_ in kept}

    assert server.delete(f"/studies/{doomed[0]['ParentStudy']}").status == 200
    for left in (45, 25):
        until(lambda left=left: len(server.files() - keep) <= left)
        server.kill()
        assert server.files() >= keep
        assert server.files() < everything
        server.start()

    until(lambda: server.files() == keep)
    assert {id_: server.get(f"/instances/{id_}/file").content for id_ in kept} == kept
    assert server.get("/statistics").json["CountInstances"] == len(kept)
    assert server.stop() == 0
    assert_sound(server)
    with ServerProcess(server.folder, **server.options) as again:
        assert again.files() == keep


def test_what_is_in_the_trash_survives_kill_9_and_comes_back_whole(serve):
    server = serve(Trash={"RetentionDays": 0.5})
    contents = make_study(series=2, instances=5)
    stored = {server.post("/instances", content).json["ID"]: content for content in contents}
    (study,) = server.get("/studies").json
    for _ in range(2):
        assert server.delete(f"/studies/{study}").status == 200
        server.kill()
        server.start()
        (entry,) = server.get("/trash").json
        assert (entry["ResourceID"], entry["CountInstances"]) == (study, 10)
        assert server.get("/instances").json == []
        assert server.post(f"/trash/{study}/restore", b"").json["Restored"] == 10
        server.kill()
        server.start()

    assert {id_: server.get(f"/instances/{id_}/file").content for id_ in stored} == stored
    assert server.get("/trash").json == []
    assert server.stop() == 0
    assert_sound(server)
