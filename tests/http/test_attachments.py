"""Attachments over HTTP, with Orthanc's statuses, codes, ranges and revisions."""

import hashlib
import json
from pathlib import Path

import pytest

from repertory.actors.messages.attachments import ListAttachments, RemoveReleased
from repertory.actors.messages.instances import StoreInstance
from repertory.http.bodies import PIECE_SIZE
from repertory.model import Level
from repertory.testing.files import make_dicom

NOBODY = "11111111-11111111-11111111-11111111-11111111"
LEVELS = list(Level)
PDF = b"%PDF-1.7 made up"


def etag(number, content):
    return f'"{number}-{hashlib.md5(content).hexdigest()}"'


@pytest.fixture
def client(whole):
    return whole(
        user_content_type={"report": (1040, "application/pdf"), "plain": 1041},
        spool_threshold_mb=1,
        sync_storage_area=False,
    )


@pytest.fixture
def dicom():
    return make_dicom()


@pytest.fixture
def ids(client, dicom):
    return client.archive.ask(StoreInstance(content=dicom)).ids


def path_of(ids, level, *parts):
    return "/".join([f"/{level.plural}/{ids.at(level)}/attachments", *parts])


def code_of(response):
    return json.loads(response.content)["OrthancStatus"] if response.content else None


@pytest.fixture
def report(client, ids):
    """The path of a study's attachment, which is there."""
    path = path_of(ids, Level.STUDY, "report")
    assert client("PUT", path, body=PDF).status == 200
    return path


@pytest.mark.parametrize("level", LEVELS)
def test_a_file_is_put_got_replaced_and_deleted(client, ids, level):
    path = path_of(ids, level, "report")
    put = client("PUT", path, body=PDF)
    assert (put.status, put.content, put.getheader("ETag")) == (200, b"{}", etag(0, PDF))
    assert put.getheader("Content-Type") == "application/json"

    got = client.get(f"{path}/data")
    assert (got.content, got.getheader("ETag")) == (PDF, etag(0, PDF))
    assert got.getheader("Content-Type") == "application/pdf"
    old = client.json(f"{path}/info")
    again = client("PUT", path, body=b"")
    assert again.getheader("ETag") == etag(1, b"")
    assert client.json(f"{path}/info")["Uuid"] != old["Uuid"]
    assert client.get(f"{path}/data").content == b""
    deleted = client("DELETE", path)
    assert (deleted.status, deleted.content) == (200, b"")
    assert client.get(f"{path}/data").status == 404


@pytest.mark.parametrize("level", LEVELS)
def test_attachments_are_listed_by_name_and_number(client, ids, level):
    for name in ("5001", "report"):
        client("PUT", path_of(ids, level, name), body=b"x")

    own = ["dicom"] if level is Level.INSTANCE else []
    assert client.json(path_of(ids, level)) == [*own, "report", "5001"]
    numbers = client.json(path_of(ids, level) + "?full")
    assert numbers == dict.fromkeys(own, 1) | {"report": 1040, "5001": 5001}


def test_everything_about_an_attachment_can_be_asked(client, report):
    told = {
        "size": str(len(PDF)),
        "compressed-size": str(len(PDF)),
        "md5": hashlib.md5(PDF).hexdigest(),
        "compressed-md5": hashlib.md5(PDF).hexdigest(),
        "is-compressed": "0",
    }
    for name, text in told.items():
        response = client.get(f"{report}/{name}")
        assert response.text == text
        assert response.getheader("Content-Type") == "text/plain"
        assert response.getheader("ETag") == etag(0, PDF)
    info = client.json(f"{report}/info")
    assert client.get(f"{report}/uuid").text == info.pop("Uuid")
    assert info == {
        "CompressedMD5": told["md5"],
        "CompressedSize": len(PDF),
        "ContentType": 1040,
        "UncompressedMD5": told["md5"],
        "UncompressedSize": len(PDF),
    }
    operations = client.get(report)
    assert {"compress", "data", "verify-md5"} < set(json.loads(operations.content))
    assert operations.getheader("ETag") == etag(0, PDF)


@pytest.mark.parametrize("operation", ["", "/data", "/compressed-data", "/info", "/size", "/md5"])
def test_what_the_client_has_already_is_not_sent_again(client, report, operation):
    response = client.get(report + operation, If_None_Match=etag(0, PDF))

    assert (response.status, response.content) == (304, b"")
    assert client.get(report + operation, If_None_Match=etag(1, PDF)).status == 200


def test_the_dicom_file_is_an_attachment(client, ids, dicom):
    path = path_of(ids, Level.INSTANCE, "dicom")
    for name in ("dicom", "1"):
        got = client.get(path_of(ids, Level.INSTANCE, name, "data"))
        assert got.content == dicom
    assert got.getheader("Content-Type") == "application/dicom"
    assert client.get(f"{path}/compressed-data").getheader("Content-Type") == (
        "application/octet-stream"
    )


@pytest.mark.parametrize("operation", ["data", "compressed-data"])
@pytest.mark.parametrize(
    ("wanted", "first", "end"),
    [("0-0", 0, 1), ("2-4", 2, 5), ("5-", 5, 16), ("-3", 13, 16), ("3-99", 3, 16), ("-99", 0, 16)],
)
def test_a_range_is_a_part_of_the_file(client, report, operation, wanted, first, end):
    response = client.get(f"{report}/{operation}", Range=f"bytes={wanted}")

    assert (response.status, response.content) == (206, PDF[first:end])
    assert response.getheader("Content-Range") == f"bytes {first}-{end - 1}/16"
    assert response.getheader("ETag") == etag(0, PDF)


@pytest.mark.parametrize("wanted", ["bytes=16-20", "bytes=4-2", "nonsense", "bytes=-", "bytes=-0"])
def test_a_range_outside_of_the_file_is_refused(client, report, wanted):
    response = client.get(f"{report}/data", Range=wanted)

    assert (response.status, code_of(response)) == (416, 41)


def test_a_range_of_another_version_is_no_use(client, report):
    newer = client.get(f"{report}/data", Range="bytes=0-1", If_Range=etag(7, PDF))
    same = client.get(f"{report}/data", Range="bytes=0-1", If_Range=etag(0, PDF))

    assert (newer.status, newer.content) == (200, PDF)
    assert (same.status, same.content) == (206, PDF[:2])


def test_several_ranges_are_answered_by_the_whole(client, report):
    response = client.get(f"{report}/data", Range="bytes=0-1,3-4")

    assert (response.status, response.content) == (200, PDF)


def test_the_client_is_told_a_name(client, report):
    uuid = client.get(f"{report}/uuid").text
    told = client.get(f"{report}/data").getheader("Content-Disposition")
    wanted = client.get(f"{report}/data?filename=a.pdf").getheader("Content-Disposition")

    assert (told, wanted) == (f'filename="{uuid}"', 'filename="a.pdf"')


def test_a_long_file_comes_in_pieces_and_goes_in_pieces(client, ids):
    content = b"0123456789abcdef" * (5 * PIECE_SIZE // 32 + 7)
    path = path_of(ids, Level.STUDY, "plain")
    put = client("PUT", path, body=content)
    assert put.getheader("ETag") == etag(0, content)

    whole = client.get(f"{path}/data")
    assert (whole.content == content, whole.getheader("Content-Length")) == (
        True,
        str(len(content)),
    )
    part = client.get(f"{path}/compressed-data", Range=f"bytes=7-{2 * PIECE_SIZE}")
    assert part.content == content[7 : 2 * PIECE_SIZE + 1]
    head = client("HEAD", f"{path}/data", headers={"Range": "bytes=5-"})
    assert (head.status, head.getheader("Content-Length")) == (206, str(len(content) - 5))


@pytest.mark.parametrize("name", ["dicom", "1", "dicom-until-pixel-data", "99", "70000"])
def test_what_is_not_the_users_own_is_forbidden_without_a_body(client, ids, name):
    for method in ("PUT", "DELETE"):
        response = client(method, path_of(ids, Level.INSTANCE, name), body=b"x")
        assert (response.status, response.content) == (403, b"")


def test_an_attachment_that_a_user_named_is_compressed_and_uncompressed(client, report):
    assert client("POST", f"{report}/compress").content == b"{}"
    assert client.get(f"{report}/is-compressed").content == b"1"
    assert client("POST", f"{report}/uncompress").content == b"{}"
    assert client.get(f"{report}/is-compressed").content == b"0"
    assert client.get(f"{report}/data").content == PDF


def test_an_obsolete_json_file_may_be_deleted_but_not_written(client, ids):
    path = path_of(ids, Level.INSTANCE, "dicom-as-json")

    assert client("PUT", path, body=b"{}").status == 403
    assert code_of(client("DELETE", path)) == 17


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_name_is_an_unknown_item(client, ids, method):
    response = client(method, path_of(ids, Level.STUDY, "nonsense"), body=b"x")

    assert (response.status, code_of(response)) == (404, 7)


@pytest.mark.parametrize("operation", ["", "/data", "/info", "/size"])
def test_an_attachment_that_is_missing_is_an_unknown_resource(client, ids, operation):
    missing = client.get(path_of(ids, Level.STUDY, "report") + operation)
    unknown = client.get(f"/studies/{NOBODY}/attachments/report{operation}")

    assert (missing.status, code_of(missing)) == (404, 17)
    assert (unknown.status, code_of(unknown)) == (404, 17)


def test_nothing_is_attached_to_what_is_not_there(client):
    put = client("PUT", f"/studies/{NOBODY}/attachments/report", body=PDF)
    deleted = client("DELETE", f"/studies/{NOBODY}/attachments/report")

    assert (put.status, code_of(put)) == (404, 7)
    assert (deleted.status, code_of(deleted)) == (404, 17)
    assert code_of(client.get(f"/studies/{NOBODY}/attachments")) == 17


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_the_revision_that_was_seen_is_replaced_or_deleted(client, report, method):
    for wrong in (etag(1, PDF), etag(0, b"other")):
        response = client(method, report, body=b"new", headers={"If-Match": wrong})
        assert (response.status, code_of(response)) == (409, 43)
    assert code_of(client(method, report, body=b"new", headers={"If-Match": "nonsense"})) == 3
    assert client.get(f"{report}/data").content == PDF

    assert client(method, report, body=b"new", headers={"If-Match": etag(0, PDF)}).status == 200


def test_where_revisions_are_checked_nothing_is_replaced_unseen(whole):
    client = whole(check_revisions=True)
    ids = client.archive.ask(StoreInstance(content=make_dicom())).ids
    path = path_of(ids, Level.STUDY, "1024")

    assert client("PUT", path, body=b"new needs none").status == 200
    assert code_of(client("PUT", path, body=b"x")) == 43
    assert code_of(client("DELETE", path)) == 43
    assert client("DELETE", path_of(ids, Level.INSTANCE, "dicom")).status == 403


def file_of(client, ids):
    """The DICOM file of an instance on the disk."""
    question = ListAttachments(level=Level.INSTANCE, id=ids.instance)
    uuid = client.archive.ask(question)[0].uuid
    return Path(client.archive.settings.storage_directory, uuid[:2], uuid[2:4], uuid)


def test_a_file_is_verified_on_the_disk_whatever_was_read_before(client, ids):
    path = path_of(ids, Level.INSTANCE, "dicom")
    assert client.get(f"{path}/data").status == 200
    whole = client("POST", f"{path}/verify-md5")
    assert (whole.status, whole.content) == (200, b"{}")
    assert whole.getheader("Content-Type") == "application/json"

    file = file_of(client, ids)
    content = bytearray(file.read_bytes())
    content[200] ^= 1
    file.write_bytes(content)
    flipped = client("POST", f"{path}/verify-md5")
    assert (flipped.status, code_of(flipped)) == (500, 20)


def test_a_shorter_file_is_corrupted_and_a_lost_one_is_told_without_its_path(client, ids):
    path = path_of(ids, Level.INSTANCE, "dicom")
    file = file_of(client, ids)
    file.write_bytes(file.read_bytes()[:100])
    assert code_of(client("POST", f"{path}/verify-md5")) == 20
    assert code_of(client.get(f"{path}/data")) == 20
    assert code_of(client.get(f"{path}/compressed-data")) == 20

    file.unlink()
    for response in (client("POST", f"{path}/verify-md5"), client.get(f"{path}/data")):
        assert (response.status, code_of(response)) == (500, 2006)
        assert str(file.parents[2]) not in response.text
        assert file.name in response.text  # which file it is, as /info tells too


def test_what_cannot_be_verified_is_a_bad_request_without_a_body(client, ids, whole):
    missing = client("POST", path_of(ids, Level.STUDY, "report", "verify-md5"))
    assert (missing.status, missing.content) == (400, b"")
    assert code_of(client("POST", path_of(ids, Level.STUDY, "nonsense", "verify-md5"))) == 7
    unknown = client("POST", f"/studies/{NOBODY}/attachments/report/verify-md5")
    assert (unknown.status, code_of(unknown)) == (404, 17)


def test_without_sums_nothing_can_be_verified(whole):
    client = whole(store_md5_for_attachments=False)
    ids = client.archive.ask(StoreInstance(content=make_dicom())).ids
    path = path_of(ids, Level.INSTANCE, "dicom")

    response = client("POST", f"{path}/verify-md5")
    assert (response.status, response.content) == (400, b"")
    for name in ("md5", "compressed-md5"):
        response = client.get(f"{path}/{name}")
        assert (response.status, response.content) == (404, b"")
    assert client.get(path).getheader("ETag") == '"0-"'


def test_the_sizes_follow_and_the_changes_tell(client, ids, dicom):
    path = path_of(ids, Level.SERIES, "report")
    client("PUT", path, body=PDF)
    statistics = client.json(f"/studies/{ids.study}/statistics")
    assert statistics["DiskSize"] == str(len(dicom) + len(PDF))
    assert statistics["DicomDiskSize"] == str(len(dicom))
    client("DELETE", path)
    client.archive.ask(RemoveReleased())

    assert client.json("/statistics")["TotalDiskSize"] == str(len(dicom))
    changes = client.json("/changes?since=4")["Changes"]
    assert [(c["ChangeType"], c["ID"]) for c in changes] == [("UpdatedAttachment", ids.series)] * 2
