"""Several nodes of one archive: processes with one database and one storage."""

import json
import os
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import obstore
import pytest
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from pynetdicom import AE

from repertory.testing.files import make_study
from repertory.testing.orthanc import free_port
from repertory.testing.server import until

STABLE = {"StablePatient", "StableStudy", "StableSeries"}
MR = "1.2.840.10008.5.1.4.1.1.4"
QUICK = {"Heartbeat": 0.2, "Lease": 1.5}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = self.server.take(self.path, body)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


class Receiver(ThreadingHTTPServer):
    """A peer that takes instances only when it is let, and a webhook that notes events."""

    daemon_threads = True
    request_queue_size = 50

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.gate = threading.Event()
        self.begun = 0
        self.events = []

    def take(self, path, body):
        if path == "/events":
            self.events.append(json.loads(body))
            return b"{}"
        self.begun += 1
        self.gate.wait(60)
        return b'{"ID": "1", "Status": "Success"}'

    def handle_error(self, request, client_address):
        """A node that is killed cuts connections: that is what is tested."""


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.gate.set()
            receiver.shutdown()
            thread.join()


@pytest.fixture
def section(postgresql_server):
    postgresql_server.ensure()
    postgresql_server.run("DROP SCHEMA IF EXISTS archive CASCADE")
    return postgresql_server.written(Schema="archive", Lock=False)


@pytest.fixture
def node(serve, section, tmp_path):
    """Start a node of the archive."""

    def node(**options):
        files = str(tmp_path / "files")
        common = {"PostgreSQL": section, "StorageDirectory": files, "Nodes": QUICK}
        return serve(**{**common, **options})

    return node


def changes(server):
    return server.get("/changes?limit=10000").json["Changes"]


def stable(server):
    found = [(it["ChangeType"], it["ID"]) for it in changes(server) if it["ChangeType"] in STABLE]
    return Counter(found)


def upload(server, files):
    ids = []
    for file in files:
        answer = server.post("/instances", file)
        assert answer.status == 200
        ids.append(answer.json["ID"])
    return ids


def remaining(folder):
    """The names of the files; folders vanish while they are looked through."""
    return {
        name
        for place, _, names in os.walk(folder)
        for name in names
        if place.endswith(f"{os.sep}{name[:2]}{os.sep}{name[2:4]}")
    }


def test_all_goes_on_where_a_node_is_killed(node, receiver, tmp_path):
    """Jobs, deletions, stability and events, in the midst of which one node is killed."""
    options = {
        "StableAge": 1,
        "DelayedDeletion": {"Enable": True, "ThrottleDelayMs": 15},
        "Webhooks": {"told": {"Url": receiver.url + "events", "Events": []}},
        "OrthancPeers": {"peer": [receiver.url]},
    }
    one = node(**options)
    two = node(**options)
    goes = upload(one, make_study(series=2, instances=40, seed=1, patient_id="GOES"))
    stays = upload(one, make_study(series=1, instances=3, seed=2, patient_id="STAYS"))
    stays += upload(two, make_study(series=1, instances=3, seed=3, patient_id="TOO"))
    sent = {"Resources": stays[:2], "Asynchronous": True, "Synchronous": False}
    job = one.post("/peers/peer/store", json.dumps(sent)).json["ID"]
    until(lambda: receiver.begun)
    assert two.get(f"/jobs/{job}").json["State"] == "Running"
    patient = one.get(f"/instances/{goes[0]}/patient").json["ID"]
    files = tmp_path / "files"
    assert len(remaining(files)) == len(goes) + len(stays)
    assert one.delete(f"/patients/{patient}").status == 200
    until(lambda: len(remaining(files)) < len(goes))

    one.kill()

    until(lambda: receiver.begun > 1)
    receiver.gate.set()
    until(lambda: two.get(f"/jobs/{job}").json["State"] == "Success")
    until(lambda: len(remaining(files)) == len(stays))
    assert two.get("/statistics").json["CountInstances"] == len(stays)
    for id_ in stays:
        assert two.get(f"/instances/{id_}/file").status == 200
    until(lambda: sum(stable(two).values()) >= 6)
    told = two.get("/changes?last").json["Last"]
    until(lambda: receiver.events and receiver.events[-1]["Seq"] >= told)
    assert set(stable(two).values()) == {1}
    numbers = [event["Seq"] for event in receiver.events]
    again = [number for number, count in Counter(numbers).items() if count > 1]
    # Only what was on its way to the target when the node was killed may come twice.
    assert len(again) <= 50
    assert sorted(set(numbers)) == [*range(1, max(numbers) + 1)]
    assert "node_given_up" in two.log


def test_two_nodes_share_all_work_and_nothing_is_done_twice(node, receiver, tmp_path):
    options = {
        "StableAge": 1,
        "ConcurrentJobs": 1,
        "Webhooks": {"told": {"Url": receiver.url + "events", "Events": []}},
        "OrthancPeers": {"peer": [receiver.url]},
        "DicomModalitiesInDatabase": True,
        "OrthancPeersInDatabase": False,
    }
    nodes = [node(**options) for _ in range(2)]
    one, two = nodes
    studies = [make_study(series=1, instances=20, seed=s, patient_id=f"P{s}") for s in range(2)]
    mixed = [file for pair in zip(*studies, strict=True) for file in pair]
    threads = [
        threading.Thread(target=upload, args=(server, mixed[start::2] + mixed[:4]))
        for start, server in enumerate(nodes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [server.get("/statistics").json["CountInstances"] for server in nodes] == [40, 40]
    until(lambda: sum(stable(one).values()) >= 6)
    assert stable(one) == stable(two)
    assert set(stable(one).values()) == {1}

    instances = one.get("/instances").json
    sent = {"Resources": instances[:1], "Synchronous": False}
    jobs = [one.post("/peers/peer/store", json.dumps(sent)).json["ID"] for _ in range(2)]
    until(lambda: receiver.begun == 2)  # each node runs one at a time
    for server in nodes:
        assert set(server.get("/jobs").json) == set(jobs)
    assert two.post(f"/jobs/{jobs[0]}/cancel", b"").status == 200
    assert one.get(f"/jobs/{jobs[0]}").json["State"] in {"Running", "Failure"}
    receiver.gate.set()
    for id_ in jobs:
        until(lambda id_=id_: one.get(f"/jobs/{id_}").json["State"] in {"Success", "Failure"})
    assert two.get(f"/jobs/{jobs[1]}").json["State"] == "Success"

    for patient in one.get("/patients").json:
        assert two.delete(f"/patients/{patient}").status == 200
    until(lambda: not remaining(tmp_path / "files"))
    until(lambda: one.get("/plugins/delayed-deletion/status").json["FilesPendingDeletion"] == 0)
    removed = sum(
        event["count"]
        for server in nodes
        for event in server.events()
        if event["event"] == "attachments_removed"
    )
    assert removed == 40

    numbers = [change["Seq"] for change in changes(one)]
    assert numbers == sorted(set(numbers))
    told = one.get("/changes?last").json["Last"]
    until(lambda: receiver.events and receiver.events[-1]["Seq"] >= told)
    heard = [event["Seq"] for event in receiver.events]
    assert heard == sorted(set(heard))


@pytest.mark.skipif(
    not hasattr(socket, "send_fds"), reason="sockets cannot be handed to other processes here"
)
def test_nodes_have_front_ends_of_their_own(node, tmp_path):
    port = free_port()
    one = node(FrontEndProcesses=1)
    two = node(FrontEndProcesses=2, DicomServerEnabled=True, DicomPort=port)
    upload(one, make_study(instances=3, seed=1))
    entity = AE("SENDER")
    entity.add_requested_context(MR)
    association = entity.associate("127.0.0.1", port)
    for content in make_study(instances=3, seed=2):
        assert association.send_c_store(dcmread(DicomBytesIO(content))).Status == 0x0000
    association.release()

    two.kill()

    instances = one.get("/instances").json
    assert len(instances) == 12
    for instance in instances:
        assert one.get(f"/instances/{instance}/file").status == 200
    assert one.post("/tools/bulk-delete", json.dumps({"Resources": instances})).status == 200
    until(lambda: not remaining(tmp_path / "files"))
    assert one.stop() == 0


def test_nodes_with_a_database_and_a_bucket_serve_clients_that_go_from_one_to_the_other(
    serve, section, s3_emulator, bucket_name
):
    """What docs/deploy/ describes, as processes: each node has a disk of its own, and no files."""
    s3_emulator.make_bucket(bucket_name)
    store = s3_emulator.section(bucket_name)
    bucket = s3_emulator.written(bucket_name)
    options = {"PostgreSQL": section, "AwsS3Storage": bucket, "Nodes": QUICK, "StableAge": 1}
    options["DicomModalitiesInDatabase"] = True
    nodes = [serve(**options) for _ in range(2)]
    one, two = nodes
    files = make_study(series=2, instances=30, seed=7, patient_id="BUCKET")
    answered = {}

    def send(start):
        for number, file in enumerate(files[start::2]):
            while True:
                try:
                    answer = nodes[(start + number) % 2].post("/instances", file)
                except OSError:
                    answer = two.post("/instances", file)  # as a balancer does
                if answer.status == 200:
                    answered[answer.json["ID"]] = file
                    break
                assert answer.status == 503

    threads = [threading.Thread(target=send, args=(start,)) for start in range(2)]
    for thread in threads:
        thread.start()
    until(lambda: len(answered) > 20)
    one.kill()
    for thread in threads:
        thread.join()

    assert set(two.get("/instances").json) == set(answered)
    assert len(answered) == len(files)
    one.start()
    for number, (id_, file) in enumerate(answered.items()):
        assert nodes[number % 2].get(f"/instances/{id_}/file").content == file
    asked = json.dumps({"AET": "THERE", "Host": "127.0.0.1", "Port": 4242})
    assert one.ask("PUT", "/modalities/there", asked).status == 200
    until(lambda: "there" in two.get("/modalities").json)
    until(lambda: sum(stable(two).values()) == 4)
    (patient,) = two.get("/patients").json
    assert one.delete(f"/patients/{patient}").status == 200
    assert two.get(f"/patients/{patient}").status == 404
    until(lambda: two.get("/plugins/delayed-deletion/status").json["FilesPendingDeletion"] == 0)
    listed = obstore.store.S3Store(
        bucket_name,
        endpoint=s3_emulator.url,
        region=store.region,
        access_key_id=store.access_key,
        secret_access_key=store.secret_key,
        client_options={"allow_http": True},
    )
    # What was on its way when the node was killed was not answered, and takes room until a check:
    # each client had one file at most on its way.
    left = [it["path"] for some in obstore.list(listed) for it in some]
    assert len(left) <= len(threads)
