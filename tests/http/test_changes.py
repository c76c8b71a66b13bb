import json

import pytest

from repertory.actors.messages.changes import ClearChanges, DescribeLastChange, ListChanges
from repertory.model import Change, ChangePage, ChangeType, Level

EMPTY = ChangePage(changes=(), done=True, last=12, first=None)


def asked(archive):
    (query,) = archive.heard(ListChanges)
    return {"since": query.since, "to": query.to, "limit": query.limit, "types": query.types}


def test_changes_are_listed(archive, client, ids):
    change = Change(
        seq=7,
        type=ChangeType.NEW_STUDY,
        level=Level.STUDY,
        id=ids.study,
        date="20260101T120000",
    )
    archive.plays(ListChanges, ChangePage(changes=(change,), done=False, last=7, first=7))

    assert client.json("/changes") == {
        "Changes": [
            {
                "ChangeType": "NewStudy",
                "Date": "20260101T120000",
                "ID": ids.study,
                "Path": f"/studies/{ids.study}",
                "ResourceType": "Study",
                "Seq": 7,
            }
        ],
        "Done": False,
        "First": 7,
        "Last": 7,
    }
    assert asked(archive) == {"since": None, "to": None, "limit": 100, "types": frozenset()}


def test_an_empty_page_has_no_first(archive, client):
    archive.plays(ListChanges, EMPTY)

    assert client.json("/changes") == {"Changes": [], "Done": True, "Last": 12}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("since=5", {"since": 5}),
        ("since=0", {"since": 0}),
        ("to=9&limit=3", {"to": 9, "limit": 3}),
        ("since=%205%20", {"since": 5}),
        ("since=rubbish&to=&limit=1e3", {}),
        ("since=-1&limit=-1", {}),
        ("since=9223372036854775808000", {}),
        ("type=NewStudy", {"types": {ChangeType.NEW_STUDY}}),
        (
            "type=StableStudy;StableSeries",
            {"types": {ChangeType.STABLE_STUDY, ChangeType.STABLE_SERIES}},
        ),
        ("type=", {}),
        ("limit=4294967295", {"limit": 4294967295}),
    ],
)
def test_changes_may_be_chosen(archive, client, query, wanted):
    archive.plays(ListChanges, EMPTY)

    assert client.get(f"/changes?{query}").status == 200
    defaults = {"since": None, "to": None, "limit": 100, "types": frozenset()}
    assert asked(archive) == defaults | wanted


def test_an_unknown_type_is_refused(client):
    response = client.get("/changes?type=NewStudy;NewUniverse")

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 3


@pytest.mark.parametrize("query", ["last", "last=", "last&since=4"])
def test_the_newest_change_may_be_asked_for(archive, client, query):
    archive.plays(DescribeLastChange, EMPTY)

    assert client.json(f"/changes?{query}")["Last"] == 12
    assert not archive.heard(ListChanges)


def test_no_changes_at_all_still_tell_the_newest_number(archive, client):
    archive.plays(DescribeLastChange, EMPTY)

    assert client.json("/changes?limit=0") == {"Changes": [], "Done": False, "Last": 12}


def test_the_log_is_emptied(archive, client):
    archive.plays(ClearChanges)

    response = client("DELETE", "/changes")

    assert response.status == 200
    assert response.content == b""
    assert response.headers["Content-Type"] == "text/plain"
    assert archive.heard(ClearChanges)
