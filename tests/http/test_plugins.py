import json
from dataclasses import replace

import pytest

from repertory.actors.messages.deletion import (
    DescribeDeletionQueue,
    FlushReleased,
    PauseRemovals,
    ResumeRemovals,
)
from repertory.actors.messages.places import ListPlaces
from repertory.actors.messages.system import DescribeIndex
from repertory.conf.resources import DelayedDeletionSettings
from repertory.deletion import (
    AbsentStorage,
    Backlog,
    DeletionQueueState,
    FailedRemoval,
    ReleasedFile,
)
from repertory.model import IndexDescription
from repertory.places import Place

STATUS = ("/plugins/delayed-deletion/status", "/delayed-deletion/status")


@pytest.fixture
def without_delay(serve):
    return serve(delayed_deletion=DelayedDeletionSettings(enable=False))


FAILURE = FailedRemoval(
    file=ReleasedFile(7, "5c5c5c5c-0000-4000-8000-000000000000", 1, 123),
    attempts=3,
    reason="A stored file could not be removed: Permission denied.",
    failed_at=1_800_000_000.0,
    due=1_800_000_004.0,
)
STATE = DeletionQueueState(
    backlog=Backlog(files=42, size=9_000_000_000, last=50, failed=1, failures=(FAILURE,)),
    is_paused=True,
    is_held=False,
    age=12.34,
    rate=8.2,
    remaining=5.0,
)


@pytest.fixture
def queue(archive):
    archive.plays(DescribeDeletionQueue, STATE)
    archive.plays(DescribeIndex, IndexDescription(engine="x", schema_version=1, identifier="abc"))
    return archive


@pytest.mark.parametrize("path", STATUS)
def test_what_waits_to_be_removed_is_told(queue, client, path):
    response = client.get(path)

    assert json.loads(response.content) == {
        "DatabaseServerIdentifier": "abc",
        "FilesPendingDeletion": 42,
        "BytesPendingDeletion": "9000000000",
        "OldestAgeSeconds": 12.3,
        "FilesPerSecond": 8.2,
        "RemainingSeconds": 5.0,
        "Paused": True,
        "HeldByBackup": False,
        "FilesFailed": 1,
        "Failures": [
            {
                "Uuid": "5c5c5c5c-0000-4000-8000-000000000000",
                "ContentType": 1,
                "Size": "123",
                "Attempts": 3,
                "LastError": "A stored file could not be removed: Permission denied.",
                "LastAttempt": "20270115T080000",
                "NextAttempt": "20270115T080004",
            }
        ],
        "UnreachableStorages": [],
    }
    assert response.headers["Content-Type"] == "application/json"


def test_storages_that_cannot_be_reached_are_told_by_their_names(queue, client):
    absent = (
        AbsentStorage(1, 1_800_000_000.0, "The bucket does not work (503).", 1_800_000_008.0),
        AbsentStorage(9, 1_800_000_000.0, "It is gone.", 1_800_000_001.0),
    )
    queue.plays(DescribeDeletionQueue, replace(STATE, absent=absent))
    queue.plays(ListPlaces, (Place(0, "file-system", 0, 0), Place(1, "object-storage", 7, 70)))

    assert client.json(STATUS[0])["UnreachableStorages"] == [
        {
            "Storage": "object-storage",
            "Since": "20270115T080000",
            "LastError": "The bucket does not work (503).",
            "NextAttempt": "20270115T080008",
        },
        {
            "Storage": "",
            "Since": "20270115T080000",
            "LastError": "It is gone.",
            "NextAttempt": "20270115T080001",
        },
    ]


@pytest.mark.parametrize("base", ["/plugins/delayed-deletion", "/delayed-deletion"])
@pytest.mark.parametrize(
    ("word", "command"),
    [("pause", PauseRemovals), ("resume", ResumeRemovals), ("flush", FlushReleased)],
)
def test_removals_pause_go_on_and_are_flushed(queue, client, base, word, command):
    queue.plays(command)
    response = client("POST", f"{base}/{word}")

    assert len(queue.heard(command)) == 1
    assert json.loads(response.content)["FilesPendingDeletion"] == 42


def test_plugins_are_listed_and_described(client):
    assert client.json("/plugins") == ["explorer.js", "delayed-deletion"]
    plugin = client.json("/plugins/delayed-deletion")
    assert plugin["ID"] == "delayed-deletion"
    assert plugin["ExtendsOrthancExplorer"] is False
    assert {"Version", "Description"} <= set(plugin)


def test_a_plugin_that_is_switched_off_is_not_there(without_delay):
    assert without_delay.json("/plugins") == ["explorer.js"]
    assert without_delay.get("/plugins/delayed-deletion").status == 404
    assert [without_delay.get(path).status for path in STATUS] == [404, 404]
    for word in ("pause", "resume", "flush"):
        assert without_delay("POST", f"/plugins/delayed-deletion/{word}").status == 404


def test_an_unknown_plugin_is_answered_without_a_body(client):
    response = client.get("/plugins/nothing")

    assert response.status == 404
    assert response.content == b""


def test_explorer_gets_no_extension(client):
    response = client.get("/plugins/explorer.js")

    assert response.status == 200
    assert response.headers["Content-Type"] == "application/javascript"
