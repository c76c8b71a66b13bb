import asyncio
import threading
import time

import pykka
import pytest
from structlog.testing import capture_logs

from repertory.actors.base import RepertoryActor, current_rank, handles
from repertory.actors.messages.base import Command, Event, Query, message
from repertory.actors.reply import Reply
from repertory.actors.switchboard import DeadlockRisk, NobodyHandles, Switchboard
from repertory.errors import BadRequest, Failed, NoReplyInTime, ShuttingDown


@message
class Add(Command[int]):
    """Adds."""

    left: int
    right: int


@message
class AddThroughAnother(Command[int]):
    """Forwards."""

    left: int
    right: int


@message
class AddAndWait(Command[int]):
    """Waits for a lower rank."""

    left: int
    right: int


@message
class WaitForAHigherRank(Command[int]):
    """Would risk a deadlock."""


@message
class Misbehave(Command[None]):
    """Raises what it is given."""

    error: BaseException


@message
class Hang(Query[None]):
    """Waits for a gate."""

    gate: threading.Event


@message
class Happened(Event):
    """Something."""

    number: int


@message
class Fail(Event):
    """Makes its handler raise."""


@message
class CountHappened(Query[int]):
    """How often."""


class Adder(RepertoryActor):
    rank = 1

    def open(self):
        self.seen = 0

    @handles(Add)
    def add(self, command):
        return command.left + command.right

    @handles(WaitForAHigherRank)
    def wait_for_a_higher_rank(self, _command):
        return self.board.ask(AddThroughAnother(left=1, right=1))

    @handles(Misbehave)
    def misbehave(self, command):
        raise command.error

    @handles(Hang)
    def hang(self, query):
        query.gate.wait(10)

    @handles(Happened)
    def happened(self, event):
        self.seen += event.number

    @handles(Fail)
    def fail(self, _event):
        raise ValueError("on purpose")

    @handles(CountHappened)
    def count_happened(self, _query):
        return self.seen


class Forwarder(RepertoryActor):
    rank = 2

    @handles(AddThroughAnother)
    def add_through_another(self, command):
        return self.board.ask_soon(Add(left=command.left, right=command.right))

    @handles(AddAndWait)
    def add_and_wait(self, command):
        assert current_rank() == 2
        return self.board.ask(Add(left=command.left, right=command.right))


@pytest.fixture
def cast(stage):
    stage.put_on(Adder)
    stage.put_on(Forwarder)
    return stage


def test_a_message_finds_whoever_handles_its_type(cast):
    assert cast.ask(Add(left=2, right=3)) == 5


def test_a_reply_can_be_forwarded(cast):
    assert cast.ask(AddThroughAnother(left=2, right=3)) == 5


def test_an_actor_may_wait_for_a_lower_rank(cast):
    assert cast.ask(AddAndWait(left=2, right=3)) == 5


def test_waiting_for_a_higher_rank_is_refused_before_it_can_lock_up(cast):
    with pytest.raises(DeadlockRisk):
        cast.ask(WaitForAHigherRank())


def test_what_a_handler_raises_reaches_the_asker_and_the_actor_lives(cast):
    with pytest.raises(BadRequest, match="no sense"):
        cast.ask(Misbehave(error=BadRequest("no sense")))

    assert cast.ask(Add(left=1, right=1)) == 2


@pytest.fixture
def lent(stage):
    """The threads in which an adder's work was done by whoever asked."""
    threads = []
    ref = stage.put_on(Adder)
    stage.put_on(Forwarder)

    def add(command):
        if command.left < 0:
            return None
        threads.append(threading.get_ident())
        reply = Reply()
        reply.set(command.left + command.right)
        return reply

    stage.board.lend(Add, ref, add)
    return threads


def test_what_an_actor_lends_is_done_by_whoever_asks_here(stage, lent):
    visits = stage.board.visits

    assert stage.board.ask_here(Add(left=2, right=3)) == 5

    assert lent == [threading.get_ident()]
    assert stage.board.visits == visits + 1
    assert stage.board.ask(Add(left=2, right=3)) == 5
    assert len(lent) == 1


def test_what_cannot_be_done_here_now_is_done_by_the_actor(stage, lent):
    assert stage.board.ask_here(Add(left=-2, right=3)) == 1
    assert lent == []


def test_what_another_actor_has_taken_over_is_not_done_here(stage, lent):
    stage.understudy(Add, answer=7)

    assert stage.board.ask_here(Add(left=2, right=3)) == 7
    assert lent == []


def test_what_nobody_lends_is_asked_for(cast):
    assert cast.board.ask_here(AddThroughAnother(left=2, right=3)) == 5


def test_an_error_passes_through_a_forwarder(cast):
    cast.understudy(Add, answer=BadRequest("not today"))
    with pytest.raises(BadRequest, match="not today"):
        cast.ask(AddThroughAnother(left=1, right=1))


def test_system_exit_in_a_handler_stops_nobody(cast):
    bystander = pykka.ThreadingActor.start()
    try:
        with pytest.raises(Failed):
            cast.ask(Misbehave(error=SystemExit(3)))

        assert cast.ask(Add(left=1, right=1)) == 2
        assert bystander.is_alive()
    finally:
        bystander.stop()


def test_an_event_whose_handler_fails_is_survived(cast):
    cast.board.publish(Fail())
    cast.board.publish(Happened(number=4))
    cast.settle()

    assert cast.ask(CountHappened()) == 4


def test_all_who_listen_are_told(cast):
    cast.listen(Happened)
    cast.board.publish(Happened(number=1))

    assert cast.heard(Happened) == [Happened(number=1)]
    assert cast.ask(CountHappened()) == 1


def test_a_message_that_nobody_handles_says_so(stage):
    with pytest.raises(NobodyHandles, match="Add"):
        stage.ask(Add(left=1, right=1))


def test_an_answer_that_does_not_come_is_missed(cast):
    gate = threading.Event()
    with pytest.raises(NoReplyInTime):
        cast.board.ask(Hang(gate=gate), timeout=0.01)
    gate.set()


def test_whoever_asks_a_stopped_actor_is_told_that_the_archive_stops(stage):
    ref = stage.put_on(Adder)
    ref.stop()
    with pytest.raises(ShuttingDown):
        stage.ask(Add(left=1, right=1))


def test_mail_behind_the_order_to_stop_is_answered(stage):
    ref = stage.put_on(Adder)
    gate = threading.Event()
    stage.ask_soon(Hang(gate=gate))
    stopping = ref.stop(block=False)
    late = [stage.ask_soon(Add(left=1, right=n)) for n in range(50)]
    gate.set()
    stopping.get(timeout=10)

    for reply in late:
        with pytest.raises(ShuttingDown):
            reply.get(timeout=10)


def test_mail_that_races_with_the_stop_is_always_answered():
    for _ in range(100):
        board = Switchboard()
        ref = Adder.start(board=board)
        board.connect(ref, Adder)
        replies = []

        def ask(board=board, replies=replies):
            for n in range(20):
                replies.append(board.ask_soon(Add(left=n, right=0)))

        thread = threading.Thread(target=ask)
        thread.start()
        ref.stop()
        thread.join()
        for reply in replies:
            try:
                reply.get(timeout=5)
            except ShuttingDown:
                continue
        board.clock.close()


def test_among_equals_the_one_with_the_least_mail_is_asked(stage):
    first, second = stage.put_on(Adder), stage.put_on(Adder)
    gate = threading.Event()
    stage.ask_soon(Hang(gate=gate))

    # One of the two is held up; all the others are answered by the other one.
    assert [stage.ask(Add(left=n, right=0)) for n in range(20)] == list(range(20))
    assert {first, second} == set(stage.board._seats[Add])
    gate.set()


def test_awaiting_an_answer_does_not_block_the_loop(cast):
    gate = threading.Event()

    async def main():
        ticks = 0
        waiting = asyncio.create_task(cast.board.ask_async(Hang(gate=gate)))
        while not waiting.done():
            await asyncio.sleep(0)
            ticks += 1
            if ticks == 100:
                gate.set()
        return ticks

    assert asyncio.run(main()) > 100


def test_many_answers_wake_the_loop_at_once(cast):
    async def main():
        questions = [cast.board.ask_async(Add(left=n, right=0)) for n in range(500)]
        return await asyncio.gather(*questions)

    assert asyncio.run(main()) == list(range(500))


def test_awaiting_misses_an_answer_that_does_not_come(cast):
    gate = threading.Event()

    async def main():
        await cast.board.ask_async(Hang(gate=gate), timeout=0.01)

    with pytest.raises(NoReplyInTime):
        asyncio.run(main())
    gate.set()


def test_answers_can_be_called_for_in_the_event_loop(cast):
    async def main():
        here, answers = threading.get_ident(), []
        all_there = asyncio.Event()

        def note(reply):
            answers.append((reply.get(), threading.get_ident() == here))
            if len(answers) == 500:
                all_there.set()

        for number in range(500):
            cast.board.on_arrival(cast.board.call(Add(left=number, right=0)), note)
        await all_there.wait()
        return answers

    answers = asyncio.run(main())

    assert sorted(answers) == [(number, True) for number in range(500)]


def test_an_answer_that_is_called_for_may_be_missed_and_comes_once(stage):
    ref = stage.put_on(Adder)
    gate, calls = threading.Event(), []
    stage.board.patience = 0.01

    async def main():
        missed = asyncio.Event()
        reply = stage.board.call(Hang(gate=gate))
        stage.board.on_arrival(reply, lambda it: (calls.append(it.error), missed.set()))
        await missed.wait()
        gate.set()
        await stage.board.arrival(reply, timeout=10)

    asyncio.run(main())
    ref.stop()

    assert [type(error) for error in calls] == [NoReplyInTime]


def test_who_fails_with_an_answer_takes_none_from_the_others(cast):
    async def main():
        came = asyncio.Event()

        def fail(reply):
            raise ZeroDivisionError(reply.get())

        gate = threading.Event()
        cast.board.ask_soon(Hang(gate=gate))
        for call in (fail, lambda _: came.set()):  # the adder is busy, so both come together
            cast.board.on_arrival(cast.board.call(Add(left=1, right=1)), call)
        gate.set()
        async with asyncio.timeout(10):
            await came.wait()

    with capture_logs() as logged:
        asyncio.run(main())

    assert [it["event"] for it in logged] == ["answer_lost"]


def test_a_wakeup_after_the_loop_was_closed_harms_nobody(cast):
    gate = threading.Event()

    async def main():
        task = asyncio.create_task(cast.board.ask_async(Hang(gate=gate)))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(main())
    gate.set()

    assert cast.ask(Add(left=1, right=1)) == 2


def test_time_on_a_stage_stands_still(stage):
    began = time.monotonic()
    told = []
    stage.clock.call_after(3600, lambda: told.append("an hour"))
    stage.clock.advance(3599)
    assert told == []
    stage.clock.advance(1)

    assert told == ["an hour"]
    assert time.monotonic() - began < 60
