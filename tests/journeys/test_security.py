import base64
import http.client
import shutil
import socket
import ssl
import subprocess
import warnings
from contextlib import closing

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(
    OPENSSL is None, reason="openssl, which makes certificates, is not there"
)


def make_certificate(folder, name):
    """A certificate that vouches for itself, with its key: one PEM file."""
    key, certificate, both = (folder / f"{name}.{kind}" for kind in ("key", "crt", "pem"))
    subject = f"/CN={name} -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj {subject} -keyout {key} -out"
    subprocess.run([OPENSSL, *words.split(), certificate], check=True, capture_output=True)
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return both, certificate


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    return {name: make_certificate(folder, name) for name in ("server", "client", "stranger")}


def trusting(certificate):
    return ssl.create_default_context(cafile=certificate)


@needs_openssl
def test_all_is_served_over_tls(serve, certificates):
    both, certificate = certificates["server"]
    server = serve(SslEnabled=True, SslCertificate=str(both), tls=trusting(certificate))
    content = make_dicom(size=6_000_000)

    assert server.get("/system").json["IsHttpServerSecure"] is True
    id_ = server.post("/instances", content).json["ID"]
    assert server.get(f"/instances/{id_}/file").content == content
    with closing(server.connect()) as connection:
        connection.connect()
        assert connection.sock.version() in ("TLSv1.2", "TLSv1.3")

    # Others are turned away, and that harms nobody.
    with pytest.raises((OSError, http.client.HTTPException)):
        ServerProcess.get(_plain(server), "/system")
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = trusting(certificate)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.minimum_version = old.maximum_version = version
        with (
            socket.create_connection(("localhost", server.port), timeout=5) as raw,
            pytest.raises(OSError, match=r"(?i)ssl|tls|reset|protocol"),
        ):
            old.wrap_socket(raw, server_hostname="localhost")
    assert server.get("/system").status == 200
    assert server.stop() == 0
    assert {event["level"] for event in server.events()} <= {"info"}


def answer_on(connection):
    connection.request("GET", "/system")
    return connection.getresponse()


def _plain(server):
    """The same server, asked without TLS."""
    other = ServerProcess(server.folder / "plain")
    other.port = server.port
    return other


@needs_openssl
def test_only_clients_with_a_trusted_certificate_come_in(serve, certificates):
    both, certificate = certificates["server"]
    welcome = trusting(certificate)
    welcome.load_cert_chain(certificates["client"][0])
    server = serve(
        SslEnabled=True,
        SslCertificate=str(both),
        SslVerifyPeers=True,
        SslTrustedClientCertificates=str(certificates["client"][1]),
        tls=welcome,
    )
    assert server.get("/system").status == 200

    stranger = trusting(certificate)
    stranger.load_cert_chain(certificates["stranger"][0])
    for context in (stranger, trusting(certificate)):
        with (
            closing(
                http.client.HTTPSConnection("localhost", server.port, timeout=5, context=context)
            ) as connection,
            pytest.raises((OSError, http.client.HTTPException)),
        ):
            answer_on(connection)
    assert server.get("/system").status == 200


@needs_openssl
@pytest.mark.parametrize("content", ["", "no certificate", None])
def test_a_certificate_that_cannot_be_used_is_named(tmp_path, content):
    pem = tmp_path / "certificate.pem"
    if content is not None:
        pem.write_text(content)
    server = ServerProcess(tmp_path / "server", SslEnabled=True, SslCertificate=str(pem))
    with server.launch():
        assert server.wait() == 1

    assert "SslCertificate" in server.log
    assert "Traceback" not in server.log


def basic(name, password):
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


def test_users_must_say_who_they_are(serve):
    users = {"alice": "wonder:land", "jürgen": "übung"}
    server = serve(AuthenticationEnabled=True, RegisteredUsers=users)
    content = make_dicom()

    for name, password in users.items():
        answer = server.ask("POST", "/instances", content, basic(name, password))
        assert answer.status == 200
    for headers in (
        {},
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("", ""),
        basic("nobody", "wonder:land"),
        {"Authorization": "Basic %%%"},
        {"Authorization": "Basic"},
        {"Authorization": "Bearer wonder:land"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    ):
        for method, path in (
            ("GET", "/system"),
            ("GET", "/"),
            ("GET", "/nothing"),
            ("POST", "/instances"),
            ("DELETE", "/patients/nobody"),
            ("OPTIONS", "/system"),
        ):
            answer = server.ask(method, path, content if method == "POST" else None, headers)
            assert (answer.status, answer.content) == (401, b""), (method, path, headers)
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert (
        server.ask("GET", "/statistics", None, basic("alice", "wonder:land")).json["CountInstances"]
        == 1
    )
    assert "wonder" not in server.log


def address_of_this_computer():
    """An address that is not the loopback's, or None; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
        return None if address.startswith("127.") else address


def asked_from_elsewhere(server, path="/system", headers=None):
    address = address_of_this_computer()
    if address is None:
        pytest.skip("this computer has no address but the loopback's")
    with closing(http.client.HTTPConnection(address, server.port, timeout=5)) as connection:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status


def test_other_computers_are_kept_out_unless_they_are_allowed(serve):
    server = serve()
    with pytest.raises(OSError, match="refused"):
        asked_from_elsewhere(server)

    # Where the address says to listen everywhere, each request is looked at.
    server = serve(HttpBindAddress="0.0.0.0")
    assert asked_from_elsewhere(server) == 401
    assert server.get("/system").status == 200

    server = serve(RemoteAccessAllowed=True)
    assert asked_from_elsewhere(server) == 200

    users = {"RemoteAccessAllowed": True, "RegisteredUsers": {"alice": "secret"}}
    server = serve(**users, AuthenticationEnabled=True)
    assert asked_from_elsewhere(server) == 401
    assert asked_from_elsewhere(server, headers=basic("alice", "secret")) == 200


def test_remote_access_without_users_is_refused_at_the_start(tmp_path):
    options = {"RemoteAccessAllowed": True, "AuthenticationEnabled": True, "RegisteredUsers": {}}
    server = ServerProcess(tmp_path / "server", **options)
    with server.launch():
        assert server.wait() == 1

    assert "RegisteredUsers" in server.log
    assert "Traceback" not in server.log
