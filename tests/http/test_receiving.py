"""Files that are received past aiohttp are stored, and answered, as it would have it."""

import gc
import re
import socket
import threading
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repertory.actors.messages.instances import StoreInstance, StoreZip
from repertory.errors import ArchiveFull, Forbidden, IndexBusy, NotDicom
from repertory.http import receiving
from repertory.http.protocol import Protocol
from repertory.http.receiving import Reception, Receptions
from repertory.testing.files import make_dicom
from repertory.testing.server import until

DICOM = b"\0" * 128 + b"DICM" + b"the rest"
ORDINARY = "X-Ordinary: 1\r\n"
"""A header that is not known there: the request takes the ordinary way."""


@pytest.fixture
def received(monkeypatch):
    """Of each request that was looked at, whether it was received past aiohttp."""
    outcomes = []
    begin = Receptions.begin

    def noting(self, connection, data):
        found = begin(self, connection, data)
        outcomes.append(found is not None)
        return found

    monkeypatch.setattr(Receptions, "begin", noting)
    return outcomes


class Talk:
    """A connection whose answers are read as they are."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._stream = self.socket.makefile("rb")

    def say(self, *pieces):
        for piece in pieces:
            self.socket.sendall(piece)

    def hear(self):
        lines = [self._stream.readline()]
        while lines[-1] not in (b"\r\n", b""):
            lines.append(self._stream.readline())
        head = b"".join(lines)
        length = re.search(rb"Content-Length: (\d+)", head)
        body = self._stream.read(int(length[1])) if length else b""
        return re.sub(rb"Date: [^\r]*", b"Date: now", head), body

    def close(self):
        self._stream.close()
        self.socket.close()


@pytest.fixture
def talk(archive, received):
    """Opens a connection to a client's server, on which files are received from now on.

    The first of a connection may come before aiohttp is ready.
    """
    opened = []

    def start(client, more=""):
        it = Talk(client.port)
        opened.append(it)

        def is_ready():
            it.say(upload(b"the first", more))
            it.hear()
            return received and received[-1]

        until(is_ready)
        received.clear()
        archive.said.clear()
        return it

    yield start
    for it in opened:
        it.close()


def upload(content, more="", *, length=None, path="/instances"):
    size = len(content) if length is None else length
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\n{more}Content-Length: {size}\r\n\r\n"
    return head.encode("latin-1") + content


@pytest.fixture
def stores(archive, receipt):
    archive.plays(StoreInstance, receipt)


def contents(archive):
    return [command.content for command in archive.heard(StoreInstance)]


@pytest.mark.parametrize(
    "outcome",
    [
        None,
        NotDicom(),
        ArchiveFull(),
        Forbidden("Not this one."),
        IndexBusy("The index is busy."),
        ZeroDivisionError("a bug"),
    ],
)
@pytest.mark.parametrize("described", [True, False])
def test_the_answer_is_the_same_on_both_ways(
    archive, serve, talk, receipt, received, outcome, described
):
    archive.plays(StoreInstance, outcome or receipt)
    it = talk(serve(http_describe_errors=described))

    it.say(upload(DICOM))
    past = it.hear()
    it.say(upload(DICOM, ORDINARY))
    ordinary = it.hear()

    assert received == [True, False]
    assert past == ordinary
    assert contents(archive) == [DICOM, DICOM]


@pytest.mark.usefixtures("stores")
def test_who_sent_a_file_is_known(archive, serve, talk, received, basic):
    client = serve(
        remote_access_allowed=True, registered_users={"mary": "secret"}, authentication_enabled=True
    )
    words = f"Authorization: {basic('mary', 'secret')['Authorization']}\r\n"
    it = talk(client, words)

    for more, status in [
        (words, b"200"),
        (words + ORDINARY, b"200"),
        (words.replace("=", ""), b"401"),
        (words.replace("Basic ", "Basic QUJD"), b"401"),
        ("", b"401"),
    ]:
        it.say(upload(DICOM, more))
        assert it.hear()[0].split()[1] == status

    past, ordinary = archive.heard(StoreInstance)
    assert past.origin == ordinary.origin
    assert (past.origin.http_username, past.origin.remote_ip) == ("mary", "127.0.0.1")
    assert received[:2] == [True, False]


@pytest.mark.usefixtures("stores")
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_files_may_come_in_any_pieces(archive, client, received, data):
    count = data.draw(st.integers(1, 4), label="files")
    files = [DICOM + bytes([number]) * number * 1000 for number in range(count)]
    stream = b"".join(upload(file) + b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" for file in files)
    cuts = data.draw(st.lists(st.integers(1, len(stream) - 1), max_size=12), label="cuts")
    bounds = [0, *sorted(set(cuts)), len(stream)]
    archive.said.clear()

    with closing(Talk(client.port)) as it:
        it.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        it.say(*(stream[a:b] for a, b in pairwise(bounds)))
        statuses = [it.hear()[0].split()[1] for _ in range(2 * count)]

    assert statuses == [b"200", b"404"] * count
    assert contents(archive) == files


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize(
    ("more", "content"),
    [
        ("Expect: 100-continue\r\n", DICOM),
        ("Content-Encoding: identity\r\n", DICOM),
        ("X-HTTP-Method-Override: POST\r\n", DICOM),
        ("Connection: close\r\n", DICOM),
        ("Accept: application/xml\r\n", DICOM),
        ("User-Agent: \xe9\r\n", DICOM),
        ("", DICOM.ljust((1 << 20) + 1, b"x")),
    ],
)
def test_what_means_something_takes_the_ordinary_way(archive, serve, talk, received, more, content):
    it = talk(serve(spool_threshold_mb=1))
    archive.plays(StoreZip, ())
    received.clear()

    it.say(upload(content, more))
    head, _ = it.hear()

    assert not any(received)
    assert head.split()[1] in (b"200", b"100", b"404", b"500")


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize("path", ["/instances?x=1", "/instances/", "/studies"])
def test_other_paths_are_not_for_files(serve, talk, received, path):
    it = talk(serve())

    it.say(upload(DICOM, path=path))
    it.hear()

    assert received == [False]


@pytest.mark.usefixtures("stores")
def test_two_lengths_are_refused_as_ever(archive, serve, talk, received):
    it = talk(serve())

    it.say(upload(DICOM, "Content-Length: 4\r\n"))

    assert it.hear()[0].split()[1] == b"400"
    assert not any(received)
    assert not contents(archive)


@pytest.mark.usefixtures("stores")
def test_a_zip_archive_is_given_back_to_the_ordinary_way(archive, serve, talk, receipt, received):
    archive.plays(StoreZip, (receipt,))
    it = talk(serve())
    content = b"PK\x03\x04" + b"entries" * 1000

    request = upload(content)
    for _ in range(2):
        it.say(request[:500], request[500:])
        assert it.hear()[0].startswith(b"HTTP/1.1 200")

    assert received[0]
    assert [command.content for command in archive.heard(StoreZip)] == [content, content]


@pytest.mark.usefixtures("stores")
def test_who_may_change_nothing_sends_nothing(archive, serve, received):
    with closing(Talk(serve(read_only=True).port)) as it:
        for _ in range(5):
            it.say(upload(DICOM))
            assert it.hear()[0].split()[1] in (b"403", b"405")

    assert True not in received
    assert not contents(archive)


@pytest.mark.usefixtures("stores")
def test_a_client_that_pauses_is_left_to_the_ordinary_way(archive, serve, talk, monkeypatch):
    monkeypatch.setattr(receiving, "PATIENCE", 0.01)
    handed_over = threading.Event()
    request = receiving.Reception.request
    monkeypatch.setattr(
        receiving.Reception, "request", lambda self: (handed_over.set(), request(self))[1]
    )
    it = talk(serve())
    first, second = DICOM.ljust(5000, b"1"), DICOM.ljust(6000, b"2")

    it.say(upload(first)[:1000])
    assert handed_over.wait(10)
    it.say(upload(first)[1000:], upload(second))

    assert [it.hear()[0].split()[1] for _ in range(2)] == [b"200", b"200"]
    assert contents(archive) == [first, second]


@pytest.mark.usefixtures("stores")
def test_a_client_that_falls_silent_is_told(archive, serve, talk):
    it = talk(serve(http_request_timeout=0.2))

    it.say(upload(DICOM)[:-1])

    assert it.hear()[0].startswith(b"HTTP/1.1 408")
    assert not contents(archive)


def test_nothing_is_kept_of_files_that_came_or_broke_off(
    archive, stores, serve, talk, received, monkeypatch
):
    monkeypatch.setattr(receiving, "PATIENCE", 1_000.0)
    client = serve()
    it, other = talk(client), talk(client)
    whole = upload(DICOM)

    def receptions():
        return [each for each in gc.get_objects() if isinstance(each, Reception)]

    left_by_others = receptions()
    for _ in range(3):
        it.say(whole[:-20])
        until(lambda: received)
        received.clear()
        it.say(whole[-20:])
        it.hear()
    other.say(whole[:-20])
    until(lambda: received)
    other.close()

    def kept():
        return [each for each in receptions() if each not in left_by_others]

    assert len(contents(archive)) == 3
    until(lambda: not kept())


@pytest.mark.usefixtures("stores")
def test_half_a_file_is_no_file(archive, serve, talk, received):
    client = serve()
    it = talk(client)

    it.say(upload(DICOM)[:-1])
    until(lambda: received)
    it.close()
    assert client("POST", "/instances", DICOM + b"whole").status == 200

    assert contents(archive) == [DICOM + b"whole"]


def test_a_file_that_is_being_stored_is_answered_before_the_server_stops(
    archive, serve, talk, receipt, stores
):
    client = serve()
    it = talk(client)
    asked, told = threading.Event(), threading.Event()

    def slowly(_):
        asked.set()
        assert told.wait(10)
        return receipt

    archive.plays(StoreInstance, slowly)
    it.say(upload(DICOM))
    assert asked.wait(10)
    stopping = threading.Thread(target=client.server.stop)
    stopping.start()
    told.set()

    assert it.hear()[0].startswith(b"HTTP/1.1 200")
    stopping.join(10)
    assert not stopping.is_alive()


def test_a_connection_waits_from_the_answer_on_for_the_next_file(
    archive, serve, talk, receipt, monkeypatch
):
    """However long the answer took (KeepAliveTimeout)."""
    asked, told, noted = threading.Event(), threading.Event(), []
    archive.plays(StoreInstance, receipt)
    it = talk(serve(keep_alive_timeout=600))

    def slowly(_):
        asked.set()
        assert told.wait(10)
        return receipt

    archive.plays(StoreInstance, slowly)
    stay_open = Protocol._stay_open
    monkeypatch.setattr(
        Protocol, "_stay_open", lambda self: (noted.append(told.is_set()), stay_open(self))
    )
    it.say(upload(DICOM))
    assert asked.wait(10)
    told.set()
    it.hear()

    assert until(lambda: noted and noted[-1])


def test_what_is_answered_is_in_the_archive(whole, received):
    client = whole()
    content = make_dicom(size=100_000)
    with closing(Talk(client.port)) as it:

        def said_of_it():
            it.say(upload(content))
            return it.hear()[1]

        assert b'"Success"' in said_of_it()
        # Whoever is quicker than aiohttp gets ready for the next request takes the ordinary way.
        until(lambda: b'"AlreadyStored"' in said_of_it() and True in received)

    (instance,) = client.json("/instances")
    assert client.get(f"/instances/{instance}/file").content == content
