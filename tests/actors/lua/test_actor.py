import json

import pytest
from structlog.testing import capture_logs

from repertory.actors.crew import InlineCrew
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.filters import FiltersActor
from repertory.actors.lua.actor import MOST_WAITING, PAGE, LuaActor, LuaOptions
from repertory.actors.lua.machine import Limits
from repertory.actors.lua.runs import MOST
from repertory.actors.messages.changes import ChangesLogged
from repertory.actors.messages.following import HoldLog, LetGoOfLog, ListEvents
from repertory.actors.messages.jobs import JobFailed, JobSubmitted, JobSucceeded
from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.actors.messages.scripting import (
    DescribeFilters,
    ExecuteScript,
    FilterInstance,
    FilterRequest,
    FiltersChanged,
)
from repertory.actors.reply import Reply
from repertory.errors import IndexFailed, NotPredicate, ScriptFailed, ShuttingDown
from repertory.events import ArchiveEvent, EventPage
from repertory.jobs import JobId
from repertory.model import ChangeType, Level, Origin, OriginKind, ResourceId
from repertory.testing import Stage


def page(*events, done=True, last=0):
    return EventPage(events, done=done, last=events[-1].number if events else last)


def change(number, kind=ChangeType.NEW_INSTANCE, level=Level.INSTANCE):
    return ArchiveEvent(
        number=number,
        type=kind,
        level=level,
        id=ResourceId(f"id{number}"),
        date="20260101T000000",
    )


def answer(value, status=200):
    return RestAnswer(status=status, headers={}, body=json.dumps(value).encode())


@pytest.fixture
def stage():
    with Stage() as stage:
        stage.understudy(HoldLog, answer=lambda asked: asked.position or 100)
        stage.understudy(LetGoOfLog, answer=None)
        stage.understudy(ListEvents, answer=page(last=100))
        stage.understudy(CallRestApi, answer=answer({}))
        stage.listen(FiltersChanged)
        yield stage


@pytest.fixture
def play(stage, tmp_path):
    """Put the actor on with a script."""

    def start(text, *, read_only=False, **options):
        script = tmp_path / "script.lua"
        script.write_text(text)
        stage.put_on(FiltersActor, functions=FilterFunctions(), make_crew=InlineCrew)
        limits = Limits(seconds=5.0, memory=32 << 20)
        options = LuaOptions(scripts=(script,), limits=limits, **options)
        return stage.put_on(LuaActor, options=options, crew=InlineCrew(), read_only=read_only)

    return start


def execute(stage, text):
    return stage.ask(ExecuteScript(text=text))


FILTER_INSTANCE = FilterInstance(tags={"PatientID": "A"}, origin=Origin(), info={})


def test_each_heart_beat_is_a_call(stage, play):
    play("beats = 0 function OnHeartBeat() beats = beats + 1 end", heart_beat=10)

    stage.clock.advance(35)
    stage.settle()

    assert execute(stage, "print(beats)") == "3\n"


def test_what_happened_is_read_from_where_it_was_at_the_start(stage, play):
    play("")
    stage.board.publish(ChangesLogged())

    assert [asked.since for asked in stage.heard(ListEvents)] == [100]


def test_changes_that_nobody_listens_to_are_passed_over(stage, play):
    stage.understudy(ListEvents, answer=page(change(101), change(102)))
    play("function OnStableStudy() end")
    stage.board.publish(ChangesLogged())
    stage.settle()
    stage.board.publish(ChangesLogged())

    assert [asked.since for asked in stage.heard(ListEvents)] == [100, 102]
    assert stage.heard(CallRestApi) == []


def test_the_log_is_held_from_the_start_to_what_was_read(stage, play):
    stage.understudy(ListEvents, answer=page(change(101), change(102)))
    play("")
    stage.board.publish(ChangesLogged())
    stage.settle()

    assert [asked.position for asked in stage.heard(HoldLog)] == [None, 102]


def test_in_a_read_only_archive_no_log_is_held(stage, play):
    play("", read_only=True)

    assert stage.heard(HoldLog) == []


def test_callbacks_that_wait_are_bounded_and_the_rest_stays_in_the_log(stage, play):
    stage.understudy(CallRestApi, answer=lambda _: Reply())  # the first one never ends
    stage.understudy(
        ListEvents,
        answer=lambda asked: page(
            *(change(asked.since + n) for n in range(1, PAGE + 1)), done=False
        ),
    )
    play("function OnStoredInstance() end")
    stage.board.publish(ChangesLogged())

    assert len(stage.heard(ListEvents)) == MOST_WAITING // PAGE + 1


def test_a_log_that_cannot_be_read_is_read_again_at_the_next_change(stage, play):
    stage.understudy(ListEvents, answer=IndexFailed())
    play("seen = {} function OnDeletedStudy(id) seen[1] = id end")
    stage.board.publish(ChangesLogged())
    stage.settle()
    stage.understudy(ListEvents, answer=page(change(101, ChangeType.DELETED, Level.STUDY)))
    stage.board.publish(ChangesLogged())
    stage.settle()

    assert execute(stage, "print(seen[1])") == "id101\n"


def test_what_is_gone_is_not_told(stage, play):
    stage.understudy(ListEvents, answer=page(change(101)))
    stage.understudy(CallRestApi, answer=answer({}, status=404))
    play("told = 0 function OnStoredInstance() told = told + 1 end")
    with capture_logs() as logs:
        stage.board.publish(ChangesLogged())
        stage.settle()

    assert execute(stage, "print(told)") == "0\n"
    assert [line["id"] for line in logs if line["event"] == "callback_skipped"] == ["id101"]


def test_the_next_callback_waits_for_the_one_before(stage, play):
    waiting = Reply()
    stage.understudy(
        ListEvents,
        answer=page(*(change(n, ChangeType.DELETED, Level.STUDY) for n in (101, 102))),
    )
    stage.understudy(CallRestApi, answer=lambda _: waiting)
    play('seen = {} function OnDeletedStudy(id) RestApiGet("/x") seen[#seen + 1] = id end')
    stage.board.publish(ChangesLogged())
    stage.settle()
    before = len(stage.heard(CallRestApi))
    waiting.set(answer(1))
    stage.settle()

    assert before == 1
    assert execute(stage, 'print(table.concat(seen, " "))') == "id101 id102\n"


def test_a_script_is_told_of_jobs(stage, play):
    play(
        """
        told = {}
        for _, name in ipairs({"OnJobSubmitted", "OnJobSuccess", "OnJobFailure"}) do
          _G[name] = function(id) told[#told + 1] = name .. " " .. id end
        end
        """
    )
    for kind in (JobSubmitted, JobSucceeded, JobFailed):
        stage.board.publish(kind(id=JobId("7"), type="Test"))
    stage.settle()

    assert execute(stage, 'print(table.concat(told, ", "))') == (
        "OnJobSubmitted 7, OnJobSuccess 7, OnJobFailure 7\n"
    )


def test_what_a_script_asks_says_that_it_is_a_script(stage, play):
    play("")
    execute(stage, 'RestApiPost("/x?y=1", "body", false, {["X-A"] = "b"})')

    assert stage.heard(CallRestApi) == [
        CallRestApi(
            method="POST",
            uri="/x?y=1",
            body=b"body",
            headers=(("X-A", "b"),),
            origin=OriginKind.LUA,
        )
    ]


def test_an_instance_without_a_filter_comes_in(stage, play):
    play("")

    assert stage.ask(FILTER_INSTANCE) is True


def test_a_filter_decides_while_another_callback_waits(stage, play):
    stage.understudy(CallRestApi, answer=lambda _: Reply())
    stage.understudy(ListEvents, answer=page(change(101, ChangeType.DELETED, Level.STUDY)))
    play(
        """
        function OnDeletedStudy(id) RestApiGet("/x") end
        function ReceivedInstanceFilter(tags) return tags.PatientID == "B" end
        """
    )
    stage.board.publish(ChangesLogged())
    stage.settle()

    assert stage.ask(FILTER_INSTANCE) is False


def test_a_filter_that_waits_is_given_up(stage, play):
    stage.understudy(CallRestApi, answer=lambda _: Reply())
    play('function ReceivedInstanceFilter() RestApiGet("/x") return true end')
    reply = stage.ask_soon(FILTER_INSTANCE)
    stage.settle()
    assert not reply.done

    stage.clock.advance(5)
    stage.settle()

    with pytest.raises(ScriptFailed):
        reply.get(timeout=10)


def test_what_comes_for_a_filter_that_was_given_up_is_of_no_use(stage, play):
    late = Reply()
    stage.understudy(CallRestApi, answer=lambda _: late)
    play('function ReceivedInstanceFilter() RestApiGet("/x") after = true return true end')
    stage.ask_soon(FILTER_INSTANCE)
    stage.settle()
    stage.clock.advance(5)
    late.set(answer(1))
    stage.settle()

    assert execute(stage, "print(after)") == "nil\n"


def test_a_filter_that_answers_something_else_is_no_predicate(stage, play):
    play('function IncomingHttpRequestFilter() return "yes" end')

    with pytest.raises(NotPredicate):
        stage.ask(FilterRequest(method="GET", uri="/", ip="", username="", headers={}))


def test_filters_are_announced(stage, play):
    play("function ReceivedInstanceFilter() return true end")
    assert stage.ask(DescribeFilters()) == {"ReceivedInstanceFilter"}

    execute(stage, "ReceivedInstanceFilter = nil")

    assert [sorted(it.names) for it in stage.heard(FiltersChanged)] == [
        ["ReceivedInstanceFilter"],
        [],
    ]


def test_scripts_under_way_are_bounded(stage, play):
    stage.understudy(CallRestApi, answer=lambda _: Reply())
    play("")
    waiting = [stage.ask_soon(ExecuteScript(text='RestApiGet("/x")')) for _ in range(MOST)]
    stage.settle()

    with pytest.raises(ScriptFailed, match="too many"):
        execute(stage, "print(1)")
    assert not any(reply.done for reply in waiting)


def test_who_waits_for_a_script_is_told_that_the_archive_ends(stage, play):
    stage.understudy(CallRestApi, answer=lambda _: Reply())
    ref = play("")
    reply = stage.ask_soon(ExecuteScript(text='RestApiGet("/x")'))
    stage.settle()

    stage.take_off(ref)

    with pytest.raises(ScriptFailed, match="the archive ends"):
        reply.get(timeout=10)


def test_an_actor_that_cannot_answer_is_nil_to_a_script(stage, play):
    stage.understudy(CallRestApi, answer=ShuttingDown())
    play("")

    assert execute(stage, 'print(RestApiGet("/x"))') == "nil\n"
