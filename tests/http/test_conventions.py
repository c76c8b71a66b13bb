import json
import logging
import socket

import pytest
import structlog

from repertory.actors.messages.changes import ClearChanges, ListChanges
from repertory.actors.messages.resources import DeleteResource, DescribeResource
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import UnknownResource
from repertory.model import ChangePage, DeletionReceipt, Level, Totals

STUDY = "22222222-00000000-00000000-00000000-00000000"


@pytest.fixture
def totals(archive):
    archive.plays(DescribeTotals, Totals(1, 2, 3, 4, 5, 6))


@pytest.mark.usefixtures("totals")
@pytest.mark.parametrize(
    "path", ["/statistics", "/statistics/", "//statistics", "/x/../statistics", "/./statistics//"]
)
def test_a_path_may_be_written_in_many_ways(client, path):
    assert client.get(path).status == 200


def test_an_unknown_path_is_described(client):
    response = client.get("/nothing/here?x=y")

    assert response.status == 404
    assert json.loads(response.content)["OrthancStatus"] == 17
    assert json.loads(response.content)["Uri"] == "/nothing/here"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_a_method_that_a_path_does_not_know_is_refused_without_a_body(client, method):
    response = client(method, "/statistics")

    assert response.status == 405
    assert response.headers["Allow"] == "GET"
    assert response.content == b""
    assert "Content-Type" not in response.headers


def test_all_methods_of_a_path_are_allowed(client):
    assert client("PUT", "/changes").headers["Allow"] == "DELETE,GET"
    assert client("DELETE", "/instances").headers["Allow"] == "GET,POST"


def test_options_names_the_methods(client):
    response = client("OPTIONS", "/changes")

    assert response.status == 200
    assert response.headers["Allow"] == "DELETE,GET,HEAD,OPTIONS"
    assert response.headers["Content-Type"] == "text/plain"


@pytest.mark.usefixtures("totals")
def test_head_answers_as_get_without_the_body(client):
    got = client.get("/statistics")
    response = client("HEAD", "/statistics")

    assert response.status == 200
    assert response.content == b""
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Content-Length"] == str(len(got.content))


def test_head_of_what_is_not_there_is_404(archive, client):
    archive.plays(DescribeResource, UnknownResource())

    response = client("HEAD", f"/studies/{STUDY}")

    assert response.status == 404
    assert response.content == b""


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/changes?_method=DELETE", {}),
        ("GET", "/changes?_method=delete", {}),
        ("POST", "/changes?_method=delete", {}),
        ("GET", "/changes", {"X-HTTP-Method-Override": "DELETE"}),
        ("POST", "/changes", {"X-HTTP-Method-Override": "delete"}),
    ],
)
def test_a_request_may_mean_another_method(archive, client, method, path, headers):
    archive.plays(ClearChanges)
    archive.plays(ListChanges, ChangePage(changes=(), done=True, last=0, first=None))

    assert client(method, path, headers=headers).status == 200
    assert archive.heard(ClearChanges)
    assert not archive.heard(ListChanges)


def test_a_method_that_is_none_is_refused(client):
    assert client.get("/changes?_method=explode").status == 400


@pytest.mark.usefixtures("totals")
def test_every_answer_forbids_guessing_its_type(client):
    paths = ["/statistics", "/tools/now", "/nothing", "/studies/x", "/", "/app/explorer.html"]

    assert {client.get(path).headers["X-Content-Type-Options"] for path in paths} == {"nosniff"}


@pytest.mark.parametrize(
    "id_",
    [
        "x",
        "%00",
        "%ff%fe",
        "a%2Fb",
        STUDY.upper().replace("2", "A"),
        STUDY + "%0A",
        STUDY[:-1],
        "%F0%9F%92%A9",
        "'%20OR%201=1--",
    ],
)
def test_rubbish_for_an_identifier_is_not_found(client, id_):
    response = client.get(f"/studies/{id_}")

    assert response.status == 404


def test_an_unknown_resource_is_answered_without_a_body(archive, client):
    archive.plays(DescribeResource, UnknownResource())
    archive.plays(DeleteResource, UnknownResource())

    for method in ("GET", "DELETE"):
        response = client(method, f"/studies/{STUDY}")
        assert response.status == 404
        assert response.content == b""
        assert "Content-Type" not in response.headers


def test_below_an_unknown_resource_the_answer_has_a_body(client):
    assert json.loads(client.get("/studies/x/series").content)["OrthancStatus"] == 17


def test_an_empty_expect_header_is_nothing_to_refuse(archive, client):
    archive.plays(DeleteResource, DeletionReceipt(remaining_ancestor=None))

    for expect in ("", "something"):
        response = client("DELETE", f"/studies/{STUDY}", headers={"Expect": expect})
        assert response.status == 200
    assert archive.heard(DeleteResource)[0].level is Level.STUDY


@pytest.mark.usefixtures("totals")
def test_connections_are_kept(client):
    connection = client.connection()
    sockets = []
    for _ in range(2):
        connection.request("GET", "/statistics")
        connection.getresponse().read()
        sockets.append(connection.sock)
    connection.close()

    assert sockets[0] is sockets[1] is not None


@pytest.mark.usefixtures("totals")
def test_connections_are_closed_where_the_settings_say_so(serve):
    response = serve(keep_alive=False).get("/statistics")

    assert response.headers["Connection"] == "close"


@pytest.mark.usefixtures("totals")
def test_several_requests_may_be_sent_at_once(client):
    request = b"GET /statistics HTTP/1.1\r\nHost: x\r\n\r\n"
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(request * 2 + last)
        received = b"".join(iter(lambda: sock.recv(65536), b""))

    assert received.count(b"HTTP/1.1 200 OK") == 3


def test_what_is_no_http_is_refused(client):
    with (
        structlog.testing.capture_logs() as lines,
        socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock,
    ):
        sock.sendall(b"GET /system HTTP/1.1\r\nDOE^JANE\r\n\r\n")
        received = b"".join(iter(lambda: sock.recv(65536), b""))

    assert "request_unreadable" in {line["event"] for line in lines}
    assert "JANE" not in repr(lines)
    assert received.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))


@pytest.mark.usefixtures("totals")
def test_each_request_is_logged_once_without_its_query(archive, serve):
    with structlog.testing.capture_logs() as lines:
        serve(http_verbose=True).get("/statistics?PatientName=DOE")

    (line,) = [line for line in lines if line["event"] == "request_handled"]
    assert line["path"] == "/statistics"
    assert line["status"] == 200
    assert line["log_level"] == "info"
    assert "DOE" not in repr(lines)
    assert logging.getLogger("aiohttp.access").handlers == []
