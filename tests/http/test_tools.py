import json
import re

import pytest

from repertory.actors.messages.resources import LookupIdentifier
from repertory.model import Level, ResourceRef


class Control:
    """What the service would do: remembers what it was asked."""

    def __init__(self):
        self.done = []
        self.levels = {}

    def shutdown(self):
        self.done.append("shutdown")

    def reset(self):
        self.done.append("reset")

    def log_level(self, category):
        return self.levels.get(category, "default")

    def set_log_level(self, category, level):
        self.levels[category] = level


@pytest.fixture
def control():
    return Control()


def test_the_tools_are_listed(client):
    tools = client.json("/tools")

    assert tools == sorted(tools)
    assert {"now", "lookup", "generate-uid", "log-level", "log-level-http"} <= set(tools)


@pytest.mark.parametrize("path", ["/tools/now", "/tools/now-local"])
def test_the_time_is_told(client, path):
    response = client.get(path)

    assert re.fullmatch(rb"\d{8}T\d{6}", response.content)
    assert response.headers["Content-Type"] == "text/plain"


@pytest.mark.parametrize("level", ["patient", "study", "series", "instance", "Study"])
def test_identifiers_are_made(client, level):
    made = {client.get(f"/tools/generate-uid?level={level}").content for _ in range(3)}

    assert len(made) == 3
    for uid in made:
        assert re.fullmatch(rb"2\.25\.(0|[1-9]\d*)", uid)
        assert len(uid) <= 64


@pytest.mark.parametrize("query", ["", "?level=", "?level=universe"])
def test_an_identifier_of_no_level_is_not_made(client, query):
    response = client.get(f"/tools/generate-uid{query}")

    assert response.status == 404
    assert response.content == b""


def test_an_identifier_is_looked_up(archive, client, ids):
    archive.plays(LookupIdentifier, (ResourceRef(level=Level.STUDY, id=ids.study),))

    response = client("POST", "/tools/lookup", body="1.2.é".encode())

    assert json.loads(response.content) == [
        {"ID": ids.study, "Path": f"/studies/{ids.study}", "Type": "Study"}
    ]
    assert archive.heard(LookupIdentifier) == [LookupIdentifier(identifier="1.2.é")]


def test_an_identifier_that_is_no_text_is_refused(client):
    assert client("POST", "/tools/lookup", body=b"\xff").status == 400


def test_an_identifier_of_a_megabyte_is_refused(client):
    response = client("POST", "/tools/lookup", body=b"x" * (1 << 20) + b"x")

    assert response.status == 413


@pytest.mark.parametrize("tool", ["shutdown", "reset"])
def test_the_archive_is_stopped(serve, control, tool):
    response = serve(control)("POST", f"/tools/{tool}")

    assert response.status == 200
    assert response.content == b"{}"
    assert response.headers["Content-Type"] == "application/json"
    assert control.done == [tool]


@pytest.mark.parametrize("category", ["", "-generic", "-plugins", "-http", "-sqlite", "-lua"])
def test_the_log_says_more_on_request(serve, control, category):
    client = serve(control)

    response = client("PUT", f"/tools/log-level{category}", body="verbose\n")

    assert response.status == 200
    assert response.content == b""
    assert client.get(f"/tools/log-level{category}").content == b"verbose"
    assert control.levels == {category[1:]: "verbose"}


def test_an_unknown_level_is_refused(serve, control):
    response = serve(control)("PUT", "/tools/log-level", body="loud")

    assert response.status == 400
    assert json.loads(response.content)["OrthancStatus"] == 3
    assert control.levels == {}


def test_an_unknown_category_is_not_found(serve, control):
    assert serve(control).get("/tools/log-level-kitchen").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/tools/shutdown"), ("POST", "/tools/reset"), ("PUT", "/tools/log-level")],
)
def test_an_archive_in_another_program_is_controlled_by_that(client, method, path):
    response = client(method, path, body="default")

    assert response.status == 403


def test_an_archive_in_another_program_logs_as_that_likes(client):
    assert client.get("/tools/log-level").content == b"default"
