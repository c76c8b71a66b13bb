"""Rules that move files between two disks, in a server of its own."""

import contextlib
import hashlib
import json
import os
import random
import threading
from pathlib import Path

import pytest

from repertory.testing.files import make_study
from repertory.testing.server import until

STUDIES, INSTANCES = 6, 30


@pytest.fixture
def tiered(serve, tmp_path):
    """A server with a second disk, to which everything goes that is larger than the room."""
    second = tmp_path / "second"
    server = serve(
        AdvancedStorage={
            "Enable": True,
            "MultipleStorages": {"Storages": {"second": str(second)}},
        },
        Tiering={
            "Enable": True,
            "BusyShare": 100,
            "Rules": [{"Name": "done", "To": "second", "Labels": ["done"]}],
            "Recall": {"Enable": True, "From": "second", "Prefetch": "Study", "KeepDays": 0},
        },
    )
    server.second = second
    return server


def sums_in(folder):
    """The MD5 sum of each file; what is being written or removed does not count."""
    sums = []
    for parent, _, names in os.walk(folder):
        for name in names:
            if parent.endswith(f"{os.sep}{name[:2]}{os.sep}{name[2:4]}"):
                with contextlib.suppress(FileNotFoundError):
                    sums.append(hashlib.md5(Path(parent, name).read_bytes()).hexdigest())
    return sorted(sums)


def store(server):
    stored, studies = {}, set()
    for number in range(STUDIES):
        files = make_study(patient_id=f"P{number}", series=1, instances=INSTANCES, seed=number)
        for content in files:
            answer = server.post("/instances", content).json
            stored[answer["ID"]] = content
            studies.add(answer["ParentStudy"])
    return stored, sorted(studies)


def counts(server):
    storages = server.get("/hybrid/status").json["Storages"]
    return storages["file-system"]["CountFiles"], storages["second"]["CountFiles"]


@pytest.mark.parametrize("seed", range(2))
def test_a_pass_killed_by_kill_9_at_any_point_leaves_every_file_exactly_once(tiered, seed):
    server, chance = tiered, random.Random(seed)
    stored, studies = store(server)
    sums = sorted(hashlib.md5(content).hexdigest() for content in stored.values())
    for id_ in studies:
        server.ask("PUT", f"/studies/{id_}/labels/done")
    server.post("/tiering/run", b"")
    pause = threading.Event()

    for _ in range(5):
        pause.wait(chance.uniform(0.0, 0.15))
        server.kill()
        server.start()
        server.post("/tiering/run", b"")
    until(lambda: counts(server) == (0, STUDIES * INSTANCES))

    until(lambda: not sums_in(server.storage))
    assert sums_in(server.second) == sums
    report = server.get("/integrity").json["Report"]
    assert report["Sound"], report


def test_a_recall_killed_by_kill_9_leaves_every_file_exactly_once(tiered):
    server, chance = tiered, random.Random(7)
    stored, studies = store(server)
    sums = sorted(hashlib.md5(content).hexdigest() for content in stored.values())
    for id_ in studies:
        server.ask("PUT", f"/studies/{id_}/labels/done")
    server.post("/tiering/run", b"")
    until(lambda: counts(server) == (0, STUDIES * INSTANCES))
    server.post("/tiering/pause", b"")
    pause = threading.Event()

    for _ in range(4):
        for id_, content in chance.sample(sorted(stored.items()), 3):
            assert server.get(f"/instances/{id_}/file").content == content
        pause.wait(chance.uniform(0.0, 0.1))
        server.kill()
        server.start()

    until(lambda: server.get("/tiering/status").json["Recall"]["Pending"] == 0)
    until(lambda: sums_in(server.storage) + sums_in(server.second) and _is_whole(server, sums))
    assert all(server.get(f"/instances/{id_}/file").content == it for id_, it in stored.items())
    report = server.get("/integrity").json["Report"]
    assert report["Sound"], report


def _is_whole(server, sums):
    return sorted(sums_in(server.storage) + sums_in(server.second)) == sums


def test_a_move_job_and_a_rule_over_the_same_studies_lose_nothing(tiered):
    server = tiered
    stored, studies = store(server)
    for id_ in studies:
        server.ask("PUT", f"/studies/{id_}/labels/done")
    body = {"Resources": studies, "TargetStorage": "second", "Asynchronous": True}

    job = server.post("/move-storage", json.dumps(body)).json
    server.post("/tiering/run", b"")

    until(lambda: server.get(job["Path"]).json["State"] == "Success")
    assert counts(server) == (0, STUDIES * INSTANCES)
    assert server.get(f"{job['Path']}/failures").json == []
    until(lambda: not sums_in(server.storage))
    assert len(sums_in(server.second)) == STUDIES * INSTANCES
    assert all(server.get(f"/instances/{id_}/file").content == it for id_, it in stored.items())
