"""What is sent to S3 is signed with its SHA-256, or its head alone is."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from repertory.storage.areas.buckets import s3_bucket

obstore = pytest.importorskip("obstore")
store = pytest.importorskip("obstore.store")


@pytest.fixture
def server():
    """A server that takes everything, and notes the sums that requests say of their bodies."""
    sums = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            sums.append(self.headers["x-amz-content-sha256"])
            self.send_response(200)
            self.send_header("ETag", '"0"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.sums = sums
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


@pytest.mark.parametrize("sign", [None, True, False])
def test_without_tls_it_is_signed_unless_that_is_not_wanted(server, sign):
    bucket = s3_bucket(
        "bucket",
        region="here",
        access_key="a",
        secret_key="b",
        endpoint=f"http://127.0.0.1:{server.server_port}",
        virtual_addressing=False,
        sign_payload=sign,
    )

    obstore.put(bucket.make(True), "name", b"content", use_multipart=False)

    expected = "UNSIGNED-PAYLOAD" if sign is False else hashlib.sha256(b"content").hexdigest()
    assert server.sums == [expected]


@pytest.mark.parametrize(
    ("endpoint", "sign", "is_unsigned"),
    [
        ("", None, True),
        ("https://minio:9000", None, True),
        ("https://minio:9000", True, False),
        ("http://minio:9000", None, False),
    ],
)
def test_with_tls_it_is_not_unless_that_is_wanted(monkeypatch, endpoint, sign, is_unsigned):
    made = []
    monkeypatch.setattr(store, "S3Store", lambda *_, config, **__: made.append(config))

    s3_bucket("bucket", region="here", endpoint=endpoint, sign_payload=sign).make(True)

    assert made[0]["unsigned_payload"] is is_unsigned
