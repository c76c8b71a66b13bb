import hashlib
import hmac
import json
import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until

SECRET = "open sesame"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.check(self.headers, body)
        self.server.got.append(json.loads(body))
        status = self.server.answer(self.server.got[-1])
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Receiver(ThreadingHTTPServer):
    """Notes the events that it is told of, and checks their signatures."""

    daemon_threads = True
    request_queue_size = 50

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.got = []
        self.answer = lambda _event: 200
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def check(self, headers, body):
        stamp, _, code = headers["Repertory-Signature"].removeprefix("t=").partition(",v1=")
        signed = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256)
        assert hmac.compare_digest(signed.hexdigest(), code)

    def handle_error(self, request, client_address):
        """A server that is killed cuts connections: that is what is tested."""

    def numbers(self):
        return [event["Seq"] for event in self.got]


@contextmanager
def receiving(port=0):
    with Receiver(port) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@pytest.fixture
def receiver():
    with receiving() as receiver:
        yield receiver


def webhook(receiver, **options):
    return {"Url": receiver.url, "Secret": SECRET, "RetryDelay": 0.05, **options}


def of_log(server):
    """What the log of changes says, with the deletions."""
    page = server.get("/changes?deletions&limit=100000").json
    assert page["Done"]
    return [(one["Seq"], one["ChangeType"], one["ID"]) for one in page["Changes"]]


def delivered(receiver):
    """What was delivered, doubles dropped by their numbers."""
    events = {one["Seq"]: one for one in receiver.got}
    return [(n, events[n]["ChangeType"], events[n]["ID"]) for n in sorted(events)]


def test_each_event_arrives_in_order_over_kill_9_in_the_middle_of_uploads_and_deliveries(
    serve, receiver
):
    chance = random.Random(os.environ.get("REPERTORY_TEST_SEED"))
    server = serve(Webhooks={"pacs": webhook(receiver)})
    studies = []

    def upload(number):
        for _ in range(6):
            try:
                answer = server.post("/instances", make_dicom(patient_id=f"P{number}"))
            except OSError:
                return
            studies.append(answer.json["ParentStudy"])

    for run in range(3):
        before = len(receiver.got)
        with ThreadPoolExecutor(4) as pool:
            for number in range(4):
                pool.submit(upload, f"{run}.{number}")
            until(lambda before=before: len(receiver.got) > before + 5)
            threading.Event().wait(chance.uniform(0, 0.1))
            server.kill()
        server.start()
        doomed = studies.pop()
        server.delete(f"/studies/{doomed}")  # its events come all the same, or came

    last = server.get("/changes?deletions&last").json["Last"]
    until(lambda: server.get("/webhooks/pacs").json["Position"] >= last)
    assert {n for n, *_ in of_log(server)} <= set(receiver.numbers())
    assert sorted(set(receiver.numbers())) == [*range(1, last + 1)]
    # A crash sends back, and never ahead: whatever is new comes in order.
    newest = 0
    for number in receiver.numbers():
        assert number <= newest + 1
        newest = max(newest, number)
    # For each crash at most a batch that was under way, and one whose place was not recorded.
    assert len(receiver.got) - last <= 3 * 100
    assert {one["Archive"] for one in receiver.got} == {
        server.get("/system").json["DatabaseServerIdentifier"]
    }


def test_what_is_cleared_and_deleted_while_a_target_is_down_reaches_it_later(serve):
    with receiving() as receiver:
        port = receiver.server_port
        options = webhook(receiver)
        server = serve(Webhooks={"pacs": options})
    study = server.post("/instances", make_dicom(patient_id="DOE^JOHN")).json["ParentStudy"]
    server.delete(f"/studies/{study}")
    until(lambda: server.get("/webhooks/pacs").json["State"] == "Retrying")
    server.delete("/changes")
    server.kill()
    server.start()
    now = server.get("/webhooks/pacs").json
    assert (now["Position"], now["Lag"]) == (0, 8)

    with receiving(port) as receiver:
        until(lambda: server.get("/webhooks/pacs").json["Lag"] == 0)
    assert receiver.numbers() == [*range(1, 9)]
    assert receiver.got[4]["Parents"]["Study"] == study
    assert SECRET not in server.log
    assert "DOE" not in server.log
    assert "DOE" not in json.dumps(receiver.got)


def test_a_target_that_refuses_gets_its_dead_letters_when_it_is_mended(serve, receiver):
    server = serve(Webhooks={"pacs": webhook(receiver, Attempts=2, Events=["NewStudy", "Deleted"])})
    receiver.answer = lambda event: 500 if event["ChangeType"] == "NewStudy" else 200
    study = server.post("/instances", make_dicom()).json["ParentStudy"]
    until(lambda: server.get("/webhooks/pacs").json["DeadLetters"] == 1)
    server.kill()
    server.start()
    (letter,) = server.get("/webhooks/pacs/dead-letters").json
    assert letter["Event"]["ID"] == study
    assert letter["Reason"] == "It answered 500."
    receiver.answer = lambda _: 200
    assert server.post("/webhooks/pacs/dead-letters/replay", b"").json == {"Replayed": 1}

    until(lambda: server.get("/webhooks/pacs").json["DeadLetters"] == 0)
    assert receiver.got[-1]["ID"] == study


def test_targets_that_hang_and_fail_do_not_slow_uploads_or_the_one_that_works(serve, receiver):
    release = threading.Event()
    with receiving() as slow:
        slow.answer = lambda _: release.wait(20) and 200
        server = serve(
            Webhooks={
                "works": webhook(receiver),
                "hangs": webhook(slow, Timeout=20),
                "gone": {"Url": "http://127.0.0.1:9/", "RetryDelay": 0.01},
                "unknown": {"Url": "http://nowhere.invalid/", "RetryDelay": 0.01},
            }
        )
        for content in make_study(instances=20):
            assert server.post("/instances", content).status == 200
        until(lambda: server.get("/webhooks/works").json["Lag"] == 0)
        states = {one["Name"]: one for one in server.get("/webhooks").json}
        assert states["hangs"]["State"] == "Delivering"
        assert states["gone"]["Failures"] > 0
        assert all(states[name]["Position"] == 0 for name in ("hangs", "gone", "unknown"))
        # A target that hangs does not keep the archive from stopping, either.
        assert server.stop() == 0
        release.set()
    assert receiver.numbers() == [*range(1, states["works"]["Last"] + 1)]


def test_mistakes_in_webhooks_are_told_all_at_once_and_without_the_secrets(serve):
    with pytest.raises(RuntimeError) as refused:
        serve(
            Webhooks={
                "one": {"Url": "ftp://KEY", "Events": ["StudyStable"], "Headers": {"A:": "KEY"}},
                "two": {"Events": "NewStudy", "Timeout": -1},
            }
        )
    told = str(refused.value)
    for option in ("one.Url", "one.Events", "one.Headers", "two.Events", "two.Timeout", "two.Url"):
        assert f"Webhooks.{option}" in told
    assert "did you mean StableStudy?" in told
    assert "KEY" not in told
