"""What filters of Lua and of Python say together."""

import pickle
import threading

import pytest
from structlog.testing import capture_logs

from repertory.actors.crew import ThreadCrew
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.filters import FiltersActor
from repertory.actors.messages.scripting import (
    INCOMING_FIND,
    INCOMING_REQUEST,
    INCOMING_STORE,
    RECEIVED_INSTANCE,
    AskLuaFilter,
    DescribeFilters,
    FilterInstance,
    FilterRequest,
    FiltersChanged,
    LuaFiltersChanged,
)
from repertory.errors import InstanceRejected, NotPredicate, ScriptFailed
from repertory.model import Origin, OriginKind

INSTANCE = FilterInstance(
    tags={"PatientID": "A"}, origin=Origin(kind=OriginKind.REST_API), info={}, file=b"file"
)
SENT = FilterInstance(
    tags={"PatientID": "A"}, origin=Origin(kind=OriginKind.DICOM_PROTOCOL), info={}
)
REQUEST = FilterRequest(method="GET", uri="/x", ip="::1", username="", headers={"a": "b"})


@pytest.fixture
def functions(stage):
    stage.listen(FiltersChanged)
    functions = FilterFunctions()
    stage.put_on(FiltersActor, functions=functions, make_crew=lambda: ThreadCrew(2, name="filters"))
    return functions


def has_lua(stage, *names, answer=True):
    stage.understudy(AskLuaFilter, answer=answer)
    stage.board.publish(LuaFiltersChanged(names=frozenset(names)))


def test_without_filters_everything_is_let_in(stage, functions):
    assert stage.ask(FilterInstance(tags={}, origin=Origin(), info={})) is True
    assert stage.ask(REQUEST) is True
    assert stage.ask(DescribeFilters()) == frozenset()
    assert stage.heard(FiltersChanged) == []


def test_filters_are_told_of_as_soon_as_they_are_there(stage, functions):
    def no(_):
        return False

    functions.on(INCOMING_FIND)(no)  # queries ask it themselves
    functions.on(RECEIVED_INSTANCE)(no)
    assert stage.heard(FiltersChanged)[-1].names == {RECEIVED_INSTANCE}
    has_lua(stage, INCOMING_FIND, RECEIVED_INSTANCE)
    functions.on(INCOMING_REQUEST)(no)
    assert stage.ask(DescribeFilters()) == {INCOMING_FIND, INCOMING_REQUEST, RECEIVED_INSTANCE}
    assert functions.off(no)

    assert [set(it.names) for it in stage.heard(FiltersChanged)] == [
        {RECEIVED_INSTANCE},
        {INCOMING_FIND, RECEIVED_INSTANCE},
        {INCOMING_FIND, INCOMING_REQUEST, RECEIVED_INSTANCE},
        {INCOMING_FIND, RECEIVED_INSTANCE},
    ]


def test_functions_of_before_the_start_count_from_the_start(stage):
    stage.listen(FiltersChanged)
    functions = FilterFunctions()
    functions.on(INCOMING_REQUEST)(lambda _: False)

    stage.put_on(FiltersActor, functions=functions, make_crew=lambda: ThreadCrew(1, name="f"))

    assert [set(it.names) for it in stage.heard(FiltersChanged)] == [{INCOMING_REQUEST}]
    assert stage.ask(REQUEST) is False


def test_a_function_sees_what_comes_and_says_whether_it_is_let_in(stage, functions):
    seen = []
    functions.on(RECEIVED_INSTANCE)(lambda it: seen.append(it) or it.tags["PatientID"] == "A")
    functions.on(INCOMING_REQUEST)(lambda it: seen.append(it) or it.method != "GET")

    assert stage.ask(INSTANCE) is True
    assert stage.ask(REQUEST) is False
    assert seen == [INSTANCE, REQUEST]
    assert seen[0].content == b"file"


def test_lua_is_asked_first_and_both_must_agree(stage, functions):
    asked = []
    functions.on(RECEIVED_INSTANCE)(lambda it: asked.append(it) or True)
    has_lua(stage, RECEIVED_INSTANCE, INCOMING_REQUEST, answer=False)

    assert stage.ask(INSTANCE) is False
    assert stage.ask(REQUEST) is False
    assert asked == []
    first, second = stage.heard(AskLuaFilter)
    assert first.name == RECEIVED_INSTANCE
    assert first.words == ({"PatientID": "A"}, {"RequestOrigin": "RestApi"} | first.words[1], {})
    assert second.words == ("GET", "/x", "::1", "", {"a": "b"})

    stage.understudy(AskLuaFilter, answer=True)
    assert stage.ask(INSTANCE) is True
    assert len(asked) == 1


def test_a_function_puts_a_file_in_the_place_of_another(stage, functions):
    functions.on(RECEIVED_INSTANCE)(lambda it: it.content + b" one")
    functions.on(RECEIVED_INSTANCE)(lambda _: True)
    functions.on(RECEIVED_INSTANCE)(lambda it: it.content + b" two")

    assert stage.ask(INSTANCE) == b"file one two"

    functions.on(RECEIVED_INSTANCE)(lambda _: False)
    assert stage.ask(INSTANCE) is False


def test_what_is_sent_by_dicom_may_be_refused_by_a_status(stage, functions):
    functions.on(INCOMING_STORE)(lambda it: 0xA700 if it.tags["PatientID"] == "A" else 0)

    assert stage.ask(INSTANCE) is True
    with pytest.raises(InstanceRejected) as rejected:
        stage.ask(SENT)
    assert rejected.value.status == 0xA700
    # To a front-end it goes through the portal.
    assert pickle.loads(pickle.dumps(rejected.value)).status == 0xA700


@pytest.mark.parametrize(
    ("name", "question", "answer"),
    [
        (RECEIVED_INSTANCE, INSTANCE, None),
        (RECEIVED_INSTANCE, INSTANCE, 1),
        (INCOMING_REQUEST, REQUEST, 0),
        (INCOMING_REQUEST, REQUEST, "yes"),
        (INCOMING_STORE, SENT, True),
        (INCOMING_STORE, SENT, -1),
        (INCOMING_STORE, SENT, 0x10000),
    ],
)
def test_who_does_not_say_it_lets_nothing_in(stage, functions, name, question, answer):
    functions.on(name)(lambda _: answer)

    with capture_logs() as logs, pytest.raises(NotPredicate):
        stage.ask(question)

    assert [(it["event"], it["function"]) for it in logs] == [("filter_undecided", name)]


@pytest.mark.parametrize("question", [INSTANCE, REQUEST])
def test_who_fails_lets_nothing_in(stage, functions, question):
    def fails(asked):
        raise ValueError(f"SECRET {asked}")

    functions.on(RECEIVED_INSTANCE)(fails)
    functions.on(INCOMING_REQUEST)(fails)

    with capture_logs() as logs, pytest.raises(ScriptFailed):
        stage.ask(question)

    assert [it["event"] for it in logs] == ["filter_failed"]
    assert "SECRET" not in str(logs)


def test_a_function_may_ask_what_another_one_decides(stage, functions):
    functions.on(RECEIVED_INSTANCE)(lambda _: stage.ask(REQUEST))
    functions.on(INCOMING_REQUEST)(lambda it: it.uri == "/x")

    assert stage.ask(INSTANCE) is True


def test_functions_decide_side_by_side(stage, functions):
    both = threading.Barrier(2, timeout=10)
    functions.on(RECEIVED_INSTANCE)(lambda _: both.wait() >= 0)

    replies = [stage.board.ask_soon(INSTANCE) for _ in range(2)]

    assert [reply.get(timeout=10) for reply in replies] == [True, True]
