import json
import os
import random
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPException

from repertory.testing.files import make_dicom, make_study, write_large_dicom
from repertory.testing.server import ServerProcess, until

WORKERS = 8


class Uploads:
    """Files that several clients send at once, each again and again until the server is gone."""

    def __init__(self, server):
        self.server = server
        self.answered = {}
        self.count = 0
        self.enough = threading.Event()

    def run(self):
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self._send, range(WORKERS)))

    def _send(self, number):
        with closing(self.server.connect()) as connection:
            while True:
                content = make_dicom(patient_id=f"P{number}", size=20_000)
                try:
                    connection.request("POST", "/instances", content)
                    response = connection.getresponse()
                    answer = response.read()
                except (HTTPException, OSError):
                    return
                assert response.status == 200, answer
                self.answered[answer] = content
                self.count += 1
                if self.count >= 10:
                    self.enough.set()


def indexed(server):
    """The files that the index knows, by the instance's identifier."""
    return {one["ID"]: one["FileUuid"] for one in server.get("/instances?expand").json}


def assert_sound(server):
    """The index of a server that has stopped holds together."""
    with closing(sqlite3.connect(server.storage / "repertory.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def test_what_was_answered_survives_kill_9_in_the_middle_of_uploads(server):
    chance = random.Random(os.environ.get("REPERTORY_TEST_SEED"))
    known = {}
    orphans = 0

    for _ in range(4):
        uploads = Uploads(server)
        crowd = threading.Thread(target=uploads.run)
        crowd.start()
        assert uploads.enough.wait(20)
        threading.Event().wait(chance.uniform(0.0, 0.25))
        server.kill()
        crowd.join()
        server.start()

        known |= {json.loads(answer)["ID"]: body for answer, body in uploads.answered.items()}
        there = indexed(server)
        assert known.keys() <= there.keys()
        assert set(there.values()) <= server.files()
        # A file without a row: at most those that were in flight at each kill.
        before, orphans = orphans, len(server.files()) - len(there)
        assert orphans - before <= WORKERS
        assert server.staged() == set()

    for id_, content in known.items():
        assert server.get(f"/instances/{id_}/file").content == content
    totals = server.get("/statistics").json
    assert totals["CountInstances"] == len(there)
    assert server.stop() == 0
    assert_sound(server)


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
    for left in (50, 40, 25):
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
