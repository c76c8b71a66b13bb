import json

import pytest

from repertory.actors.messages.attachments import CountReleased
from repertory.actors.messages.system import DescribeIndex
from repertory.conf.settings import DelayedDeletionSettings
from repertory.model import IndexDescription

STATUS = ("/plugins/delayed-deletion/status", "/delayed-deletion/status")


@pytest.fixture
def without_delay(serve):
    return serve(delayed_deletion=DelayedDeletionSettings(enable=False))


@pytest.mark.parametrize("path", STATUS)
def test_the_files_that_wait_to_be_removed_are_counted(archive, client, path):
    archive.plays(CountReleased, 42)
    archive.plays(DescribeIndex, IndexDescription(engine="x", schema_version=1, identifier="abc"))

    response = client.get(path)

    assert json.loads(response.content) == {
        "DatabaseServerIdentifier": "abc",
        "FilesPendingDeletion": 42,
    }
    assert response.headers["Content-Type"] == "application/json"


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


def test_an_unknown_plugin_is_answered_without_a_body(client):
    response = client.get("/plugins/nothing")

    assert response.status == 404
    assert response.content == b""


def test_explorer_gets_no_extension(client):
    response = client.get("/plugins/explorer.js")

    assert response.status == 200
    assert response.headers["Content-Type"] == "application/javascript"
