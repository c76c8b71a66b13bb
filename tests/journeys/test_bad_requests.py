import gzip
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.server import ServerProcess, until

MEGABYTE = 1 << 20
SECRET = "Verborgen^Veronika"
LEVELS = ("patients", "studies", "series", "instances")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    folder = tmp_path_factory.mktemp("requests")
    with ServerProcess(
        folder, arguments=["--verbose"], SpoolThresholdMB=1, HttpRequestTimeout=1
    ) as server:
        # What must stay as it is.
        server.receipt = server.post("/instances", make_dicom()).json
        yield server
        assert server.stop() == 0


@pytest.fixture
def server(running):
    """A server that must look untouched, and have told nothing, when the test is over."""
    since = running.log_file.stat().st_size
    yield running
    assert running.is_alive
    assert until(lambda: running.staged() == set())
    assert until(lambda: len(running.files()) == 1)
    assert running.get("/instances").json == [running.receipt["ID"]]
    log = running.log_file.read_text()[since:]
    assert "Verborgen" not in log
    assert "Traceback" not in log
    assert {event["level"] for event in running.events(since=since)} <= {"debug", "info"}


IDS = {
    "a zero": "%00",
    "a text": "nobody",
    "dots": "%2e%2e",
    "dots and slashes": "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "a slash": "%2f",
    "not UTF-8": "%ff%fe%80",
    "half a surrogate": "%ed%a0%80",
    "overlong UTF-8": "%c0%ae%c0%ae",
    "no percent-encoding": "%zz%",
    "a line end": "%0d%0aX-Header:%201",
    "upper case": "ABCDEF01-ABCDEF01-ABCDEF01-ABCDEF01-ABCDEF01",
    "an unknown one": "00000000-00000000-00000000-00000000-00000000",
    "one digit more": "00000000-00000000-00000000-00000000-000000000",
    "other digits": "%D9%A0" * 8 + "-00000000-00000000-00000000-00000000",
    "SQL": "'%20OR%20'1'='1",
    "a format": "%25s%25n{0}",
    "long": "a" * 8000,
    "longer than a header may be": "a" * 70_000,
}


@pytest.mark.parametrize("name", IDS)
def test_rubbish_for_an_identifier_is_unknown(server, name):
    id_ = IDS[name]
    for level in LEVELS:
        for method, path in (
            ("GET", f"/{level}/{id_}"),
            ("GET", f"/{level}/{id_}/statistics"),
            ("GET", f"/instances/{id_}/file"),
            ("GET", f"/instances/{id_}/tags"),
            ("DELETE", f"/{level}/{id_}"),
        ):
            answer = server.ask(method, path)
            # Some are paths, once they are decoded: to a list, to all statistics, to the page at /.
            leads_elsewhere = {200, 307} if "dots" in name or "slash" in name else set()
            allowed = {400, 404, 405} | leads_elsewhere | ({200} if "statistics" in path else set())
            assert answer.status in allowed, (method, path[:80], answer.status)
            assert str(server.folder) not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "since=-1&limit=1",
        "since=x&limit=1",
        "since=1&limit=",
        "since=99999999999999999999&limit=1",
        "limit=%ff",
        "since=1",
        "expand=%00",
        "&&&===",
        "%ff=%fe",
        "a" * 8000,
    ],
)
def test_rubbish_in_a_query_does_no_harm(server, query):
    for path in ("/changes", *(f"/{level}" for level in LEVELS)):
        assert server.get(f"{path}?{query}").status in (200, 400)


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"\0", b"x" * 2 * MEGABYTE, b"[]", b'{"a":' * 50_000, b"2.5", b"null"]
)
@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/tools/lookup"), ("PUT", "/tools/log-level")]
)
def test_rubbish_in_a_small_body_is_refused_or_found_nowhere(server, method, path, body):
    answer = server.ask(method, path, body)

    assert answer.status in (200, 400, 413)
    if answer.status == 200:
        assert answer.json == []
    else:
        assert answer.json["HttpStatus"] == answer.status


GARBAGE = {
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "zeros": bytes(1000),
    "an SSH client": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "a DICOM association": b"\x01\0\0\0\0\xcd\0\x01\0\0ANY-SCP" + bytes(200),
    "no version": b"GET /system\r\n\r\n",
    "another version": b"GET /system HTTP/7.5\r\nHost: a\r\n\r\n",
    "a method with spaces": b"GE T /system HTTP/1.1\r\nHost: a\r\n\r\n",
    "a header without colon": b"GET /system HTTP/1.1\r\nVerborgen^Veronika\r\n\r\n",
    "a header with a zero": b"GET /system HTTP/1.1\r\nA: Verborgen\0\r\n\r\n",
    "an address not of this server": b"GET http://[Verborgen HTTP/1.1\r\nHost: a\r\n\r\n",
    "a name in the address": b"GET /Verborgen^\x01 Veronika HTTP/1.1\r\nHost: a\r\n\r\n",
    "a long header": b"GET /system HTTP/1.1\r\nA: " + b"a" * 100_000 + b"\r\n\r\n",
    "many headers": b"GET /system HTTP/1.1\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
    "two lengths": b"POST /instances HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Content-Length: 6\r\n\r\n12345",
    "a length and chunks": b"POST /instances HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a negative length": b"POST /instances HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
    "an enormous length": b"POST /instances HTTP/1.1\r\nHost: a\r\nContent-Length: "
    + b"9" * 40
    + b"\r\n\r\n",
    "a bad chunk": b"POST /instances HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"zz\r\nVerborgen\r\n",
    "a chunk of another size": b"POST /instances HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n3\r\nVerborgen\r\n0\r\n\r\n",
    "an unknown transfer encoding": b"POST /instances HTTP/1.1\r\nHost: a\r\n"
    b"Transfer-Encoding: gzip\r\n\r\n12345",
}


def exchange(server, sent):
    """Send bytes as they are; what came back before the server closed the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        received = b""
        try:
            connection.sendall(sent)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass
        return received


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_not_http_is_refused(server, name):
    received = exchange(server, GARBAGE[name])

    if name == "no version":
        assert received.startswith(b"HTTP/0.9 200")  # a question of before 1996
    elif received:
        assert b'"HttpStatus" : 4' in received
    assert b"Verborgen" not in received
    assert server.get("/system").status == 200


def headers(*more, length=None):
    lines = ["POST /instances HTTP/1.1", "Host: a", *more]
    lines += ["Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(content):
    return b"%x\r\n%b\r\n" % (len(content), content)


SMALL = make_dicom(patient_id=SECRET, size=200_000)
LARGE = make_dicom(patient_id=SECRET, size=4_000_000)
FORM = b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\n'
MULTIPART = "Content-Type: multipart/form-data; boundary=x"
CUT = {
    "headers": headers(length=10)[:-2],
    "nothing of a body": headers(length=len(SMALL)),
    "a small file": headers(length=len(SMALL)) + SMALL[:-1],
    "a large file": headers(length=len(LARGE)) + LARGE[:-1],
    "a small file in chunks": headers() + chunk(SMALL),
    "a large file in chunks": headers() + chunk(LARGE[:-5]) + b"5\r\n1234",
    "a whole file in chunks": headers() + chunk(LARGE),
    "a packed file": headers("Content-Encoding: gzip") + chunk(gzip.compress(LARGE, 1)),
    "a small file in a form": headers(MULTIPART) + chunk(FORM + SMALL),
    "a large file in a form": headers(MULTIPART, length=2 * len(LARGE)) + FORM + LARGE,
    "a ZIP archive": headers(length=9_000_000) + b"PK\x03\x04" + bytes(4_000_000),
}


@pytest.mark.parametrize("ending", ["closed", "reset", "silent"])
@pytest.mark.parametrize("what", CUT)
def test_clients_that_go_away_leave_nothing(server, what, ending):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(CUT[what])
        if ending == "silent":
            if "whole" in what or "small" in what or "packed" in what:
                return  # one wait for HttpRequestTimeout is enough for all of a kind
            answer = connection.recv(65536)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 408")
        elif ending == "reset":
            # The system sends RST instead of FIN.
            linger = (1).to_bytes(4, "little") + bytes(4)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def test_headers_that_never_end_keep_nobody_waiting(server):
    with ExitStack() as stack:
        slow = []
        for number in range(100):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            stack.enter_context(connection)
            connection.sendall(b"GET /system HTTP/1.1\r\nA: " + b"a" * number)
            slow.append(connection)

        assert server.get("/system").status == 200
        # They are let go of, and not only when the client is.
        for connection in slow:
            connection.settimeout(10)
            with suppress(ConnectionError):
                assert connection.recv(100) in (b"", b"HTTP")


def test_two_hundred_clients_at_once_are_all_answered(server):
    content = make_dicom()
    with ExitStack() as stack, ThreadPoolExecutor(20) as pool:
        connections = [stack.enter_context(closing(server.connect())) for _ in range(200)]
        for number, connection in enumerate(connections):
            if number % 2:
                connection.request("POST", "/instances", content)
            else:
                connection.request("GET", "/statistics")

        def finish(connection):
            response = connection.getresponse()
            response.read()
            return response.status

        assert set(pool.map(finish, connections)) == {200}
    (id_,) = set(server.get("/instances").json) - {server.receipt["ID"]}
    assert server.delete(f"/instances/{id_}").status == 200
