"""A folder of an Orthanc becomes a bucket, while clients read and write; then it is taken away."""

import json
import shutil
import threading
from random import Random

import pytest

from repertory.adopting import DONE
from repertory.cli import main
from repertory.testing.files import make_study
from repertory.testing.orthanc import OrthancProcess, find_orthanc
from repertory.testing.server import ServerProcess, until

pytestmark = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")

INSTANCES = 6


def upload(ask, seed):
    """The contents of a study's instances by their identifiers."""
    contents = make_study(patient_id=f"P{seed}", seed=seed, instances=INSTANCES, size=50_000)
    return {json.loads(ask(content))["ID"]: content for content in contents}


@pytest.fixture
def adopted(tmp_path):
    """The folder of an Orthanc, and the one of our index of it; and what it was given."""
    stored = {}
    with OrthancProcess(tmp_path / "orthanc") as orthanc:
        for seed in range(3):
            stored |= upload(lambda it: orthanc.ask("POST", "/instances", it)[1], seed)
    config = tmp_path / "adopt.json"
    config.write_text(
        json.dumps(
            {"StorageDirectory": str(orthanc.storage), "IndexDirectory": str(tmp_path / "index")}
        )
    )
    folder = str(orthanc.storage)
    assert main(["adopt", folder, "--index", folder, str(config), "--quiet"]) == DONE
    return orthanc.storage, tmp_path / "index", stored


@pytest.fixture
def section(start_rclone):
    """A section for a bucket of a store, but for the mode."""
    return start_rclone().written("archive")


def counts(server):
    storages = server.get("/hybrid/status").json["Storages"]
    return {name: it["CountFiles"] for name, it in storages.items()}


class Clients:
    """One that writes studies, and one that reads what is there, until they are told to end."""

    def __init__(self, server, stored):
        self.server = server
        self.stored = dict(stored)
        self.wrong = []
        self.reads = self.writes = 0
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=it) for it in (self._write, self._read)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _write(self):
        try:
            while not self._is_over.wait(0.05):
                new = upload(
                    lambda it: self.server.post("/instances", it).content, 100 + self.writes
                )
                self.stored = self.stored | new
                self.writes += 1
        except Exception as error:
            self.wrong.append(error)
            raise

    def _read(self):
        chance = Random(1)
        while not self._is_over.wait(0.01):
            id_, content = chance.choice(list(self.stored.items()))
            answer = self.server.get(f"/instances/{id_}/file")
            if answer.content != content:
                self.wrong.append((id_, answer.status, len(answer.content)))
            self.reads += 1


def test_a_folder_of_an_orthanc_becomes_a_bucket_under_load_and_is_taken_away(
    adopted, section, tmp_path
):
    folder, index, stored = adopted
    where = {"StorageDirectory": str(folder), "IndexDirectory": str(index)}
    hybrid = {"AwsS3Storage": section | {"HybridMode": "WriteToObjectStorage"}}
    with ServerProcess(tmp_path / "server", **where, **hybrid) as server:
        assert counts(server) == {"file-system": len(stored), "object-storage": 0}
        patients = server.get("/patients").json
        body = {"Resources": patients, "TargetStorage": "object-storage", "Asynchronous": True}
        with Clients(server, stored) as clients:
            until(lambda: clients.writes and clients.reads)
            job = server.post("/move-storage", json.dumps(body)).json
            until(lambda: server.get(job["Path"]).json["State"] == "Success")
            done, read = clients.writes, clients.reads
            until(lambda: clients.writes > done and clients.reads > read)
        assert clients.wrong == []
        assert server.get(job["Path"]).json["Content"]["MovedFilesCount"] == len(stored)
        assert counts(server) == {"file-system": 0, "object-storage": len(clients.stored)}
        until(
            lambda: not server.get("/plugins/delayed-deletion/status").json["FilesPendingDeletion"]
        )
        assert [it for it in folder.glob("??/??/*") if it.is_file()] == []
        assert server.stop() == 0

    shutil.rmtree(folder)
    where["StorageDirectory"] = str(tmp_path / "staging")
    with ServerProcess(tmp_path / "server", **where, AwsS3Storage=section) as server:
        for id_, content in clients.stored.items():
            assert server.get(f"/instances/{id_}/file").content == content
        checked = server.post("/integrity/check", b'{"Synchronous": true, "Checksums": true}')
        assert checked.json["Report"]["Sound"], checked.json
        clients.stored |= upload(lambda it: server.post("/instances", it).content, 1_000)
        assert server.get("/statistics").json["CountInstances"] == len(clients.stored)
