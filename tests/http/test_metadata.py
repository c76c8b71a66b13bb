"""Metadata over HTTP, with Orthanc's statuses, codes and revisions."""

import hashlib
import json

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.model import Level
from repertory.testing.files import make_dicom

NOBODY = "11111111-11111111-11111111-11111111-11111111"
LEVELS = list(Level)


def etag(number, content):
    return f'"{number}-{hashlib.md5(content).hexdigest()}"'


@pytest.fixture
def client(whole):
    return whole(user_metadata={"mine": 1030})


@pytest.fixture
def ids(client):
    return client.archive.ask(StoreInstance(content=make_dicom())).ids


def path_of(ids, level, name=""):
    return f"/{level.plural}/{ids.at(level)}/metadata" + (f"/{name}" if name else "")


def code_of(response):
    return json.loads(response.content)["OrthancStatus"] if response.content else None


@pytest.mark.parametrize("level", LEVELS)
def test_a_metadata_is_put_got_and_deleted_by_name_or_number(client, ids, level):
    put = client("PUT", path_of(ids, level, "mine"), body=b"hello")
    assert (put.status, put.content, put.getheader("ETag")) == (200, b"", etag(0, b"hello"))
    assert put.getheader("Content-Type") == "text/plain"

    got = client.get(path_of(ids, level, "1030"))
    assert (got.content, got.getheader("ETag")) == (b"hello", etag(0, b"hello"))
    assert got.getheader("Content-Type") == "text/plain"
    again = client("PUT", path_of(ids, level, "1030"), body="ö".encode())
    assert again.getheader("ETag") == etag(1, "ö".encode())
    assert client("DELETE", path_of(ids, level, "mine")).status == 200
    assert client.get(path_of(ids, level, "mine")).status == 404


@pytest.mark.parametrize("level", LEVELS)
def test_metadata_are_listed_by_name_and_by_number(client, ids, level):
    client("PUT", path_of(ids, level, "5000"), body=b"b")
    client("PUT", path_of(ids, level, "mine"), body=b"a")

    assert client.json(path_of(ids, level))[-3:] == ["MainDicomTagsSignature", "mine", "5000"]
    assert client.json(path_of(ids, level) + "?numeric")[-3:] == [15, 1030, 5000]
    values = client.json(path_of(ids, level) + "?expand")
    assert (values["mine"], values["5000"]) == ("a", "b")
    values = client.json(path_of(ids, level) + "?expand&numeric")
    assert (values["1030"], values["5000"]) == ("a", "b")


def test_the_archives_own_metadata_are_read_by_name_or_number(client, ids):
    for name in ("TransferSyntax", "9"):
        got = client.get(path_of(ids, Level.INSTANCE, name))
        assert got.content == b"1.2.840.10008.1.2.1"
        assert got.getheader("ETag") == etag(0, got.content)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["LastUpdate", "7", "1023", "0", "65536", "99999999999999999999"])
def test_what_is_not_the_users_own_is_forbidden_without_a_body(client, ids, method, name):
    response = client(method, path_of(ids, Level.STUDY, name), body=b"x")

    assert (response.status, response.content) == (403, b"")
    assert response.getheader("Content-Type") is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("name", ["nonsense", "-1", "1e3", "%C2%B2"])
def test_an_unknown_name_is_an_unknown_item(client, ids, method, name):
    response = client(method, path_of(ids, Level.STUDY, name), body=b"x")

    assert (response.status, code_of(response)) == (404, 7)


@pytest.mark.parametrize("name", ["mine", "5000", "70", "70000"])
def test_a_metadata_that_is_missing_is_404_without_a_body(client, ids, name):
    response = client.get(path_of(ids, Level.STUDY, name))

    assert (response.status, response.content) == (404, b"")


def test_to_delete_what_is_missing_is_an_unknown_resource(client, ids):
    response = client("DELETE", path_of(ids, Level.STUDY, "mine"))

    assert (response.status, code_of(response)) == (404, 17)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("id_", [NOBODY, "nonsense"])
def test_metadata_of_an_unknown_resource_are_an_unknown_resource(client, method, id_):
    response = client(method, f"/studies/{id_}/metadata/mine", body=b"x")

    assert (response.status, code_of(response)) == (404, 17)
    assert code_of(client.get(f"/studies/{id_}/metadata")) == 17


@pytest.mark.parametrize(
    "header", ["{}", "W/{}", '"x", {}', "*"], ids=["same", "weak", "list", "any"]
)
def test_what_the_client_has_already_is_not_sent_again(client, ids, header):
    client("PUT", path_of(ids, Level.STUDY, "mine"), body=b"hello")
    tag = etag(0, b"hello")
    response = client.get(path_of(ids, Level.STUDY, "mine"), If_None_Match=header.format(tag))

    assert (response.status, response.content) == (304, b"")
    assert response.getheader("ETag") == tag


def test_what_the_client_has_not_is_sent(client, ids):
    client("PUT", path_of(ids, Level.STUDY, "mine"), body=b"hello")
    for header in (etag(1, b"hello"), etag(0, b"other"), "nonsense"):
        response = client.get(path_of(ids, Level.STUDY, "mine"), If_None_Match=header)
        assert response.content == b"hello"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_only_the_revision_that_was_seen_is_overwritten_or_deleted(client, ids, method):
    path = path_of(ids, Level.STUDY, "mine")
    client("PUT", path, body=b"hello")
    for wrong in (etag(1, b"hello"), etag(0, b"other")):
        response = client(method, path, body=b"new", headers={"If-Match": wrong})
        assert (response.status, code_of(response)) == (409, 43)
        assert json.loads(response.content)["Message"].startswith("A bad revision number")
    assert client.get(path).content == b"hello"

    right = etag(0, b"hello").strip('"')
    assert client(method, path, body=b"new", headers={"If-Match": right}).status == 200


@pytest.mark.parametrize("header", ["nonsense", "0", "-1-00", '"1-XYZ"', "*", ""])
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_an_if_match_that_cannot_be_read_is_refused(client, ids, method, header):
    path = path_of(ids, Level.STUDY, "mine")
    client("PUT", path, body=b"hello")
    response = client(method, path, body=b"new", headers={"If-Match": header})

    assert (response.status, code_of(response)) == (400, 3)


def test_where_revisions_are_checked_nothing_is_overwritten_unseen(whole):
    client = whole(check_revisions=True)
    ids = client.archive.ask(StoreInstance(content=make_dicom())).ids
    path = path_of(ids, Level.STUDY, "1024")

    assert client.json("/system")["CheckRevisions"] is True
    first = client("PUT", path, body=b"new needs none")
    assert first.status == 200
    assert code_of(client("PUT", path, body=b"x")) == 43
    refused = client("DELETE", path)
    assert (refused.status, code_of(refused)) == (409, 43)
    assert "If-Match" in json.loads(refused.content)["Details"]
    seen = {"If-Match": first.getheader("ETag")}
    second = client("PUT", path, body=b"y", headers=seen)
    assert second.status == 200
    assert client("DELETE", path, headers={"If-Match": second.getheader("ETag")}).status == 200
    # What is made anew begins at 0 again.
    assert client("PUT", path, body=b"z").getheader("ETag") == etag(0, b"z")


def test_a_value_that_is_no_text_is_refused(client, ids):
    response = client("PUT", path_of(ids, Level.STUDY, "mine"), body=b"\xff\xfe")

    assert response.status == 400


def test_writings_are_among_the_changes(client, ids):
    client("PUT", path_of(ids, Level.SERIES, "mine"), body=b"x")
    client("DELETE", path_of(ids, Level.SERIES, "mine"))

    changes = client.json("/changes?since=4")["Changes"]
    assert [(c["ChangeType"], c["ID"]) for c in changes] == [("UpdatedMetadata", ids.series)] * 2
