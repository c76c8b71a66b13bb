import json

import pytest

from repertory.actors.messages.delivery import (
    DescribeTarget,
    DescribeTargets,
    PauseTarget,
    ReplayDeadLetters,
    ReplayEvents,
    ResumeTarget,
)
from repertory.actors.messages.following import DropDeadLetters, ListDeadLetters
from repertory.errors import BadParameter, UnknownItem
from repertory.events import DeadLetter, NewStudy, TargetState
from repertory.model import ChangeType, Level

STATE = TargetState(
    name="pacs",
    kind="Webhook",
    address="https://pacs.example",
    events=("NewStudy",),
    state="Retrying",
    position=7,
    newest=12,
    dead_letters=2,
    delivered=5,
    failures=3,
    last_error="It answered 503.",
    last_error_at=1_800_000_000.5,
    last_delivery_at=None,
    retry_in=3.96,
)
SHOWN = {
    "Name": "pacs",
    "Kind": "Webhook",
    "Address": "https://pacs.example",
    "Events": ["NewStudy"],
    "State": "Retrying",
    "Position": 7,
    "Last": 12,
    "Lag": 5,
    "DeadLetters": 2,
    "Delivered": 5,
    "Failures": 3,
    "LastError": "It answered 503.",
    "LastErrorDate": "20270115T080000",
    "LastDeliveryDate": None,
    "NextAttemptInSeconds": 4.0,
}


def test_every_webhook_tells_how_far_it_has_got(archive, client):
    archive.plays(DescribeTargets, (STATE,))
    archive.plays(DescribeTarget, STATE)

    assert client.json("/webhooks") == [SHOWN]
    assert client.json("/webhooks/pacs") == SHOWN
    assert archive.heard(DescribeTarget) == [DescribeTarget(name="pacs")]


@pytest.mark.parametrize(
    ("path", "body", "question"),
    [
        ("pause", "", PauseTarget(name="pacs")),
        ("resume", "", ResumeTarget(name="pacs")),
        ("replay", '{"Since": 3}', ReplayEvents(name="pacs", since=3)),
    ],
)
def test_a_webhook_is_paused_resumed_and_told_again(archive, client, path, body, question):
    archive.plays(type(question), STATE)
    answer = client("POST", f"/webhooks/pacs/{path}", body)

    assert (answer.status, json.loads(answer.content)) == (200, SHOWN)
    assert archive.said == [question]


@pytest.mark.parametrize("body", ["", "{}", "[]", "3", '{"Since": true}', '{"Since": "3"}', "{"])
def test_a_replay_without_a_number_is_refused(archive, client, body):
    answer = client("POST", "/webhooks/pacs/replay", body)

    assert answer.status == 400
    assert json.loads(answer.content)["OrthancStatus"] == 28


def test_a_replay_from_a_number_that_was_never_given_is_refused(archive, client):
    archive.plays(ReplayEvents, BadParameter("Events have numbers up to 12."))
    answer = client("POST", "/webhooks/pacs/replay", '{"Since": 99}')

    assert (answer.status, json.loads(answer.content)["OrthancStatus"]) == (400, 3)


def test_dead_letters_are_listed(archive, client, ids):
    event = NewStudy(
        number=3,
        type=ChangeType.NEW_STUDY,
        level=Level.STUDY,
        id=ids.study,
        date="20260101T000000",
        parents={Level.PATIENT: ids.patient},
        main_tags={"0010,0010": "DOE"},
    )
    letter = DeadLetter(9, event, "It answered 400.", 12, 1_800_000_000.0)
    archive.plays(DescribeTarget, STATE)
    archive.plays(ListDeadLetters, (letter,))

    assert client.json("/webhooks/pacs/dead-letters?since=4&limit=5") == [
        {
            "Number": 9,
            "Reason": "It answered 400.",
            "Attempts": 12,
            "Date": "20270115T080000",
            "Event": {
                "Seq": 3,
                "ChangeType": "NewStudy",
                "ResourceType": "Study",
                "ID": ids.study,
                "Path": f"/studies/{ids.study}",
                "Date": "20260101T000000",
                "Parents": {"Patient": ids.patient},
            },
        }
    ]
    assert archive.heard(ListDeadLetters) == [ListDeadLetters(name="pacs", since=4, limit=5)]


@pytest.mark.parametrize(("body", "numbers"), [("", None), ('{"Numbers": [3, 4]}', (3, 4))])
def test_dead_letters_are_replayed(archive, client, body, numbers):
    archive.plays(ReplayDeadLetters, 2)
    answer = client("POST", "/webhooks/pacs/dead-letters/replay", body)

    assert json.loads(answer.content) == {"Replayed": 2}
    assert archive.said == [ReplayDeadLetters(name="pacs", numbers=numbers)]


@pytest.mark.parametrize("body", ['{"Numbers": 3}', '{"Numbers": [true]}', '{"Numbres": []}', "x"])
def test_dead_letters_that_are_named_otherwise_than_by_numbers_are_refused(archive, client, body):
    assert client("POST", "/webhooks/pacs/dead-letters/replay", body).status == 400


def test_dead_letters_are_dropped_one_or_all(archive, client):
    archive.plays(DescribeTarget, STATE)
    archive.plays(DropDeadLetters, lambda command: 1 if command.numbers in ((3,), None) else 0)

    assert client("DELETE", "/webhooks/pacs/dead-letters/3").status == 200
    assert client("DELETE", "/webhooks/pacs/dead-letters/4").status == 404
    assert client("DELETE", "/webhooks/pacs/dead-letters/x").status == 400
    assert client("DELETE", "/webhooks/pacs/dead-letters").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("GET", "/dead-letters"),
        ("DELETE", "/dead-letters"),
        ("DELETE", "/dead-letters/3"),
        ("POST", "/dead-letters/replay"),
    ],
)
def test_a_webhook_that_is_not_there_is_answered_by_404(archive, client, method, path):
    for kind in (DescribeTarget, PauseTarget, ResumeTarget, ReplayDeadLetters):
        archive.plays(kind, UnknownItem("There is no target of that name."))
    answer = client(method, f"/webhooks/nobody{path}")

    assert answer.status == 404
    assert json.loads(answer.content)["Details"] == "There is no target of that name."


def test_nothing_about_webhooks_can_be_changed_while_nothing_may_be(archive, serve):
    archive.plays(DescribeTargets, ())
    client = serve(read_only=True)

    assert client.json("/webhooks") == []
    assert client("POST", "/webhooks/pacs/pause").status in (404, 405)
    assert client("DELETE", "/webhooks/pacs/dead-letters").status in (404, 405)
