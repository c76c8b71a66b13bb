import base64
import socket

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.errors import CannotStart
from repertory.http.auth import is_local, plain_address

USERS = {"alice": "secret", "bob": "pässword:with colon", "nobody": ""}


@pytest.fixture
def client(serve):
    return serve(authentication_enabled=True, registered_users=USERS)


@pytest.mark.parametrize(("name", "password"), USERS.items())
def test_a_registered_user_is_let_in(client, basic, name, password):
    assert client.get("/tools/now", basic(name, password)).status == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [("alice", "wrong"), ("alice", ""), ("mallory", ""), ("mallory", "secret"), ("", "")],
)
def test_others_are_not(client, basic, name, password):
    assert client.get("/tools/now", basic(name, password)).status == 401


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"alice").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Bearer " + base64.b64encode(b"alice:secret").decode(),
        "alice:secret",
    ],
)
def test_rubbish_is_not_let_in(client, header):
    assert client.get("/tools/now", {"Authorization": header}).status == 401


def test_the_scheme_is_written_in_any_case(client, basic):
    token = basic("alice", "secret")["Authorization"].partition(" ")[2]

    assert client.get("/tools/now", {"Authorization": f"bAsIc {token}"}).status == 200


@pytest.mark.parametrize("path", ["/tools/now", "/nothing", "/studies/x", "/"])
def test_nothing_is_told_to_strangers(client, path):
    response = client.get(path)

    assert response.status == 401
    assert response.content == b""
    assert response.headers["WWW-Authenticate"] == 'Basic realm="Orthanc Secure Area"'


def test_the_name_of_the_user_goes_with_what_he_sends(archive, client, basic, receipt):
    archive.plays(StoreInstance, receipt)

    client("POST", "/instances", body=b"DICM", headers=basic("alice", "secret"))

    (command,) = archive.heard(StoreInstance)
    assert command.origin.http_username == "alice"
    assert command.origin.remote_ip == "127.0.0.1"


def test_other_computers_are_not_let_in_unless_they_may(serve, basic):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this computer has no address but its own")
        address = probe.getsockname()[0]
    client = serve(http_bind_address=address, authentication_enabled=True, registered_users=USERS)
    client.host = address

    response = client.get("/tools/now", basic("alice", "secret"))

    assert response.status == 401


def test_users_must_say_who_they_are_once_remote_access_is_allowed(serve, basic):
    client = serve(remote_access_allowed=True, registered_users=USERS)

    assert client.get("/tools/now").status == 401
    assert client.get("/tools/now", basic("alice", "secret")).status == 200


def test_remote_access_may_be_open_to_all(serve):
    client = serve(remote_access_allowed=True, authentication_enabled=False)

    assert client.get("/tools/now").status == 200


def test_remote_access_without_any_user_does_not_start(serve):
    with pytest.raises(CannotStart, match="RegisteredUsers"):
        serve(remote_access_allowed=True)


@pytest.mark.parametrize("address", [None, "", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_an_address_of_this_computer_is_local(address):
    assert is_local(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "192.168.1.7", "fe80::1%eth0", "::ffff:10.0.0.1", "localhost", "?"]
)
def test_any_other_is_not(address):
    assert not is_local(address)


def test_an_ipv4_address_is_shown_as_such():
    assert plain_address("::ffff:10.0.0.1") == "10.0.0.1"
    assert plain_address("fe80::1%eth0") == "fe80::1"
