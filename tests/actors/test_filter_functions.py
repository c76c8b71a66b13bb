"""Functions of Python that change queries before they are answered, or asked."""

import contextvars

import pytest
from structlog.testing import capture_logs

from repertory.actors.dicom.access import Caller
from repertory.actors.dicom.query_filter import QueryFilter
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.messages.scripting import (
    INCOMING_FIND,
    INCOMING_WORKLIST,
    OUTGOING_FIND,
    DescribeFilters,
    FilterQuery,
    FiltersChanged,
)
from repertory.errors import ScriptFailed

CALLER = Caller(title="PEER", called="ORTHANC", ip="127.0.0.1")
QUERY = {"0010,0020": "A", "0040,0100": [{"0040,0001": "MR1"}]}


@pytest.fixture
def functions():
    return FilterFunctions()


def test_functions_change_a_query_one_after_the_other(functions):
    @functions.on(INCOMING_FIND)
    def first(query, origin):
        query["0010,0020"] += origin["RemoteAet"] + origin["CalledAet"] + origin["RemoteIp"]
        return query

    @functions.on(INCOMING_FIND)
    def second(query, _origin):
        query["0040,0100"][0]["0040,0001"] = None
        return query | {"0020,0010": 7}

    @functions.on(INCOMING_WORKLIST)
    def other(_query, _origin):
        return {}

    found = functions.change(
        INCOMING_FIND,
        QUERY,
        {"RemoteAet": "P", "CalledAet": "O", "RemoteIp": "I"},
    )

    assert found == {
        "0010,0020": "APOI",
        "0040,0100": [{"0040,0001": ""}],
        "0020,0010": "7",
    }
    assert QUERY == {"0010,0020": "A", "0040,0100": [{"0040,0001": "MR1"}]}
    assert functions.change(INCOMING_WORKLIST, QUERY, {}) == {}
    assert functions.change(OUTGOING_FIND, QUERY, "OTHER") == QUERY


@pytest.mark.parametrize(
    "answer",
    [None, "0010,0020", [], {"PatientID": "A"}, {1: "A"}, {"0040,0100": ["A"]}, {"0010,0020": {}}],
)
def test_what_answers_no_query_ends_it(functions, answer):
    functions.on(OUTGOING_FIND)(lambda *_: answer)

    with capture_logs() as logs, pytest.raises(ScriptFailed):
        functions.change(OUTGOING_FIND, QUERY, "OTHER")

    assert [line["event"] for line in logs] == ["filter_undecided"]


def test_what_fails_ends_the_query_and_the_log_has_no_words_of_it(functions):
    @functions.on(OUTGOING_FIND)
    def fails(query, title):
        raise ValueError(f"{query} {title}")

    with capture_logs() as logs, pytest.raises(ScriptFailed):
        functions.change(OUTGOING_FIND, {"0010,0020": "SECRET"}, "OTHER")

    (line,) = logs
    assert (line["event"], line["error"]) == ("filter_failed", "ValueError")
    assert line["at"].startswith("test_filter_functions.py:")
    assert "SECRET" not in str(line)


def test_functions_are_forgotten_one_by_one_and_by_origin(functions):
    def change(*_):
        return {}

    functions.on(INCOMING_FIND, origin="script a")(change)
    functions.on(INCOMING_FIND, origin="script b")(lambda *_: {"0010,0020": "B"})

    functions.forget("script b")
    assert functions.change(INCOMING_FIND, QUERY, {}) == {}
    assert functions.off(change)
    assert not functions.off(change)
    assert functions.change(INCOMING_FIND, QUERY, {}) == QUERY


def test_a_function_is_called_in_the_context_it_came_from(functions):
    word = contextvars.ContextVar("word", default="none")
    word.set("mine")
    functions.on(INCOMING_FIND, context=contextvars.copy_context())(
        lambda *_: {"0010,0020": word.get()}
    )
    word.set("yours")

    assert functions.change(INCOMING_FIND, QUERY, {}) == {"0010,0020": "mine"}


def test_only_filters_that_there_are_can_be_named(functions):
    with pytest.raises(ValueError, match="IncomingFindRequestFilter"):
        functions.on("IncomingFindFilter")
    with pytest.raises(TypeError):
        functions.on(INCOMING_FIND)("no function")


def test_lua_is_asked_before_python(stage, functions):
    stage.understudy(DescribeFilters, answer=frozenset({INCOMING_FIND, OUTGOING_FIND}))
    stage.understudy(FilterQuery, answer={"0010,0020": "lua"})
    both = QueryFilter(stage.board, functions)
    both.open()
    for name in (INCOMING_FIND, OUTGOING_FIND):
        functions.on(name)(lambda query, _: {"0010,0020": query["0010,0020"] + " python"})

    assert both.incoming(INCOMING_FIND, QUERY, CALLER) == {"0010,0020": "lua python"}
    assert both.outgoing(QUERY, "OTHER") == {"0010,0020": "lua python"}
    both.note(FiltersChanged(names=frozenset()))
    assert both.outgoing(QUERY, "OTHER") == {"0010,0020": "A python"}
    both.close()
