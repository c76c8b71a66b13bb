import argparse
import hashlib
import json
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from repertory.importing import add_arguments, run


class SmallArchive(ThreadingHTTPServer):
    """Answers uploads like Orthanc; ``script`` holds answers to give before that."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies = {}
        self.uploads = 0
        self.connections = 0
        self.script = deque()
        self.password = None
        self.lock = threading.Lock()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        """Clients that go away are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        if not self._is_allowed():
            return
        if self.path == "/system":
            self._answer(200, {"Name": "SMALL", "Version": "1.13.0"})
        else:
            known = self.path.rpartition("/")[2] in self.server.bodies
            self._answer(200 if known else 404, {})

    def do_POST(self):
        if not self._is_allowed():
            return
        size = int(self.headers["Content-Length"])
        body = self.rfile.read(size)
        if len(body) < size:
            # Half a file is none.
            self.close_connection = True
            return
        with self.server.lock:
            self.server.uploads += 1
            step = self.server.script.popleft() if self.server.script else None
        if step == "hang up":
            self.close_connection = True
            return
        if step is not None:
            self._answer(*step)
            return
        self._store(body)

    def _store(self, body):
        if b"no tags" in body:
            error = {"Message": "Bad file format", "Details": "Cannot parse", "OrthancStatus": 15}
            self._answer(400, error)
            return
        digest = hashlib.sha1(body).hexdigest()
        instance = "-".join(digest[at : at + 8] for at in range(0, 40, 8))
        with self.server.lock:
            known = instance in self.server.bodies
            self.server.bodies[instance] = body
        self._answer(200, {"ID": instance, "Status": "AlreadyStored" if known else "Success"})

    def _is_allowed(self):
        wanted = self.server.password
        if wanted and self.headers.get("Authorization") != wanted:
            self._answer(401, {})
            return False
        return True

    def _answer(self, status, content, headers=None):
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *args):
        """Tests are quiet."""


@pytest.fixture
def archive():
    with SmallArchive() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "repertory" / "imports"


@pytest.fixture
def run_import():
    def call(*words):
        parser = argparse.ArgumentParser()
        add_arguments(parser)
        return run(parser.parse_args([str(word) for word in words]))

    return call


def _dicom(words, size=1_000):
    return (bytes(128) + b"DICM" + words.encode()).ljust(size, b"\0")


@pytest.fixture
def dicom():
    """``dicom(words, size)``: bytes that begin as PS3.10 wants it."""
    return _dicom


@pytest.fixture
def folder(tmp_path):
    """Three files worth sending in two folders."""
    top = tmp_path / "exam"
    (top / "series").mkdir(parents=True)
    (top / "a.dcm").write_bytes(_dicom("a"))
    (top / "series" / "b.dcm").write_bytes(_dicom("b"))
    (top / "series" / "c").write_bytes(_dicom("c"))
    return top
