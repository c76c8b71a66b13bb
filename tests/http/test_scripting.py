import json

import pytest

from repertory.actors.messages.scripting import (
    DescribeFilters,
    ExecuteScript,
    FilterRequest,
    FiltersChanged,
)
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import NotPredicate, ScriptFailed
from repertory.model import Totals

FILTER = frozenset({"IncomingHttpRequestFilter"})


def test_a_script_is_executed_and_what_it_printed_is_the_answer(archive, serve):
    archive.plays(DescribeFilters, frozenset())
    archive.plays(ExecuteScript, "42\n")

    answer = serve(execute_lua_enabled=True)("POST", "/tools/execute-script", "print(42)")

    assert (answer.status, answer.text) == (200, "42\n")
    assert answer.headers["Content-Type"] == "text/plain"
    assert archive.heard(ExecuteScript) == [ExecuteScript(text="print(42)")]


def test_scripts_of_users_are_forbidden_unless_they_are_enabled(client, archive):
    answer = client("POST", "/tools/execute-script", "print(42)")

    assert (answer.status, answer.content) == (403, b"")
    assert archive.heard(ExecuteScript) == []


def test_a_script_that_fails_is_told_why(archive, serve):
    archive.plays(DescribeFilters, frozenset())
    archive.plays(ExecuteScript, ScriptFailed('[string "line"]:1: boom'))

    answer = serve(execute_lua_enabled=True)("POST", "/tools/execute-script", 'error("boom")')
    body = json.loads(answer.content)

    assert answer.status == 500
    assert body["OrthancStatus"] == 2031
    assert body["Details"] == '[string "line"]:1: boom'


def test_a_script_that_is_no_text_is_refused(archive, serve):
    archive.plays(DescribeFilters, frozenset())

    assert serve(execute_lua_enabled=True)("POST", "/tools/execute-script", b"\xff").status == 400


@pytest.fixture
def filtered(archive, serve):
    """A client of an archive whose scripts filter requests."""

    def start(verdict, **options):
        archive.plays(DescribeTotals, Totals(0, 0, 0, 0, 0, 0))
        archive.plays(DescribeFilters, FILTER)
        archive.plays(FilterRequest, verdict)
        return serve(lua_scripts=["filter.lua"], **options)

    return start


def test_a_filter_sees_who_asks_for_what(archive, filtered, basic):
    client = filtered(True, authentication_enabled=True, registered_users={"alice": "secret"})

    client.get("/tools/now?x=1", headers={"X-Word": "w", **basic("alice", "secret")})
    (asked,) = archive.heard(FilterRequest)

    assert (asked.method, asked.uri, asked.ip) == ("GET", "/tools/now", "127.0.0.1")
    assert asked.username == "alice"
    assert asked.query == {"x": "1"}
    assert asked.headers["x-word"] == "w"


def test_a_request_that_is_filtered_out_is_forbidden(filtered):
    client = filtered(lambda asked: asked.uri != "/tools/now")

    refused = client.get("/tools/now")

    assert (refused.status, refused.content) == (403, b"")
    assert client.get("/tools/now-local").status == 200


def test_a_filter_knows_the_method_that_is_meant(archive, filtered):
    client = filtered(False)

    client.get("/studies/x?_method=DELETE")

    assert archive.heard(FilterRequest)[0].method == "DELETE"


@pytest.mark.parametrize(("error", "code"), [(ScriptFailed(), 2031), (NotPredicate(), 2034)])
def test_a_filter_that_fails_lets_nobody_in(filtered, error, code):
    answer = filtered(error).get("/tools/now")

    assert answer.status == 500
    assert json.loads(answer.content)["OrthancStatus"] == code


def test_who_is_not_known_does_not_reach_the_filter(archive, filtered):
    client = filtered(True, authentication_enabled=True, registered_users={"alice": "secret"})

    assert client.get("/tools/now").status == 401
    assert archive.heard(FilterRequest) == []


def test_a_filter_that_is_dropped_is_asked_no_more(archive, filtered):
    client = filtered(False)
    assert client.get("/tools/now").status == 403

    archive.board.publish(FiltersChanged(names=frozenset()))
    assert client.get("/tools/now").status == 200

    archive.board.publish(FiltersChanged(names=FILTER))
    assert client.get("/tools/now").status == 403


def test_where_nobody_knows_of_filters_everybody_is_let_in(archive, client):
    archive.board.publish(FiltersChanged(names=frozenset()))

    assert client.get("/tools/now").status == 200
    assert archive.heard(FilterRequest) == []
