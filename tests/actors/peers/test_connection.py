"""Requests to peers, against servers that behave as the tests want it."""

import base64
import io
import socket
import ssl
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from repertory.actors.peers.connection import ANSWER_LIMIT, HttpOptions, PeerCaller
from repertory.actors.peers.sending import post, read_json
from repertory.errors import CannotStart, NetworkFailed
from repertory.peers import Peer

CERTIFICATES = Path(__file__).parents[2] / "http" / "certificates"
SERVER, CLIENT = str(CERTIFICATES / "server.pem"), str(CERTIFICATES / "client.pem")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.take(b"")

    def do_POST(self):
        if not self.server.reads:
            self.take(b"")
            return
        self.take(self.rfile.read(int(self.headers["Content-Length"])))

    def do_CONNECT(self):
        self.server.got.append(("CONNECT", self.path, dict(self.headers), b"", None))
        host, _, port = self.path.partition(":")
        with closing(socket.create_connection((host, int(port)))) as far:
            self.send_response(200)
            self.end_headers()
            self.close_connection = True
            back = threading.Thread(target=pump, args=(far, self.connection))
            back.start()
            pump(self.connection, far)
            back.join()

    def take(self, body):
        self.server.got.append(
            (self.command, self.path, dict(self.headers), body, self.client_address)
        )
        status, content, headers = self.server.answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        if self.server.hangs_up:
            self.close_connection = True

    def log_message(self, *_):
        pass


def pump(source, target):
    try:
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def listen():
    """Start a server, plain or with TLS; it is gone when the test is over."""
    servers = []

    def start(context=None):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.got, server.answer, server.reads, server.hangs_up = [], (200, b"{}", {}), True, False
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "http" if context is None else "https"
        server.url = f"{scheme}://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


def secured(*, clients=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SERVER)
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CLIENT)
    return context


def ask(peer, options=None, method="GET", path="system"):
    with PeerCaller(options or HttpOptions(timeout=20)).connect(peer) as connection:
        return connection.ask(method, path)


def test_a_peer_is_told_who_we_are(listen):
    server = listen()
    peer = Peer(
        url=server.url + "below/", username="alice", password="s:ö", headers={"Token": "abc"}
    )

    assert read_json(ask(peer)) == {}
    ((method, path, headers, *_),) = server.got
    assert (method, path, headers["Token"]) == ("GET", "/below/system", "abc")
    assert base64.b64decode(headers["Authorization"].split()[1]).decode() == "alice:s:ö"


def test_one_connection_serves_for_many_files_until_the_peer_closes_it(listen):
    server = listen()
    with PeerCaller(HttpOptions(timeout=20)).connect(Peer(url=server.url)) as connection:
        for number in range(3):
            assert post(connection, io.BytesIO(b"x" * number)).status == 200
        assert len({it[4] for it in server.got}) == 1

        server.hangs_up = True
        for number in range(3):
            assert post(connection, io.BytesIO(b"y" * number), compressed=True).status == 200

    assert [it[3] for it in server.got] == [b"", b"x", b"xx", b"", b"y", b"yy"]
    assert server.got[-1][2]["Content-Encoding"] == "gzip"


def test_an_answer_that_comes_before_the_body_was_sent_is_heard(listen):
    server = listen()
    server.reads, server.answer, server.hangs_up = False, (401, b"", {}), True
    with PeerCaller(HttpOptions(timeout=20)).connect(Peer(url=server.url)) as connection:
        answer = post(connection, io.BytesIO(bytes(64 << 20)))

    assert answer.status == 401


@pytest.mark.parametrize("status", [302, 401, 500])
def test_what_is_no_success_is_an_error_and_redirects_are_not_followed(listen, status):
    server, other = listen(), listen()
    server.answer = (status, b"the peer's own words", {"Location": other.url})

    with pytest.raises(NetworkFailed, match=f"^The peer answers by status {status}.$"):
        read_json(ask(Peer(url=server.url)))
    assert other.got == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((200, b"<html>", {}), "not a JSON object"),
        ((200, b"[]", {}), "not a JSON object"),
        ((200, b"[" * 100_000, {}), "not a JSON object"),
        ((200, bytes(ANSWER_LIMIT + 1), {}), "too long"),
        ((200, b"{}", {"Content-Length": "5"}), "before its answer was complete"),
    ],
)
def test_an_answer_that_is_none_is_an_error(listen, answer, reason):
    server = listen()
    server.answer, server.hangs_up = answer, True

    with pytest.raises(NetworkFailed, match=reason):
        read_json(ask(Peer(url=server.url)))


def test_a_peer_that_speaks_something_else_is_an_error():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def greet():
            connection, _ = listener.accept()
            with closing(connection):
                connection.recv(65536)
                connection.sendall(b"220 mail\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        peer = Peer(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        with pytest.raises(NetworkFailed, match="not HTTP"):
            ask(peer)
        thread.join()


def test_a_peer_that_is_not_there_or_silent_is_an_error():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        peer = Peer(url=f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout=1)
        with pytest.raises(NetworkFailed, match="silent for 1 seconds"):
            ask(peer)
    with pytest.raises(NetworkFailed, match="cannot be reached"):
        ask(peer)
    with pytest.raises(NetworkFailed, match="cannot be resolved"):
        ask(Peer(url="http://nobody.invalid/"))


def test_who_waits_is_told_when_the_archive_stops():
    caller = PeerCaller(HttpOptions(timeout=0))
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        peer = Peer(url=f"http://127.0.0.1:{listener.getsockname()[1]}/")
        reasons = []

        def wait():
            try:
                with caller.connect(peer) as connection:
                    connection.ask("GET", "system")
            except NetworkFailed as error:
                reasons.append(str(error))

        thread = threading.Thread(target=wait)
        thread.start()
        with closing(listener.accept()[0]) as far:
            far.recv(65536)  # the request is out
            caller.close()
            thread.join()

    assert reasons == ["The archive is stopping."]
    with pytest.raises(NetworkFailed, match="stopping"), caller.connect(peer):
        pytest.fail("nobody is called any more")


def test_certificates_are_verified_unless_they_need_not_be(listen):
    server = listen(secured())
    peer = Peer(url=server.url)

    with pytest.raises(NetworkFailed, match="not to be trusted"):
        ask(peer)
    assert ask(peer, HttpOptions(timeout=20, verify=False)).status == 200
    assert ask(peer, HttpOptions(timeout=20, ca_certificates=SERVER)).status == 200


def test_a_certificate_of_ours_is_shown(listen):
    server = listen(secured(clients=True))
    options = HttpOptions(timeout=20, ca_certificates=SERVER)

    assert ask(Peer(url=server.url, certificate_file=CLIENT), options).status == 200
    with pytest.raises(NetworkFailed):
        ask(Peer(url=server.url), options)
    with pytest.raises(NetworkFailed, match=r"^The certificate for the peer cannot be used.$"):
        ask(Peer(url=server.url, certificate_file="/nowhere.pem"), options)


@pytest.mark.parametrize("is_secure", [False, True])
def test_a_proxy_is_gone_through(listen, is_secure):
    server = listen(secured() if is_secure else None)
    proxy = listen()
    options = HttpOptions(
        timeout=20, proxy=f"joe:pw@127.0.0.1:{proxy.server_port}", ca_certificates=SERVER
    )
    peer = Peer(url=server.url, username="alice", password="secret")

    assert ask(peer, options).status == 200
    method, path, headers, *_ = proxy.got[0]
    joe = "Basic " + base64.b64encode(b"joe:pw").decode()
    assert headers["Proxy-Authorization"] == joe
    if is_secure:
        assert (method, path) == ("CONNECT", f"127.0.0.1:{server.server_port}")
        assert "Authorization" not in headers
        assert "Proxy-Authorization" not in server.got[0][2]
    else:
        assert (method, path) == ("GET", f"{server.url}system")


def test_a_file_of_authorities_that_is_none_hinders_the_start(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("nothing")

    with pytest.raises(CannotStart, match=r"^HttpsCACertificates cannot be read.$"):
        PeerCaller(HttpOptions(ca_certificates=str(file)))
