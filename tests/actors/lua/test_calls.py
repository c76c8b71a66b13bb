import base64
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from repertory.actors.lua.calls import NO_ANSWER, Caller, Programs


class Echo(BaseHTTPRequestHandler):
    """Answers what it was asked."""

    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        status = int(self.path.strip("/") or 200)
        said = self.headers.get("Authorization", "") + self.headers.get("X-Word", "")
        content = f"{self.command} {said} ".encode() + body
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - as the standard library has it

    def log_message(self, *_):
        """Stay silent."""


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_request_goes_out_with_its_headers(server, method):
    body = b"\x00\xff" if method in {"POST", "PUT"} else b""

    answer = Caller().send(method, f"{server}/", body, {"X-Word": "w"})

    assert answer == (200, f"{method} w ".encode() + body)


def test_a_request_says_who_it_is(server):
    _, said = Caller().with_credentials("alice", "secret").send("GET", f"{server}/", b"", {})

    assert base64.b64encode(b"alice:secret") in said


def test_an_error_is_its_status(server):
    assert Caller().send("GET", f"{server}/404", b"", {}) == (404, b"")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "file:///etc/passwd", "nonsense", "http://[::1", ""]
)
def test_where_nobody_answers_there_is_no_answer(url):
    assert Caller().with_timeout(2).send("GET", url, b"", {}) == NO_ANSWER


def test_an_answer_that_is_too_long_is_none(server):
    assert Caller(longest=3).send("POST", f"{server}/", b"12345", {}) == NO_ANSWER


def test_a_header_that_is_none_of_http_is_not_sent(server):
    assert Caller().send("GET", f"{server}/", b"", {"A": "b\r\nC: d"}) == NO_ANSWER


def test_a_program_tells_how_it_ended():
    programs = Programs()

    assert programs.run([sys.executable, "-c", "raise SystemExit(3)"]) == (3,)
    assert programs.run("exit 4") == (4,)
    assert programs.run(["/no/such/program"]) == (-1,)


def test_programs_end_with_their_archive():
    programs = Programs()
    codes = []
    threads = [
        threading.Thread(target=lambda words=words: codes.append(programs.run(words)))
        for words in ("sleep 60; true", ["sleep", "60"])
    ]
    for thread in threads:
        thread.start()
    while len(programs._running) < 2:
        threads[0].join(0.01)

    programs.end()
    for thread in threads:
        thread.join()

    assert len(codes) == 2
    assert programs.run("true") == (-1,)
