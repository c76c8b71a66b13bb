"""Moving files between storages, in a server of its own."""

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


@pytest.fixture
def two_disks(serve, tmp_path):
    """Starts servers that have another disk besides the StorageDirectory."""
    folder = tmp_path / "second"

    def start(writes="", **options):
        advanced = {
            "Enable": True,
            "MultipleStorages": {
                "Storages": {"second": str(folder)},
                "CurrentWriteStorage": writes,
            },
            **options,
        }
        server = serve(AdvancedStorage=advanced)
        server.second = folder
        return server

    return start


def store(server, *, studies=1, instances=5, first=0):
    """The content of each instance that is stored, by its identifier; and the studies."""
    stored, parents = {}, {}
    for number in range(first, first + studies):
        for content in make_study(patient_id=f"P{number}", instances=instances, seed=number):
            answer = server.post("/instances", content).json
            stored[answer["ID"]] = content
            parents.setdefault(answer["ParentStudy"], []).append(answer["ID"])
    return stored, parents


def files_in(folder):
    """The MD5 sum of each file, by its name; what is being written or removed does not count."""
    sums = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            if parent.endswith(f"{os.sep}{name[:2]}{os.sep}{name[2:4]}"):
                with contextlib.suppress(FileNotFoundError):
                    sums[name] = hashlib.md5(Path(parent, name).read_bytes()).hexdigest()
    return sums


def move(server, ids, target, **more):
    body = {"Resources": list(ids), "TargetStorage": target, **more}
    return server.post("/move-storage", json.dumps(body))


def place_of(server, instance):
    return server.get(f"/instances/{instance}/attachments/dicom/info").json["Storage"]


def status(server):
    storages = server.get("/hybrid/status").json["Storages"]
    return {name: it["CountFiles"] for name, it in storages.items()}


def test_files_are_moved_and_read_from_where_they_are(two_disks):
    server = two_disks()
    stored, studies = store(server, studies=2)
    moved, kept = studies

    answer = move(server, [moved], "second")

    assert answer.status == 200
    assert answer.json["MovedFilesCount"] == 10
    assert {place_of(server, id_) for id_ in studies[moved]} == {"second"}
    assert {place_of(server, id_) for id_ in studies[kept]} == {"file-system"}
    assert status(server) == {"file-system": 10, "second": 10}
    assert all(server.get(f"/instances/{id_}/file").content == it for id_, it in stored.items())
    until(lambda: len(files_in(server.storage)) == 10)
    assert len(files_in(server.second)) == 10
    assert server.get("/integrity").json["Report"]["Sound"]


@pytest.fixture
def bucket(start_rclone, tmp_path):
    """A bucket of a store whose objects are files in a folder: the section, and the folder."""
    section = start_rclone().written("archive", HybridMode="WriteToFileSystem")
    return section, tmp_path / "s3" / "archive"


def objects_in(folder):
    return sorted(hashlib.md5(it.read_bytes()).hexdigest() for it in folder.iterdir())


@pytest.mark.parametrize("seed", range(2))
def test_a_move_to_an_object_store_killed_at_any_point_leaves_every_file_exactly_once(
    serve, bucket, seed
):
    section, folder = bucket
    server = serve(AwsS3Storage=section)
    chance = random.Random(seed)
    stored, studies = store(server, studies=6, instances=30)
    sums = sorted(hashlib.md5(content).hexdigest() for content in stored.values())
    job = move(server, studies, "object-storage", Asynchronous=True).json
    pause = threading.Event()

    for _ in range(5):
        pause.wait(chance.uniform(0.0, 0.2))
        server.kill()
        # Whatever the moment: what the index names is there, in one storage or the other.
        kept = set(files_in(server.storage).values()) | set(objects_in(folder))
        assert kept >= set(sums)
        server.start()
    until(lambda: server.get(job["Path"]).json["State"] == "Success")

    until(lambda: not files_in(server.storage))
    until(lambda: objects_in(folder) == sums)
    assert status(server) == {"file-system": 0, "object-storage": len(sums)}
    assert all(server.get(f"/instances/{id_}/file").content == it for id_, it in stored.items())
    report = server.get("/integrity").json["Report"]
    assert report["Sound"], report


def test_a_move_killed_by_kill_9_at_any_point_leaves_every_file_exactly_once(two_disks):
    # Once with real processes: the simulation plays this with many seeds.
    server = two_disks()
    chance = random.Random(0)
    stored, studies = store(server, studies=6, instances=30)
    sums = sorted(hashlib.md5(content).hexdigest() for content in stored.values())
    job = move(server, studies, "second", Asynchronous=True).json
    pause = threading.Event()

    for _ in range(5):
        pause.wait(chance.uniform(0.0, 0.15))
        server.kill()
        server.start()
    until(lambda: server.get(job["Path"]).json["State"] == "Success")

    until(lambda: not files_in(server.storage))
    assert sorted(files_in(server.second).values()) == sums
    assert status(server) == {"file-system": 0, "second": 360}
    assert all(server.get(f"/instances/{id_}/file").content == it for id_, it in stored.items())
    report = server.get("/integrity").json["Report"]
    assert report["Sound"], report
