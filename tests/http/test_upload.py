import gzip
import io
import json
import socket
import threading
import zipfile

import pytest

from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    StoreInstance,
    StoreZip,
    UploadId,
)
from repertory.errors import ArchiveFull, MissingTag, NoReplyInTime, NotDicom
from repertory.model import OriginKind, StoreReceipt, StoreStatus

DICOM = b"\0" * 128 + b"DICM" + b"the rest"
MEGABYTE = 1 << 20


@pytest.fixture
def stores(archive, receipt):
    archive.plays(StoreInstance, receipt)


@pytest.fixture
def spools(archive, receipt):
    """The parts that take large bodies in; gives what the upload has received."""
    received = bytearray()
    archive.plays(BeginUpload, UploadId("up"))
    archive.plays(AppendToUpload, lambda command: received.extend(command.content))
    archive.plays(StoreInstance, receipt)
    return received


@pytest.fixture
def abandoned(archive):
    """Set when an upload is abandoned."""
    heard = threading.Event()
    archive.plays(AbandonUpload, lambda _: heard.set())
    return heard


def zip_of(*contents):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(f"{number}.dcm", content)
    return file.getvalue()


def form_of(*files):
    """A body of multipart/form-data with files, and its headers."""
    parts = [
        b"--limit\r\n"
        b'Content-Disposition: form-data; name="file"; filename="x.dcm"\r\n'
        b"Content-Type: application/dicom\r\n\r\n" + content + b"\r\n"
        for content in files
    ]
    parts.append(b'--limit\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n')
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    return b"".join([*parts, b"--limit--\r\n"]), headers


@pytest.mark.usefixtures("stores")
def test_an_upload_is_answered_by_its_receipt(archive, client, ids):
    response = client("POST", "/instances", body=DICOM)

    assert response.status == 200
    assert json.loads(response.content) == {
        "ID": ids.instance,
        "ParentPatient": ids.patient,
        "ParentSeries": ids.series,
        "ParentStudy": ids.study,
        "Path": f"/instances/{ids.instance}",
        "Status": "Success",
    }
    (command,) = archive.heard(StoreInstance)
    assert command.content == DICOM
    assert command.origin.kind is OriginKind.REST_API
    assert command.origin.http_username == ""


def test_an_instance_that_was_there_says_so(archive, client, ids):
    archive.plays(StoreInstance, StoreReceipt(ids=ids, status=StoreStatus.ALREADY_STORED))

    response = client("POST", "/instances", body=DICOM)

    assert json.loads(response.content)["Status"] == "AlreadyStored"


@pytest.mark.usefixtures("stores")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "application/dicom"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "rubbish"},
        {"Expect": ""},
    ],
)
def test_the_type_of_the_body_does_not_matter(archive, client, headers):
    assert client("POST", "/instances", body=DICOM, headers=headers).status == 200
    assert archive.heard(StoreInstance)[0].content == DICOM


@pytest.mark.usefixtures("stores")
def test_a_body_may_come_in_chunks(archive, client):
    client("POST", "/instances", body=iter([DICOM[:10], DICOM[10:100], DICOM[100:]]))

    assert archive.heard(StoreInstance)[0].content == DICOM


@pytest.mark.usefixtures("stores")
def test_a_body_may_be_compressed(archive, client):
    headers = {"Content-Encoding": "gzip"}

    response = client("POST", "/instances", body=gzip.compress(DICOM), headers=headers)

    assert response.status == 200
    assert archive.heard(StoreInstance)[0].content == DICOM


def test_a_body_that_cannot_be_unpacked_is_refused(client):
    headers = {"Content-Encoding": "gzip"}

    response = client("POST", "/instances", body=b"no gzip at all", headers=headers)

    assert response.status == 400


@pytest.mark.usefixtures("stores")
def test_a_client_that_waits_is_asked_for_the_body(archive, client):
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(
            b"POST /instances HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(DICOM)
        )
        assert sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(DICOM)
        assert sock.recv(17) == b"HTTP/1.1 200 OK\r\n"[:17]

    assert archive.heard(StoreInstance)[0].content == DICOM


def test_a_client_that_waits_is_refused_before_it_sends(serve):
    client = serve(maximum_request_body_size_mb=1)
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(
            b"POST /instances HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert sock.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("body", [b"", None])
def test_nothing_is_no_dicom_file(client, body):
    response = client("POST", "/instances", body=body)

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 15


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [(NotDicom(), 400, 15), (MissingTag(), 404, 21), (ArchiveFull(), 507, 19)],
)
def test_a_refusal_is_told(archive, client, error, status, code):
    archive.plays(StoreInstance, error)

    response = client("POST", "/instances", body=DICOM)

    assert response.status == status
    assert json.loads(response.content)["OrthancStatus"] == code


def test_a_zip_archive_is_known_by_its_beginning(archive, client, receipt):
    archive.plays(StoreZip, (receipt, receipt))
    body = zip_of(DICOM, DICOM)

    response = client("POST", "/instances", body=body)

    assert [stored["Status"] for stored in json.loads(response.content)] == ["Success"] * 2
    assert archive.heard(StoreZip)[0].content == body


def test_an_empty_zip_archive_stores_nothing(archive, client):
    archive.plays(StoreZip, ())

    assert client("POST", "/instances", body=zip_of()).content == b"[]"


@pytest.mark.usefixtures("stores")
def test_a_form_with_one_file_is_answered_like_the_file(archive, client, ids):
    body, headers = form_of(DICOM)

    response = client("POST", "/instances", body=body, headers=headers)

    assert json.loads(response.content)["ID"] == ids.instance
    assert archive.heard(StoreInstance)[0].content == DICOM


@pytest.mark.usefixtures("stores")
def test_a_form_with_files_is_answered_by_an_array(archive, client, receipt):
    archive.plays(StoreZip, (receipt,))
    body, headers = form_of(DICOM, zip_of(DICOM), DICOM + b"2")

    response = client("POST", "/instances", body=body, headers=headers)

    assert len(json.loads(response.content)) == 3
    assert [command.content for command in archive.heard(StoreInstance)] == [DICOM, DICOM + b"2"]


def test_a_form_without_a_file_is_refused(client):
    body, headers = form_of()

    response = client("POST", "/instances", body=body, headers=headers)

    assert json.loads(response.content)["OrthancStatus"] == 15


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_form_that_cannot_be_read_is_refused(client, content_type):
    headers = {"Content-Type": content_type}

    response = client("POST", "/instances", body=b"no form", headers=headers)

    assert response.status == 400


@pytest.mark.parametrize("sized", [True, False])
def test_a_large_body_is_never_held_whole(archive, serve, spools, sized):
    client = serve(spool_threshold_mb=1)
    body = DICOM + bytes(range(256)) * 4096 * 5
    parts = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]

    response = client("POST", "/instances", body=body if sized else iter(parts))

    assert response.status == 200
    assert spools == body
    assert {len(command.content) <= MEGABYTE for command in archive.heard(AppendToUpload)} == {True}
    (command,) = archive.heard(StoreInstance)
    assert command.content == "up"


def test_a_body_at_the_threshold_stays_in_memory(archive, serve, spools):
    client = serve(spool_threshold_mb=1)
    body = DICOM.ljust(MEGABYTE, b"x")

    client("POST", "/instances", body=body)
    client("POST", "/instances", body=body + b"x")

    assert [command.content == body for command in archive.heard(StoreInstance)] == [True, False]
    assert spools == body + b"x"


def test_a_large_zip_archive_is_spooled_too(archive, serve, spools, receipt):
    archive.plays(StoreZip, (receipt,))
    body = zip_of(b"x" * 3 * MEGABYTE)

    serve(spool_threshold_mb=1)("POST", "/instances", body=body)

    assert spools == body
    assert archive.heard(StoreZip)[0].content == "up"


@pytest.mark.usefixtures("spools")
def test_a_client_that_goes_away_leaves_no_upload(archive, serve, abandoned):
    client = serve(spool_threshold_mb=1)
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(b"POST /instances HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
        sock.sendall(DICOM.ljust(3 * MEGABYTE, b"x"))

    assert abandoned.wait(10)
    assert not archive.heard(StoreInstance)


@pytest.mark.usefixtures("spools")
def test_a_client_that_falls_silent_leaves_no_upload(serve, abandoned):
    client = serve(spool_threshold_mb=1, http_request_timeout=0.05)
    with socket.create_connection(("127.0.0.1", client.server.port), timeout=10) as sock:
        sock.sendall(b"POST /instances HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
        sock.sendall(DICOM.ljust(3 * MEGABYTE, b"x"))

        assert sock.recv(12) == b"HTTP/1.1 408"
    assert abandoned.wait(10)


@pytest.mark.usefixtures("spools")
def test_a_large_file_that_is_refused_leaves_no_upload(archive, serve, abandoned):
    archive.plays(StoreInstance, NotDicom())

    response = serve(spool_threshold_mb=1)("POST", "/instances", body=b"x" * 2 * MEGABYTE)

    assert response.status == 400
    assert abandoned.wait(10)


@pytest.mark.usefixtures("spools")
def test_a_full_disk_is_told_while_the_body_comes_in(archive, serve, abandoned):
    archive.plays(AppendToUpload, ArchiveFull())

    response = serve(spool_threshold_mb=1)("POST", "/instances", body=b"x" * 4 * MEGABYTE)

    assert response.status == 507
    assert abandoned.wait(10)
    assert not archive.heard(StoreInstance)


@pytest.mark.usefixtures("spools")
def test_an_upload_whose_store_may_go_on_is_left_to_it(archive, serve, abandoned):
    archive.plays(StoreInstance, NoReplyInTime())

    response = serve(spool_threshold_mb=1)("POST", "/instances", body=b"x" * 2 * MEGABYTE)

    assert response.status == 504
    assert not abandoned.is_set()


@pytest.mark.parametrize("sized", [True, False])
def test_a_body_over_the_limit_is_refused(archive, serve, sized):
    body = b"x" * (MEGABYTE + 1)

    client = serve(maximum_request_body_size_mb=1)
    response = client("POST", "/instances", body=body if sized else iter([body]))

    assert response.status == 413
    assert json.loads(response.content)["HttpStatus"] == 413
    assert archive.said == []


def test_a_body_that_unpacks_to_more_than_the_limit_is_refused(archive, serve, abandoned):
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(bytes(3 * MEGABYTE))

    client = serve(maximum_request_body_size_mb=2)
    response = client("POST", "/instances", body=body, headers=headers)

    assert response.status == 413
    assert not archive.heard(StoreInstance)


def test_a_form_over_the_limit_is_refused(serve):
    body, headers = form_of(b"x" * (MEGABYTE + 1))

    client = serve(maximum_request_body_size_mb=1)

    assert client("POST", "/instances", body=body, headers=headers).status == 413
    assert client("POST", "/instances", body=iter([body]), headers=headers).status == 413


@pytest.mark.usefixtures("stores")
def test_no_limit_is_no_limit(archive, serve):
    body = b"x" * (MEGABYTE + 1)

    client = serve(maximum_request_body_size_mb=0)

    assert client("POST", "/instances", body=body).status == 200
