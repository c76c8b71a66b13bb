import hashlib
import os
import sys
import time
from contextlib import closing

import pytest

from repertory.testing.files import make_dicom, write_large_dicom
from repertory.testing.server import ServerProcess, until

MEGABYTE = 1 << 20
SIZE = int(os.environ.get("REPERTORY_TEST_LARGE_MB", "150")) * MEGABYTE
PIECE = 1 << 18

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads memory from /proc")


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.dcm"
    write_large_dicom(path, SIZE)
    yield path
    path.unlink()


def upload(server, path, *, chunked):
    with closing(server.connect(patience=120)) as connection, path.open("rb") as file:
        body = iter(lambda: file.read(PIECE), b"")
        headers = {} if chunked else {"Content-Length": str(path.stat().st_size)}
        connection.request("POST", "/instances", body, headers, encode_chunked=chunked)
        response = connection.getresponse()
        return response.status, response.read()


def download(server, path):
    digest = hashlib.sha256()
    with closing(server.connect(patience=120)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        while piece := response.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def test_a_large_file_comes_and_goes_in_little_memory(server, large):
    with large.open("rb") as file:
        expected = hashlib.file_digest(file, "sha256").hexdigest()

    began = time.monotonic()
    status, body = upload(server, large, chunked=False)
    assert status == 200, body
    time.monotonic() - began
    id_ = server.get("/instances").json[0]
    assert download(server, f"/instances/{id_}/file") == expected
    assert server.get(f"/instances/{id_}/tags").json["0028,0010"]["Name"] == "Rows"
    status, body = upload(server, large, chunked=True)
    assert b"AlreadyStored" in body

    peak = server.memory(peak=True) / MEGABYTE
    assert peak < 300
    assert until(lambda: len(server.files()) == 1)
    assert server.staged() == set()


def test_memory_comes_back_after_a_storm_of_bad_input(tmp_path):
    with ServerProcess(tmp_path / "server", MaximumRequestBodySizeMB=16) as server:

        def storm():
            for _ in range(15):
                assert server.post("/instances", bytes(3 * MEGABYTE)).status == 400
                assert server.post("/instances", b"PK\x03\x04" + bytes(MEGABYTE)).status == 400
                assert server.post("/instances", bytes(17 * MEGABYTE)).status == 413
                assert server.post("/instances", make_dicom(size=MEGABYTE)[:-100]).status == 400

        idle = server.memory() / MEGABYTE
        storm()
        storm()
        first = server.memory() / MEGABYTE
        storm()
        second = server.memory() / MEGABYTE

        assert idle < 90
        # With bad files comes what reads them, and the memory that bodies of this size take.
        assert first < idle + 100
        assert second < first + 15
