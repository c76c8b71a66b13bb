import contextlib
import hashlib
import hmac
import json
import runpy
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from repertory.actors.clock import SystemClock
from repertory.actors.targets.base import Rules, Verdict
from repertory.actors.targets.webhook import WebhookTarget, signature
from repertory.errors import CannotStart
from repertory.events import InstanceStored
from repertory.model import ChangeType, Level, ResourceId
from repertory.testing import ManualClock

SECRET = "open sesame"


def an_event(number=7, **more):
    return InstanceStored(
        number=number,
        type=ChangeType.NEW_INSTANCE,
        level=Level.INSTANCE,
        id=ResourceId("i"),
        date="20260101T000000",
        parents={Level.SERIES: "s", Level.STUDY: "t", Level.PATIENT: "p"},
        **more,
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, dict(self.headers), body, self.client_address))
        self.server.answer(self)

    def log_message(self, *_):
        pass


def reply(status, body=b"", **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def receiver():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.got = []
        server.answer = reply(200)
        server.url = f"http://127.0.0.1:{server.server_port}/hook/KEY?a=b"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def clock():
    clock = SystemClock()
    yield clock
    clock.close()


@pytest.fixture
def make(clock):
    """A target at an address, which is closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(url, **parts):
            target = WebhookTarget("pacs", url, **{"clock": clock, **parts})
            stack.callback(target.abort)
            return target

        yield make


@pytest.fixture
def target(receiver, make):
    headers = {"Authorization": "Bearer KEY"}
    target = make(receiver.url, secret=SECRET, headers=headers, timeout=20)
    target.open("archive")
    return target


def test_an_event_is_posted_with_a_signature_that_can_be_checked(receiver, target):
    outcome = target.deliver([an_event()])
    ((path, headers, body, _),) = receiver.got

    assert (outcome.delivered, outcome.verdict) == (1, Verdict.DELIVERED)
    assert path == "/hook/KEY?a=b"
    assert json.loads(body) == {
        "Archive": "archive",
        "Seq": 7,
        "ChangeType": "NewInstance",
        "ResourceType": "Instance",
        "ID": "i",
        "Path": "/instances/i",
        "Date": "20260101T000000",
        "Parents": {"Patient": "p", "Study": "t", "Series": "s"},
    }
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Authorization"] == "Bearer KEY"
    assert (headers["Repertory-Event"], headers["Repertory-Number"]) == ("NewInstance", "7")
    stamp, _, code = headers["Repertory-Signature"].removeprefix("t=").partition(",v1=")
    signed = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256)
    assert signed.hexdigest() == code


def test_without_a_secret_there_is_no_signature(receiver, make):
    make(receiver.url).deliver([an_event()])

    assert "Repertory-Signature" not in receiver.got[0][1]


def test_main_tags_go_with_the_event_only_where_they_are_wanted(clock):
    event = an_event(main_tags={"0010,0010": "DOE^JOHN", "0009,1001": "x"})
    plain = WebhookTarget("pacs", "http://localhost", clock=clock)
    told = WebhookTarget("pacs", "http://localhost", clock=clock, rules=Rules(main_tags=True))

    assert b"DOE" not in plain.body(event)
    tags = json.loads(told.body(event))["MainDicomTags"]
    assert tags == {"PatientName": "DOE^JOHN", "0009,1001": "x"}


def test_many_events_go_over_one_connection_in_order(receiver, target):
    assert target.deliver([an_event(number) for number in range(1, 21)]).delivered == 20

    assert [json.loads(body)["Seq"] for _, _, body, _ in receiver.got] == [*range(1, 21)]
    assert len({address for *_, address in receiver.got}) == 1


def test_a_connection_that_the_target_closed_while_it_was_idle_is_opened_anew(receiver, target):
    def answer_and_close(handler):
        reply(200)(handler)
        handler.close_connection = True

    receiver.answer = answer_and_close
    for number in range(3):
        assert target.deliver([an_event(number)]).delivered == 1

    assert len({address for *_, address in receiver.got}) == 3


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (500, Verdict.REFUSED),
        (302, Verdict.REFUSED),
        (408, Verdict.UNREACHABLE),
        (429, Verdict.UNREACHABLE),
        (503, Verdict.UNREACHABLE),
    ],
)
def test_an_error_is_told_by_its_status_and_ends_the_delivery(receiver, target, status, verdict):
    def answer(handler):
        reply(status if len(receiver.got) == 3 else 200, b"DOE^JOHN")(handler)

    receiver.answer = answer
    outcome = target.deliver([an_event(number) for number in range(1, 6)])

    assert (outcome.delivered, outcome.verdict) == (2, verdict)
    assert outcome.reason.startswith(f"It answered {status}")
    assert len(receiver.got) == 3
    assert target.deliver([an_event(3)]).delivered == 1


def test_a_target_says_when_to_come_again(receiver, target):
    receiver.answer = reply(503, Retry_After="120")
    assert target.deliver([an_event()]).wait == 120
    receiver.answer = reply(503, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT")

    assert target.deliver([an_event()]).wait == 0


def test_a_redirect_is_not_followed_so_that_nobody_else_gets_the_secrets(receiver, target):
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        receiver.answer = reply(307, Location=f"http://127.0.0.1:{other.server_port}/")
        outcome = target.deliver([an_event()])

    assert "redirects are not followed" in outcome.reason
    assert len(receiver.got) == 1


def test_an_endless_answer_is_not_read_to_its_end(receiver, target):
    receiver.answer = reply(200, b"x" * 1_000_000)

    assert target.deliver([an_event(1), an_event(2)]).delivered == 2


@pytest.fixture
def raw():
    """A server that does as it is told with each connection."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

        def serve(behave):
            def run():
                with contextlib.suppress(OSError):
                    while True:
                        connection, _ = listener.accept()
                        with connection:
                            connection.recv(65536)
                            behave(connection)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            return f"http://127.0.0.1:{listener.getsockname()[1]}/"

        yield serve


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"]
)
def test_a_target_that_closes_in_the_middle_of_its_answer_has_not_taken_the_event(
    raw, make, answer
):
    target = make(raw(lambda it: it.sendall(answer)))
    outcome = target.deliver([an_event()])

    assert (outcome.delivered, outcome.verdict) == (0, Verdict.UNREACHABLE)
    assert outcome.reason


def test_what_is_not_http_is_no_answer(raw, make):
    target = make(raw(lambda it: it.sendall(b"SSH-2.0-x\r\n")))

    assert target.deliver([an_event()]).reason == "What it answers is not HTTP."


@pytest.mark.parametrize("drips", [False, True])
def test_a_target_that_hangs_or_drips_is_given_up_in_time(raw, make, drips):
    clock = ManualClock()
    reached, release = threading.Event(), threading.Event()

    def hang(connection):
        if drips:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-")
        reached.set()
        release.wait(20)

    target = make(raw(hang), clock=clock, timeout=15)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(target.deliver([an_event()])))
    thread.start()
    assert reached.wait(20)
    clock.advance(15)
    thread.join(20)
    release.set()

    assert outcomes[0].verdict is Verdict.UNREACHABLE
    assert outcomes[0].reason == "It did not answer in 15 seconds."


def test_a_delivery_that_is_aborted_ends_at_once_and_none_follows(raw, make):
    reached, release = threading.Event(), threading.Event()
    connections = []

    def hang(connection):
        connections.append(connection)
        reached.set()
        release.wait(20)

    target = make(raw(hang), clock=ManualClock(), timeout=15)
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(target.deliver([an_event()])))
    thread.start()
    assert reached.wait(20)
    target.abort()
    thread.join(20)
    release.set()
    outcomes.append(target.deliver([an_event()]))

    assert [outcome.delivered for outcome in outcomes] == [0, 0]
    assert len(connections) == 1


def test_a_target_that_is_not_there_cannot_be_reached(make):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    target = make(f"http://127.0.0.1:{port}/KEY")
    outcome = target.deliver([an_event()])

    assert outcome.verdict is Verdict.UNREACHABLE
    assert outcome.reason == "It cannot be reached (ConnectionRefusedError)."
    assert target.address == f"http://127.0.0.1:{port}"


def test_a_name_that_cannot_be_resolved_is_told(make, monkeypatch):
    def fail(*_, **__):
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    outcome = make("http://nowhere.invalid/").deliver([an_event()])

    assert (outcome.verdict, outcome.reason) == (
        Verdict.UNREACHABLE,
        "Its name cannot be resolved.",
    )


@pytest.mark.parametrize("url", ["", "ftp://x/", "http://", "http://u:p@h/", "http://h/#f", "x"])
def test_an_address_that_cannot_be_posted_to_is_refused_at_the_start(clock, url):
    with pytest.raises(CannotStart, match="pacs"):
        WebhookTarget("pacs", url, clock=clock)


def test_authorities_that_cannot_be_read_are_refused_at_the_start(clock, tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(CannotStart) as refused:
        WebhookTarget("pacs", "https://h/", clock=clock, ca_certificates=str(file))
    assert str(tmp_path) not in str(refused.value)


def test_the_receiver_in_the_documents_tells_what_is_genuine(receiver, make):
    path = Path(__file__).parents[2] / "docs" / "examples" / "receive_webhooks.py"
    is_genuine = runpy.run_path(str(path))["is_genuine"]
    make(receiver.url, secret=SECRET).deliver([an_event()])
    ((_, headers, body, _),) = receiver.got
    header = headers["Repertory-Signature"]
    stamp = header.removeprefix("t=").partition(",")[0]

    assert is_genuine(header, body, SECRET.encode())
    assert not is_genuine(header, body + b" ", SECRET.encode())
    assert not is_genuine(header, body, b"another")
    assert not is_genuine(header.replace(stamp, f"{int(stamp) - 1}"), body, SECRET.encode())
    assert not is_genuine("", body, SECRET.encode())
    old = int(stamp) - 1000
    stale = f"t={old},v1={signature(SECRET.encode(), old, body)}"
    assert not is_genuine(stale, body, SECRET.encode())
