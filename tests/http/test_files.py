import http.client
import json

import pytest

from repertory.actors.messages.attachments import (
    AttachmentContent,
    LendFile,
    LentFile,
    ReadAttachment,
    ReadFile,
    ReadHeader,
    ReadTags,
)
from repertory.actors.messages.transcoding import ReadTranscoded, TranscodedFile
from repertory.errors import (
    BadParameter,
    FileLost,
    TranscodingFailed,
    UnknownResource,
    Unsupported,
)
from repertory.model import Attachment, Level, TagForm

MEGABYTE = 1 << 20
INSTANCE = "44444444-00000000-00000000-00000000-00000000"
FILE = f"/instances/{INSTANCE}/file"


@pytest.fixture
def keep(archive):
    """Makes the archive hold a file."""

    def keep_file(content):
        attachment = Attachment(
            uuid="5c5c5c5c-0000-4000-8000-000000000000",
            content_type=1,
            uncompressed_size=len(content),
            uncompressed_md5="",
            compressed_size=len(content),
            compressed_md5="",
        )
        archive.plays(
            ReadAttachment,
            lambda query: AttachmentContent(
                attachment=attachment, start=0, content=content[: query.length]
            ),
        )
        archive.plays(LendFile, LentFile(attachment=attachment, path=None))
        archive.plays(ReadFile, lambda query: content[query.start : query.start + query.length])
        return attachment

    return keep_file


def test_a_small_file_is_read_once(archive, client, keep):
    keep(b"DICM")

    response = client.get(FILE)

    assert response.content == b"DICM"
    assert response.headers["Content-Type"] == "application/dicom"
    assert response.headers["Content-Length"] == "4"
    assert response.headers["Content-Disposition"] == f'attachment; filename="{INSTANCE}.dcm"'
    (query,) = archive.heard(ReadAttachment)
    assert (query.level, query.id, query.start) == (Level.INSTANCE, INSTANCE, 0)
    assert not archive.heard(ReadFile)


def test_a_large_file_is_read_in_pieces(archive, client, keep):
    content = bytes(range(256)) * 4096 * 3 + b"the end"
    attachment = keep(content)

    response = client.get(FILE)

    assert response.content == content
    assert response.headers["Content-Length"] == str(len(content))
    queries = archive.heard(ReadFile)
    assert [query.start for query in queries] == [MEGABYTE, 2 * MEGABYTE, 3 * MEGABYTE]
    assert {query.attachment for query in queries} == {attachment}


def test_a_file_that_is_lost_on_the_way_is_not_taken_for_whole(archive, client, keep):
    keep(bytes(3 * MEGABYTE))
    archive.plays(ReadFile, FileLost())

    connection = client.connection()
    connection.request("GET", FILE)
    response = connection.getresponse()
    assert response.status == 200
    with pytest.raises((ConnectionError, http.client.IncompleteRead)):
        response.read()
    connection.close()


def test_a_client_that_goes_away_harms_nobody(client, keep):
    keep(bytes(8 * MEGABYTE))

    connection = client.connection()
    connection.request("GET", FILE)
    connection.getresponse().read(10)
    connection.close()

    assert client.get("/tools/now").status == 200


def test_head_tells_the_size_without_reading_the_file(archive, client, keep):
    keep(bytes(5 * MEGABYTE))

    response = client("HEAD", FILE)

    assert response.headers["Content-Length"] == str(5 * MEGABYTE)
    assert response.headers["Content-Type"] == "application/dicom"
    assert response.content == b""
    assert archive.heard(ReadAttachment)[0].length == 1
    assert not archive.heard(ReadFile)


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("a.dcm", 'attachment; filename="a.dcm"'),
        ("a%20b.dcm", 'attachment; filename="a b.dcm"'),
        ("%22;x=%22", 'attachment; filename="_;x=_"'),
        ("a%0D%0ASet-Cookie:x", 'attachment; filename="a__Set-Cookie:x"'),
        ("../../etc/x", 'attachment; filename=".._.._etc_x"'),
        ("%C3%A9.dcm", "attachment; filename=\"_.dcm\"; filename*=UTF-8''%C3%A9.dcm"),
        ("", f'attachment; filename="{INSTANCE}.dcm"'),
    ],
)
def test_the_client_may_name_the_file(client, keep, filename, header):
    keep(b"DICM")

    response = client.get(f"{FILE}?filename={filename}")

    assert response.headers["Content-Disposition"] == header


def test_an_unknown_instance_has_no_file(archive, client):
    archive.plays(LendFile, UnknownResource())
    archive.plays(ReadAttachment, UnknownResource())

    for method in ("GET", "HEAD"):
        assert client(method, FILE).status == 404


RLE = "1.2.840.10008.1.2.5"


def test_a_file_is_given_in_another_transfer_syntax(archive, client, ids):
    archive.plays(ReadTranscoded, TranscodedFile(content=b"other", transfer_syntax=RLE))

    response = client.get(f"{FILE}?transcode={RLE}&lossy-quality=50")

    assert (response.status, response.content) == (200, b"other")
    assert response.headers["Content-Type"] == "application/dicom"
    asked = ReadTranscoded(id=ids.instance, syntaxes=(RLE,), quality=50)
    assert archive.heard(ReadTranscoded) == [asked]


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (BadParameter("Unknown transfer syntax."), 400),
        (Unsupported("The pixels cannot be decoded."), 415),
        (TranscodingFailed(), 500),
        (UnknownResource(), 404),
    ],
    ids=lambda it: getattr(type(it), "__name__", it),
)
def test_what_cannot_be_transcoded_is_not_sent_as_if_it_were(archive, client, refusal, expected):
    archive.plays(ReadTranscoded, refusal)

    assert client.get(f"{FILE}?transcode={RLE}").status == expected


@pytest.mark.parametrize("quality", ["0", "101", "-3", "high", "1e9", "9" * 30])
def test_a_quality_is_a_number_from_1_to_100(client, quality):
    response = client.get(f"{FILE}?transcode={RLE}&lossy-quality={quality}")

    assert response.status == 400


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("tags", TagForm.FULL),
        ("tags?simplify", TagForm.SIMPLIFIED),
        ("tags?simplify=false", TagForm.FULL),
        ("tags?short", TagForm.SHORT),
        ("simplified-tags", TagForm.SIMPLIFIED),
        ("simplified-tags?full", TagForm.FULL),
    ],
)
def test_tags_are_given_in_the_form_that_is_asked_for(archive, client, query, form):
    archive.plays(ReadTags, {"PatientID": "é"})

    response = client.get(f"/instances/{INSTANCE}/{query}")

    assert response.content == b'{\n   "PatientID" : "\\u00e9"\n}'
    (question,) = archive.heard(ReadTags)
    assert (question.id, question.form) == (INSTANCE, form)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("7FE0-0010", {"7fe0,0010"}),
        ("7fe0-0010,0008-103e", {"7fe0,0010", "0008,103e"}),
        ("SeriesDescription", {"0008,103e"}),
        ("", set()),
        (",,", set()),
    ],
)
def test_the_length_of_some_tags_may_be_ignored(archive, client, value, tags):
    archive.plays(ReadTags, {})

    client.get(f"/instances/{INSTANCE}/tags?ignore-length={value}")

    assert archive.heard(ReadTags)[0].ignore_length == tags


def test_the_header_is_given_in_the_form_that_is_asked_for(archive, client):
    archive.plays(ReadHeader, {"0002,0010": {"Name": "TransferSyntaxUID", "Value": "1.2"}})

    full = client.json(f"/instances/{INSTANCE}/header")
    client.get(f"/instances/{INSTANCE}/header?short")

    assert full["0002,0010"]["Name"] == "TransferSyntaxUID"
    assert [query.form for query in archive.heard(ReadHeader)] == [TagForm.FULL, TagForm.SHORT]


def test_a_lost_file_is_a_failure_that_names_no_path(archive, client):
    archive.plays(ReadTags, FileLost())

    response = client.get(f"/instances/{INSTANCE}/tags")

    assert response.status == 500
    assert json.loads(response.content)["OrthancStatus"] == 2006
