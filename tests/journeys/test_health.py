"""Readiness of a server in a process of its own, whose object store goes and comes."""

import pytest

from repertory.testing.fault_proxy import Fault, FaultProxy
from repertory.testing.server import until


@pytest.fixture
def proxy(s3_emulator):
    with FaultProxy(s3_emulator.port) as proxy:
        yield proxy


def failed(answer):
    return [check["Storage"] for check in answer.json["Checks"] if check["Status"] != "OK"]


@pytest.mark.parametrize("processes", [0, 2])
def test_a_server_is_unready_as_long_as_its_object_store_is_down(
    serve, s3_emulator, bucket_name, proxy, processes
):
    s3_emulator.make_bucket(bucket_name)
    server = serve(
        FrontEndProcesses=processes,
        AwsS3Storage=s3_emulator.written(bucket_name, endpoint=proxy.url),
    )
    good = server.get("/health/ready")

    proxy.choose = lambda _method, _path: Fault(status=503)
    bad = until(lambda: (it := server.get("/health/ready")).status == 503 and it)
    alive = server.get("/health/live")
    proxy.choose = lambda _method, _path: None
    again = until(lambda: (it := server.get("/health/ready")).status == 200 and it)

    assert (good.status, alive.status, again.status) == (200, 200, 200)
    assert failed(good) == failed(again) == []
    assert failed(bad) == ["object-storage"]
    assert s3_emulator.section(bucket_name).secret_key not in bad.text
