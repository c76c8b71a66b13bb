"""Files that go from the disk to the socket, and all that may come between."""

import http.client
import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from repertory.actors.messages.attachments import LendFile
from repertory.http import passing
from repertory.model import Level
from repertory.testing.files import make_dicom
from repertory.testing.server import until


@pytest.fixture
def sent(monkeypatch):
    """How many bytes went straight from files to sockets, call by call."""
    calls = []
    sendfile = os.sendfile

    def counting(*words):
        count = sendfile(*words)
        calls.append(count)
        return count

    monkeypatch.setattr(passing.os, "sendfile", counting)
    return calls


@pytest.fixture
def stored(whole):
    """A client of a whole archive, with an instance in it; gives its path and content, too."""

    def store(size=300_000, **options):
        client = whole(**options)
        content = make_dicom(size=size)
        assert client("POST", "/instances", content).status == 200
        (id_,) = client.json("/instances")
        return client, f"/instances/{id_}", content

    return store


def place_of(client, path):
    """The stored file of an instance."""
    settings = client.archive.settings
    uuid = client.get(f"{path}/attachments/dicom/uuid").text
    return Path(settings.storage_directory) / uuid[:2] / uuid[2:4] / uuid


def test_a_file_is_looked_at_once_and_then_sent_as_it_lies(stored, sent):
    client, path, content = stored()

    assert client.get(f"{path}/file").content == content
    assert sent == []
    assert client.get(f"{path}/file").content == content
    assert until(lambda: sum(sent) == len(content))


def test_what_need_not_be_checked_is_sent_at_once(stored, sent):
    client, path, content = stored(verify_reads=False)

    answer = client.get(f"{path}/file")

    assert answer.content == content
    assert answer.getheader("Content-Type") == "application/dicom"
    assert answer.getheader("Content-Length") == str(len(content))
    assert until(lambda: sum(sent) == len(content))


def test_headers_are_those_of_a_file_that_is_read(stored):
    client, path, _ = stored()
    first, second = (client.get(f"{path}/file", filename="x") for _ in range(2))

    assert dict(first.getheaders()).keys() == dict(second.getheaders()).keys()
    assert {**dict(first.getheaders()), "Date": ""} == {**dict(second.getheaders()), "Date": ""}


@pytest.mark.parametrize("wanted", ["bytes=0-0", "bytes=1000-200999", "bytes=-70000", "bytes=5-"])
def test_ranges_are_sent_likewise(stored, sent, wanted):
    client, path, content = stored()
    data = f"{path}/attachments/dicom/data"
    client.get(data)
    sent.clear()

    whole, part = client.get(data), client.get(data, headers={"Range": wanted})

    first, last = wanted.removeprefix("bytes=").split("-")
    expected = (
        content[-int(last) :]
        if not first
        else content[int(first) :][: int(last or 10**9) - int(first) + 1]
    )
    assert whole.content == content
    assert (part.status, part.content) == (206, expected)
    assert part.getheader("Content-Range").endswith(f"/{len(content)}")
    assert part.getheader("ETag") == whole.getheader("ETag")
    assert until(lambda: sum(sent) == len(content) + len(expected))


def test_what_is_known_is_not_sent_and_what_lies_outside_is_refused(stored, sent):
    client, path, content = stored(verify_reads=False)
    data = f"{path}/attachments/dicom/data"
    tag = client.get(data).getheader("ETag")
    until(lambda: sent)  # it is noted after the last byte
    sent.clear()

    assert client.get(data, headers={"If-None-Match": tag}).status == 304
    assert client.get(data, headers={"Range": f"bytes={len(content)}-"}).status == 416
    assert client("HEAD", f"{path}/file").getheader("Content-Length") == str(len(content))
    assert sent == []


def test_a_file_that_was_touched_is_looked_at_anew(stored, sent):
    client, path, content = stored()
    client.get(f"{path}/file")
    place = place_of(client, path)

    place.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    answer = client.get(f"{path}/file")
    assert answer.status == 500
    assert content[1000:2000] not in answer.content
    assert sent == []
    place.write_bytes(content)
    assert client.get(f"{path}/file").content == content


@pytest.mark.parametrize("change", ["shorter", "gone"])
def test_a_file_that_is_not_whole_any_more_is_told_as_ever(stored, sent, change):
    client, path, content = stored(verify_reads=False)
    place = place_of(client, path)
    if change == "gone":
        place.unlink()
    else:
        place.write_bytes(content[:-1])

    assert client.get(f"{path}/file").status == 500
    assert sent == []


def test_a_file_that_shrinks_on_its_way_is_not_taken_for_whole(stored, monkeypatch):
    client, path, content = stored(verify_reads=False)
    place = place_of(client, path)
    sendfile = os.sendfile

    def shrinking(target, source, offset, count):
        os.truncate(place, 1000)
        return sendfile(target, source, offset, count)

    monkeypatch.setattr(passing.os, "sendfile", shrinking)

    with pytest.raises(http.client.IncompleteRead) as broken:
        client.get(f"{path}/file")
    assert broken.value.partial == content[:1000]


def test_whoever_reads_slowly_gets_all_and_keeps_nobody(stored, sent):
    client, path, content = stored(size=20_000_000, verify_reads=False)
    with closing(socket.create_connection(("127.0.0.1", client.port))) as slow:
        slow.sendall(f"GET {path}/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        until(lambda: sent)

        assert client.get("/system").status == 200
        assert client.get(f"{path}/file").content == content
        received = bytearray()
        while piece := slow.recv(1 << 16):
            received += piece
    assert bytes(received).endswith(content)


def test_whoever_goes_away_in_the_middle_harms_nobody(stored, sent):
    client, path, content = stored(size=20_000_000, verify_reads=False)
    with closing(socket.create_connection(("127.0.0.1", client.port))) as gone:
        gone.sendall(f"GET {path}/file HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: sent)

    assert client.get(f"{path}/file").content == content


def test_a_deleted_file_that_is_being_sent_is_sent_to_its_end(stored, sent):
    client, path, content = stored(size=20_000_000, verify_reads=False)
    with closing(socket.create_connection(("127.0.0.1", client.port))) as slow:
        slow.sendall(f"GET {path}/file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        until(lambda: sent)
        place = place_of(client, path)
        assert client("DELETE", path).status == 200
        until(lambda: not place.exists())
        received = bytearray()
        while piece := slow.recv(1 << 16):
            received += piece
    assert bytes(received).endswith(content)


def test_many_files_follow_each_other_on_one_connection(stored, sent):
    client, path, content = stored(verify_reads=False)
    with closing(client.connection()) as connection:
        for _ in range(20):
            connection.request("GET", f"{path}/file")
            assert connection.getresponse().read() == content
            connection.request("GET", "/tools/now")
            assert connection.getresponse().read()
    assert until(lambda: sum(sent) == 20 * len(content))


@pytest.mark.parametrize("options", [{"storage_compression": True}])
def test_what_does_not_lie_there_as_it_came_is_read(stored, sent, options):
    client, path, content = stored(**options)

    for _ in range(2):
        assert client.get(f"{path}/file").content == content
    assert sent == []


def test_the_api_within_reads_what_it_is_asked_for(stored, sent):
    client, path, content = stored(verify_reads=False)
    id_ = path.rpartition("/")[2]
    lent = client.archive.ask(LendFile(level=Level.INSTANCE, id=id_))

    assert Path(lent.path) == place_of(client, path)
    assert lent.attachment.uncompressed_size == len(content)


def test_over_tls_files_are_read_and_encrypted(stored, sent, trusting, certificates, whole):
    client = whole(ssl_enabled=True, ssl_certificate=str(certificates / "server.pem"))
    client.context = trusting()
    client.server = client.archive
    content = make_dicom(size=300_000)
    client("POST", "/instances", content)
    (id_,) = client.json("/instances")

    for _ in range(2):
        assert client.get(f"/instances/{id_}/file").content == content
    assert sent == []


def test_files_are_sent_to_many_at_once(stored, sent):
    client, path, content = stored(size=2_000_000, verify_reads=False)
    right = []

    def read():
        right.extend(client.get(f"{path}/file").content == content for _ in range(5))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert right == [True] * 40
