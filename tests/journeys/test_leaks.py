import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_neither_descriptors_nor_threads_are_left_over(serve):
    server = serve(SpoolThresholdMB=1)

    def answered(number):
        content = make_dicom(patient_id=f"P{number % 10}")
        path = f"/instances/{server.post('/instances', content).json['ID']}"
        assert server.get(f"{path}/file").content == content
        assert server.get(f"{path}/simplified-tags").status == 200
        assert server.get("/instances/nothing").status == 404
        assert server.post("/instances", b"nothing").status == 400

    def aborted(number):
        begin = f"POST /instances HTTP/1.1\r\nHost: a\r\nContent-Length: {3 << 20}\r\n\r\n".encode()
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(begin + bytes(10_000 if number % 2 else 2 << 20))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(answered, range(20)))
        until(lambda: server.get("/system").status == 200)
        descriptors, threads = server.descriptors(), server.threads()

        list(pool.map(answered, range(100)))
        list(pool.map(aborted, range(200)))

    until(lambda: server.staged() == set())
    # A connection or two may be closing still.
    assert until(lambda: server.descriptors() <= descriptors + 2)
    assert server.threads() <= threads
    assert server.get("/statistics").json["CountInstances"] == 120
    assert server.stop() == 0
