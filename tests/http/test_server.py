import asyncio
import socket
import ssl
import sys
import threading
import time

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DescribeResources
from repertory.actors.messages.system import DescribeTotals
from repertory.conf.settings import Settings
from repertory.errors import CannotStart
from repertory.http.loops import quickest_loop
from repertory.http.server import HttpServer, listen
from repertory.model import Level, Totals

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True, params=["uvloop", "asyncio"])
def loop(request, monkeypatch):
    """The event loop that is installed; asyncio's own always is."""
    if request.param == "uvloop":
        return pytest.importorskip("uvloop").Loop
    monkeypatch.setitem(sys.modules, "uvloop", None)
    return asyncio.BaseEventLoop


def test_it_runs_on_the_quickest_event_loop_that_is_installed(loop):
    quickest = quickest_loop()
    quickest.close()

    assert isinstance(quickest, loop)


@pytest.fixture
def slow(archive):
    """A question that is answered when the test says so."""

    class Slow:
        asked = threading.Event()
        go_on = threading.Event()

    def answer(_):
        Slow.asked.set()
        assert Slow.go_on.wait(10)
        return Totals(1, 2, 3, 4, 5, 6)

    archive.plays(DescribeTotals, answer)
    return Slow


def in_background(work, *arguments, **more):
    """Do it in a thread; gives a function that waits for what it gives."""
    outcome = []
    thread = threading.Thread(target=lambda: outcome.append(work(*arguments, **more)))
    thread.start()

    def join():
        thread.join(10)
        return outcome[0]

    return join


def refuses_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    except ConnectionError:
        return True
    return False


def test_an_idle_server_stops_at_once(serve):
    client = serve()
    kept = client.connection()
    kept.request("GET", "/tools/now")
    kept.getresponse().read()

    began = time.monotonic()
    client.server.stop()

    assert time.monotonic() - began < 0.5
    assert refuses_connections(client.server.port)
    kept.close()


def test_to_stop_twice_does_no_harm(serve):
    server = serve().server

    server.stop()
    server.stop()


def test_a_server_that_was_not_started_has_nothing_to_stop(archive):
    HttpServer(archive.board, Settings(http_port=0)).stop()


def test_a_server_starts_anew(serve):
    client = serve()

    client.server.stop()
    client.server.start()

    assert client.get("/tools/now").status == 200


def test_a_running_request_is_finished(serve, slow):
    client = serve()
    response = in_background(client.get, "/statistics")
    assert slow.asked.wait(10)

    stopped = in_background(client.server.stop, grace=10.0)
    while not refuses_connections(client.server.port):
        pass
    slow.go_on.set()

    assert response().status == 200
    assert response().headers["Connection"] == "close"
    stopped()


def test_no_request_is_taken_while_a_running_one_is_finished(serve, slow):
    client = serve()
    idle = client.connection()
    idle.request("GET", "/tools/now")
    idle.getresponse().read()
    response = in_background(client.get, "/statistics")
    assert slow.asked.wait(10)

    stopped = in_background(client.server.stop, grace=10.0)
    assert idle.sock.recv(1) == b""  # the server has let go of it
    assert refuses_connections(client.server.port)

    slow.go_on.set()
    assert response().status == 200
    stopped()
    idle.close()


def test_a_request_that_takes_too_long_is_cut_off(serve, slow):
    client = serve()
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(b"GET /statistics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert slow.asked.wait(10)

        began = time.monotonic()
        client.server.stop(grace=0.1)

        assert time.monotonic() - began < 2
        assert sock.recv(100) == b""
    slow.go_on.set()


def test_a_body_that_is_coming_in_is_taken_to_its_end(archive, serve, receipt):
    archive.plays(StoreInstance, receipt)
    client = serve(spool_threshold_mb=8)
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(
            b"POST /instances HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (4 * MEGABYTE)
        )
        assert sock.recv(25).startswith(b"HTTP/1.1 100")  # now it is being handled
        stopped = in_background(client.server.stop, grace=10.0)
        while not refuses_connections(client.server.port):
            pass
        sock.sendall(b"x" * 4 * MEGABYTE)

        assert sock.recv(15) == b"HTTP/1.1 200 OK"
    stopped()
    assert len(archive.heard(StoreInstance)[0].content) == 4 * MEGABYTE


def test_a_long_answer_is_sent_to_its_end(archive, serve, describe):
    archive.plays(DescribeResources, (describe(Level.STUDY),) * 20_000)
    client = serve()
    connection = client.connection()
    connection.request("GET", "/studies?expand")
    response = connection.getresponse()

    stopped = in_background(client.server.stop, grace=10.0)

    assert len(response.read()) == int(response.headers["Content-Length"]) > 4 * MEGABYTE
    stopped()
    connection.close()


def test_a_port_that_is_taken_is_told(archive, serve):
    taken = serve().server.port

    with pytest.raises(CannotStart, match=f"HttpPort {taken} .*in use"):
        HttpServer(archive.board, Settings(http_port=taken)).start()


def test_an_address_that_is_not_ours_is_told(archive):
    settings = Settings(http_port=0, http_bind_address="192.0.2.1")

    with pytest.raises(CannotStart, match=r"HttpBindAddress 192\.0\.2\.1"):
        HttpServer(archive.board, settings).start()


def test_only_this_computer_is_listened_to_unless_the_settings_say_more():
    with listen(Settings(http_port=0)) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_all_computers_are_listened_to_if_they_may_connect():
    settings = Settings(http_port=0, remote_access_allowed=True)
    with listen(settings) as sock:
        assert sock.getsockname()[0] in {"::", "0.0.0.0"}
        socket.create_connection(("127.0.0.1", sock.getsockname()[1]), timeout=10).close()


def test_an_address_to_listen_on_may_be_chosen():
    settings = Settings(http_port=0, remote_access_allowed=True, http_bind_address="127.0.0.1")
    with listen(settings) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_two_servers_serve_one_archive(serve):
    assert serve().get("/tools/now").status == 200
    assert serve().get("/tools/now").status == 200


def test_tls_is_spoken_by_the_ciphers_that_are_accepted(serve, certificates, trusting):
    context = trusting()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    client = serve(
        context=context,
        ssl_enabled=True,
        ssl_certificate=str(certificates / "server.pem"),
        ssl_ciphers_accepted=["ECDHE-ECDSA-AES256-GCM-SHA384"],
    )

    context.set_ciphers("ECDHE-ECDSA-AES256-GCM-SHA384")
    assert client.get("/tools/now").status == 200
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client.get("/tools/now")


def test_tls_may_have_to_be_new(serve, certificates, trusting):
    context = trusting()
    client = serve(
        context=context,
        ssl_enabled=True,
        ssl_certificate=str(certificates / "server.pem"),
        ssl_minimum_protocol_version=5,
    )

    assert client.get("/tools/now").status == 200
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client.get("/tools/now")


def test_tls_is_spoken(serve, certificates, trusting):
    client = serve(
        context=trusting(),
        ssl_enabled=True,
        ssl_certificate=str(certificates / "server.pem"),
    )

    assert client.get("/tools/now").status == 200


def test_clients_may_have_to_show_a_certificate(serve, certificates, trusting):
    client = serve(
        context=trusting(certificate="client.pem"),
        ssl_enabled=True,
        ssl_certificate=str(certificates / "server.pem"),
        ssl_verify_peers=True,
        ssl_trusted_client_certificates=str(certificates / "client.pem"),
    )
    assert client.get("/tools/now").status == 200

    client.context = trusting()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        client.get("/tools/now")


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_certificate_that_cannot_be_read_is_told(archive, tmp_path, content):
    file = tmp_path / "certificate.pem"
    if content is not None:
        file.write_bytes(content)
    settings = Settings(http_port=0, ssl_enabled=True, ssl_certificate=str(file))

    with pytest.raises(CannotStart, match="SslCertificate cannot be used") as told:
        HttpServer(archive.board, settings).start()

    assert str(tmp_path) not in str(told.value)


def test_certificates_to_trust_that_cannot_be_read_are_told(archive, certificates, tmp_path):
    settings = Settings(
        http_port=0,
        ssl_enabled=True,
        ssl_certificate=str(certificates / "server.pem"),
        ssl_verify_peers=True,
        ssl_trusted_client_certificates=str(tmp_path / "none.pem"),
    )

    with pytest.raises(CannotStart, match="SslTrustedClientCertificates"):
        HttpServer(archive.board, settings).start()
