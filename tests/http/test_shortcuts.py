"""Reads that pass by aiohttp are answered as it would answer them."""

import re
import socket
from contextlib import closing

import pytest

from repertory.http.shortcuts import Shortcuts, body_length
from repertory.testing.files import make_dicom
from repertory.testing.server import until

NOBODY = "99999999-00000000-00000000-00000000-00000000"
ORDINARY = "X-Ordinary: 1\r\n"
"""A header that no shortcut knows: the request takes the ordinary way."""


@pytest.fixture
def taken(monkeypatch):
    """Whether each request that was looked at took a shortcut."""
    outcomes = []
    take = Shortcuts.take

    def noting(self, connection, request):
        outcomes.append(take(self, connection, request))
        return outcomes[-1]

    monkeypatch.setattr(Shortcuts, "take", noting)
    return outcomes


@pytest.fixture
def talk():
    """Opens a connection; gives a function that sends bytes and reads so many answers."""
    opened = []

    def start(client):
        connection = socket.create_connection(("127.0.0.1", client.port), timeout=10)
        stream = connection.makefile("rb")
        opened.extend((stream, connection))

        def answer():
            lines = [stream.readline()]
            while lines[-1] not in (b"\r\n", b""):
                lines.append(stream.readline())
            head = b"".join(lines)
            length = re.search(rb"Content-Length: (\d+)", head)
            body = stream.read(int(length[1])) if length else b""
            return re.sub(rb"Date: [^\r]*", b"Date: now", head), body

        def say(*pieces, answers=1):
            for piece in pieces:
                connection.sendall(piece)
            return [answer() for _ in range(answers)]

        return say

    yield start
    for it in opened:
        it.close()


def request(path, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: here\r\nAccept: */*\r\n{more}\r\n".encode()


@pytest.fixture
def stored(whole):
    """A client of a whole archive with one instance, and its paths by level."""

    def store(size=10_000, **options):
        client = whole(**options)
        assert client("POST", "/instances", make_dicom(size=size)).status == 200
        paths = {
            level: "/" + level + "/" + client.json(f"/{level}")[0]
            for level in ("patients", "studies", "series", "instances")
        }
        return client, paths

    return store


@pytest.mark.parametrize(
    "of",
    [
        "{patients}",
        "{studies}",
        "{series}",
        "{instances}",
        "{instances}/tags",
        "{instances}/simplified-tags",
        "{instances}/file",
        f"/instances/{NOBODY}/file",
        f"/instances/{NOBODY}/tags",
        f"/studies/{NOBODY}",
    ],
)
def test_the_answer_is_the_same_on_both_ways(stored, talk, taken, of):
    client, paths = stored()
    path = of.format(**paths)
    say = talk(client)

    def by_shortcut():
        """The first of a connection may come before aiohttp is ready."""
        answers = say(request(path))
        return answers if taken and (taken[-1] or NOBODY in path) else None

    shortcut = until(by_shortcut)
    taken.clear()
    ordinary = say(request(path, ORDINARY))

    assert shortcut == ordinary
    assert True not in taken


@pytest.mark.parametrize(
    "more",
    [
        "Accept: application/xml\r\n",
        "Connection: close\r\n",
        "Range: bytes=0-3\r\n",
        "If-None-Match: *\r\n",
        "X-HTTP-Method-Override: DELETE\r\n",
        "Expect: 100-continue\r\n",
        "Content-Length: 0\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Host: there\r\n",
        "User-Agent: \xe9\r\n",
        " folded\r\n",
    ],
)
def test_what_means_something_takes_the_ordinary_way(stored, talk, taken, more):
    client, paths = stored()
    say = talk(client)
    say(request("/system"))
    taken.clear()

    head = request(paths["studies"]).replace(b"Accept: */*\r\n", b"")
    say(head[:-2] + more.encode("latin-1") + b"\r\n" + b"0\r\n\r\n" * ("chunked" in more))

    assert True not in taken


def test_a_request_that_comes_in_pieces_is_put_together_by_aiohttp(stored, talk, taken):
    client, paths = stored()
    say = talk(client)
    whole_one = request(paths["studies"])
    (expected,) = say(whole_one)
    taken.clear()

    with closing(socket.create_connection(("127.0.0.1", client.port), timeout=10)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in (whole_one[:40], whole_one[40:]):
            connection.sendall(piece)
        assert connection.recv(15) == expected[0][:15]


def test_requests_that_come_together_are_answered_in_their_order(stored, talk):
    client, paths = stored()
    say = talk(client)
    one, other = request(paths["studies"]), request(paths["instances"] + "/simplified-tags")
    expected = say(one) + say(other)

    assert say(one + other + one, answers=3) == [*expected, expected[0]]


@pytest.mark.parametrize("length", [0, 7, 100_000])
def test_a_shortcut_follows_an_upload(stored, talk, taken, length):
    """What is left of a body is never taken for a request."""
    client, paths = stored()
    say = talk(client)
    (expected,) = say(request(paths["studies"]))
    body = (request(paths["patients"]) * (length // 50 + 1))[:length]
    head = f"POST /tools/lookup HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n".encode()
    taken.clear()

    (uploaded,) = say(head + body)

    def follows():
        """Aiohttp may not be done with the upload yet: then it answers, too."""
        (found,) = say(request(paths["studies"]))
        assert found == expected
        return taken[-1:] == [True]

    assert uploaded[0].startswith(b"HTTP/1.1 ")
    assert until(follows)


def test_after_a_body_of_unknown_length_all_goes_the_ordinary_way(stored, talk, taken):
    client, paths = stored()
    say = talk(client)
    (expected,) = say(request(paths["studies"]))
    head = b"POST /tools/lookup HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"
    say(head + b"3\r\nabc\r\n0\r\n\r\n")
    taken.clear()

    assert say(request(paths["studies"])) == [expected]
    assert taken == []


def test_a_password_is_asked_for_on_both_ways(stored, talk, taken, basic, whole):
    client, paths = stored()
    client.archive.stop()
    guarded = whole(authentication_enabled=True, registered_users={"jane": "secret"})
    say = talk(guarded)
    right = "Authorization: " + basic("jane", "secret")["Authorization"] + "\r\n"
    wrong = "Authorization: " + basic("jane", "guessed")["Authorization"] + "\r\n"

    def heads_by_shortcut():
        taken.clear()
        heads = [say(request(paths["studies"], it))[0][0][:12] for it in ("", wrong, right, right)]
        return heads if taken[-2:] == [True, True] else None

    assert until(heads_by_shortcut) == [b"HTTP/1.1 401"] * 2 + [b"HTTP/1.1 200"] * 2


def test_a_client_that_reads_slowly_gets_its_file_and_the_next_one(stored, talk):
    client, paths = stored(size=9_000_000)
    path = paths["instances"] + "/file"
    content = client.get(path).content  # from now on it is sent as it lies

    with closing(socket.create_connection(("127.0.0.1", client.port), timeout=10)) as connection:
        connection.sendall(request("/system"))
        connection.recv(65_536)
        connection.sendall(request(path))
        connection.sendall(request(path))  # while the first is under way
        received = bytearray()
        while len(received) < 2 * len(content):
            received += connection.recv(1 << 20)

    assert received.count(content) >= 1
    assert received.endswith(content[-1000:]) or len(received) > 2 * len(content)


def test_what_was_written_is_read(stored, talk):
    client, paths = stored()
    say = talk(client)
    ((_, before),) = say(request(paths["studies"]))
    client("PUT", paths["studies"] + "/labels/seen")

    ((_, after),) = say(request(paths["studies"]))

    assert b'"seen"' in after
    assert b'"seen"' not in before


@pytest.mark.parametrize(
    ("head", "length"),
    [
        (b"POST / HTTP/1.1\r\nHost: a", 0),
        (b"POST / HTTP/1.1\r\ncontent-length: 12", 12),
        (b"POST / HTTP/1.1\r\nContent-Length: 12\r\nContent-Length: 12", -1),
        (b"POST / HTTP/1.1\r\nContent-Length: 12\r\nTransfer-Encoding: chunked", -1),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked", -1),
        (b"POST / HTTP/1.1\r\nUpgrade: x", -1),
        (b"POST / HTTP/1.1\nContent-Length: 5", 5),
        (b"POST / HTTP/1.1\r\nContent-Length: +5", -1),
    ],
)
def test_the_length_of_a_body_is_known_only_where_it_is_plain(head, length):
    assert body_length(head) == length
