"""The log of changes as server-sent events, and deletions in the log."""

import json
import socket
import threading

import pytest

from repertory.actors.messages.changes import DescribeLastChange, ListChanges
from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.resources import DeleteResource
from repertory.errors import IndexFailed
from repertory.model import Change, ChangePage, ChangeType, Level, ResourceId
from repertory.testing.files import make_dicom

NEW = ["NewInstance", "NewSeries", "NewStudy", "NewPatient"]


class Stream:
    """A client of the stream: reads event by event."""

    def __init__(self, client, query="", **headers):
        connection = client.connection()
        connection.request("GET", f"/changes/stream{query}", headers=headers)
        self.response = connection.getresponse()

    def block(self):
        """The lines up to the next blank one; none at the end of the stream."""
        lines = []
        while line := self.response.readline().decode():
            if line == "\n":
                break
            lines.append(line.rstrip("\n"))
        return lines

    def change(self):
        """The next change; heartbeats are passed over."""
        while True:
            fields = dict(line.split(": ", 1) for line in self.block())
            if "data" in fields:
                change = json.loads(fields["data"])
                assert fields["id"] == str(change["Seq"])
                return change

    def types(self, count):
        return [self.change()["ChangeType"] for _ in range(count)]


@pytest.fixture
def client(whole):
    return whole(sync_storage_area=False)


@pytest.fixture
def store(client):
    """Store a new instance; gives the identifiers."""

    def store(patient):
        return client.archive.ask(StoreInstance(content=make_dicom(patient_id=patient))).ids

    return store


def test_changes_are_told_while_they_happen(client, store):
    store("before")
    stream = Stream(client)
    assert stream.response.status == 200
    assert stream.response.getheader("Content-Type") == "text/event-stream"
    assert stream.block() == ["retry: 3000", "id: 4"]
    for patient in "AB":
        ids = store(patient)
        assert [stream.change()["ID"] for _ in NEW] == [ids.at(n) for n in reversed(Level)]


def test_a_change_is_told_as_it_is_listed(client, store):
    store("A")
    stream = Stream(client, "?since=0")

    assert [stream.change() for _ in NEW] == client.json("/changes")["Changes"]


def test_a_client_goes_on_where_it_was(client, store):
    for patient in "ABC":
        store(patient)
    by_header = Stream(client, "?since=0", **{"Last-Event-ID": "6"})
    by_query = Stream(client, "?since=6")
    by_nonsense = Stream(client, "?since=6", **{"Last-Event-ID": "nonsense"})

    for stream in (by_header, by_query, by_nonsense):
        assert [stream.change()["Seq"] for _ in range(6)] == [*range(7, 13)]


def test_a_long_log_is_told_to_its_end(client, monkeypatch):
    monkeypatch.setattr("repertory.http.routes.changes_stream.PAGE", 7)
    for number in range(10):
        client.archive.ask(StoreInstance(content=make_dicom(patient_id=f"{number}")))
    stream = Stream(client, "?since=0")

    assert [stream.change()["Seq"] for _ in range(40)] == [*range(1, 41)]


def test_only_the_wanted_types_are_told(client, store):
    stream = Stream(client, "?type=NewStudy;NewPatient")
    for patient in "AB":
        store(patient)

    assert stream.types(4) == ["NewStudy", "NewPatient"] * 2
    assert client.get("/changes/stream?type=Nonsense").status == 400


def test_deletions_are_told_to_those_who_ask(client, store):
    plain, full = Stream(client), Stream(client, "?deletions")
    ids = store("A")
    assert full.types(4) == plain.types(4) == NEW
    client.archive.ask(DeleteResource(level=Level.STUDY, id=ids.study))
    store("B")

    assert full.types(8) == [*["Deleted"] * 4, *NEW]
    assert plain.types(4) == NEW


def test_deletions_are_listed_for_those_who_ask(client, store):
    ids = store("A")
    client.archive.ask(DeleteResource(level=Level.STUDY, id=ids.study))

    assert client.json("/changes") == {"Changes": [], "Done": True, "Last": 4}
    assert client.json("/changes?type=Deleted") == {"Changes": [], "Done": True, "Last": 4}
    assert client.json("/changes?last") == {"Changes": [], "Done": True, "Last": 4}
    assert client.json("/changes?limit=0") == {"Changes": [], "Done": False, "Last": 4}
    page = client.json("/changes?deletions&limit=3")
    assert [(c["ChangeType"], c["ID"]) for c in page["Changes"]] == [
        ("Deleted", ids.instance),
        ("Deleted", ids.series),
        ("Deleted", ids.study),
    ]
    assert (page["First"], page["Last"], page["Done"]) == (5, 7, False)
    assert client.json("/changes?deletions&last")["Last"] == 8
    assert client.json("/changes?deletions&limit=0")["Last"] == 8


def test_silence_is_broken_by_a_heartbeat_that_tells_where_one_is(whole):
    client = whole(changes_stream_heartbeat=0.01)
    stream = Stream(client, "?type=StableStudy")
    client.archive.ask(StoreInstance(content=make_dicom()))
    assert stream.block() == ["retry: 3000", "id: 0"]
    while (beat := stream.block()) != [": heartbeat", "id: 4"]:
        assert beat == [": heartbeat", "id: 0"]


def test_the_stream_ends_when_the_archive_stops(client):
    stream = Stream(client)
    stream.block()
    stopping = threading.Thread(target=client.archive.stop)
    stopping.start()

    assert stream.block() == []
    assert stream.response.readline() == b""
    stopping.join(5)
    assert not stopping.is_alive()


def page_of_long_lines(query):
    changes = tuple(
        Change(
            seq=query.since + number,
            type=ChangeType.NEW_STUDY,
            level=Level.STUDY,
            id=ResourceId("x" * 1000),
            date="",
        )
        for number in range(1, query.limit + 1)
    )
    return ChangePage(changes=changes, done=False, last=changes[-1].seq, first=changes[0].seq)


def test_a_client_that_does_not_read_holds_up_neither_others_nor_the_stop(archive, serve):
    archive.plays(ListChanges, page_of_long_lines)
    archive.plays(DescribeLastChange, ChangePage((), done=True, last=0, first=None))
    client = serve()
    lazy = socket.create_connection(("127.0.0.1", client.port))
    lazy.sendall(b"GET /changes/stream?since=0 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert lazy.recv(1) == b"H"

    assert len(client.json("/changes?since=5&limit=3")["Changes"]) == 3
    # Sooner or later all buffers are full, and nothing more is asked for it.
    before = 0
    while len(archive.heard(ListChanges)) > before + 1:
        before = len(archive.heard(ListChanges))
        client.json("/changes?since=5&limit=3")
    stopping = threading.Thread(target=client.server.stop, kwargs={"grace": 20.0})
    stopping.start()
    stopping.join(5)
    assert not stopping.is_alive()
    lazy.close()


def test_an_error_in_the_log_ends_the_stream_for_the_client_to_ask_again(archive, serve):
    archive.plays(DescribeLastChange, ChangePage((), done=True, last=7, first=None))
    archive.plays(ListChanges, IndexFailed())
    stream = Stream(serve())

    assert stream.block() == ["retry: 3000", "id: 7"]
    assert stream.response.readline() == b""


def test_the_way_in_may_be_looked_at(client):
    head = client("HEAD", "/changes/stream")

    assert (head.status, head.getheader("Content-Type")) == (200, "text/event-stream")


def test_a_client_that_goes_is_forgotten_without_a_word_in_the_log(client, store, caplog):
    connection = socket.create_connection(("127.0.0.1", client.port))
    connection.sendall(b"GET /changes/stream?since=0 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.recv(1) == b"H"
    connection.close()
    follower = Stream(client)
    for patient in "ABCDE":
        store(patient)
        assert follower.types(4) == NEW

    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
