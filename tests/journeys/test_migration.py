"""A migration as an administrator does it: from a folder into an object store, under load."""

import json
import threading

import pytest

from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until

HALF = 30


def status(server):
    storages = server.get("/hybrid/status").json["Storages"]
    return {name: it["CountFiles"] for name, it in storages.items() if it["CountFiles"]}


class Client:
    """Does something again and again in a thread of its own, until the context is left."""

    def __init__(self, work):
        self._work = work
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._is_over.is_set():
            self._work()

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()


@pytest.fixture
def bucket(s3_emulator, bucket_name):
    """The section of a bucket, as a configuration has it."""
    s3_emulator.make_bucket(bucket_name)
    return s3_emulator.written(bucket_name)


def test_an_archive_moves_into_an_object_store_while_clients_read_and_write(serve, bucket):
    server = serve()
    stored, written, failures = {}, {}, []
    for content in make_study(series=2, instances=HALF):
        stored[server.post("/instances", content).json["ID"]] = content
    server.stop()
    server.options["AwsS3Storage"] = {**bucket, "HybridMode": "WriteToObjectStorage"}
    server.start()
    assert status(server) == {"file-system": 2 * HALF}

    def read_all():
        for id_, content in stored.items():
            answer = server.get(f"/instances/{id_}/file")
            if answer.status != 200 or answer.content != content:
                failures.append((id_, answer.status))

    def write_one():
        content = make_dicom(patient_id="NEW", seed=len(written))
        written[server.post("/instances", content).json["ID"]] = content

    with Client(read_all), Client(write_one):
        body = {
            "Resources": server.get("/patients").json,
            "TargetStorage": "object-storage",
            "Asynchronous": True,
        }
        job = server.post("/move-storage", json.dumps(body)).json
        until(lambda: server.get(job["Path"]).json["State"] == "Success", patience=60)

    assert failures == []
    assert status(server) == {"object-storage": 2 * HALF + len(written)}
    until(lambda: not server.files())
    server.stop()
    # The old side is empty: from now on there is the object store alone.
    server.options["AwsS3Storage"] = bucket
    server.start()
    for id_, content in {**stored, **written}.items():
        assert server.get(f"/instances/{id_}/file").content == content
    assert server.get("/integrity").json["Report"]["Sound"]
