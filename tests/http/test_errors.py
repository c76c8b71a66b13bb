import json

import pytest

from repertory.actors.messages.system import DescribeTotals
from repertory.errors import (
    Failed,
    FileLost,
    IndexBusy,
    Refused,
    RepertoryError,
    Unauthorized,
    UnknownResource,
)
from repertory.http.errors import TABLE, row_of


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
def test_every_error_is_answered_by_its_row(archive, client, kind):
    archive.plays(DescribeTotals, kind("What went wrong."))
    row = TABLE[kind]

    response = client.get("/statistics/?x=1")

    assert response.status == row.status
    if kind is Unauthorized:
        assert response.content == b""
        assert response.headers["WWW-Authenticate"] == 'Basic realm="Orthanc Secure Area"'
        return
    body = json.loads(response.content)
    assert body == {
        "Details": "What went wrong.",
        "HttpError": response.reason,
        "HttpStatus": row.status,
        "Message": row.text,
        "Method": "GET",
        "OrthancError": row.text,
        "OrthancStatus": row.code,
        "Uri": "/statistics/",
    }


def test_the_body_is_text_indented_by_tabs(archive, client):
    archive.plays(DescribeTotals, IndexBusy())

    response = client.get("/statistics")

    assert response.headers["Content-Type"] == "text/plain"
    assert response.content.startswith(b'{\n\t"Details" : "The index is busy: ')
    assert response.content.endswith(b'"/statistics"\n}\n')


def test_a_bug_is_answered_without_its_words(archive, client):
    archive.plays(DescribeTotals, KeyError("/srv/secret"))

    response = client.get("/statistics")

    assert response.status == 500
    body = json.loads(response.content)
    assert body["OrthancStatus"] == -1
    assert "Details" not in body
    assert b"secret" not in response.content


def test_what_nobody_handles_is_a_failure(client):
    assert client.get("/statistics").status == 500


def test_errors_are_not_described_where_the_settings_say_so(archive, serve):
    archive.plays(DescribeTotals, FileLost())

    response = serve(http_describe_errors=False).get("/statistics")

    assert response.status == 500
    assert response.content == b""


@pytest.mark.parametrize(
    ("parent", "status"), [(UnknownResource, 404), (Refused, 400), (Failed, 500)]
)
def test_an_error_that_is_not_listed_is_answered_like_its_parent(parent, status):
    class Special(parent):
        """A special case."""

    assert row_of(Special()).status == status


def test_statuses_that_are_retried_say_that_nothing_was_done():
    # orthanc_api_client sends a request again after 502 and 503, an upload too.
    retried = {kind.__name__ for kind, row in TABLE.items() if row.status in {502, 503}}

    assert retried == {"IndexBusy", "LeaseLost", "ShuttingDown", "StorageUnavailable"}


def test_the_root_of_the_errors_is_internal():
    assert row_of(RepertoryError()).code == -1
    assert row_of(ValueError()).code == -1
