import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.system import DescribeIndex, DescribeTotals
from repertory.actors.pace import LONGEST_REST, SHORTEST_REST, Pace
from repertory.actors.switchboard import Switchboard
from repertory.testing import ManualClock


class Forwarding(RepertoryActor):
    """Asks another actor for each question, as actors do."""

    rank = 5

    @handles(DescribeIndex)
    def describe_index(self, _query):
        return self.board.ask(DescribeTotals())


def pace(share, *, cost=0.0, visits=0, passed=0.0):
    """A pace after a step of some cost, and some visits in the time that has passed since."""
    clock = ManualClock()
    board = Switchboard(clock=clock)
    made = Pace(board, clock, share)
    made.begin()
    clock.advance(cost)
    made.end(1)
    made.rest()
    clock.advance(passed)
    board.count_visits_of(lambda: visits)
    return made


def test_nobody_rests_where_nobody_asks():
    assert pace(10, cost=1.0).rest() == 0


def test_one_who_looks_every_second_keeps_nobody_from_work():
    assert pace(10, cost=1.0, visits=5, passed=5.0).rest() == 0
    assert pace(10, cost=1.0, visits=6, passed=5.0).rest() > 0


def test_a_single_request_keeps_nobody_from_work_and_a_second_one_soon_after_does():
    clock, board = ManualClock(), Switchboard()
    made = Pace(board, clock, 10)
    seen = iter([0, 1, 1, 2, 2])
    board.count_visits_of(lambda: next(seen))
    rests = []
    for _ in range(5):
        made.begin()
        clock.advance(0.2)
        made.end(1)
        rests.append(made.rest() > 0)

    assert rests == [False, False, False, True, False]


def test_whoever_may_have_all_the_time_never_rests():
    assert pace(100, cost=1.0, visits=1000).rest() == 0


@given(st.integers(1, 99), st.floats(0, 5))
def test_a_step_and_its_rest_have_the_share_that_is_set(share, cost):
    rest = pace(share, cost=cost, visits=10).rest()

    assert SHORTEST_REST <= rest <= LONGEST_REST
    if SHORTEST_REST < rest < LONGEST_REST:
        assert cost / (cost + rest) == pytest.approx(share / 100)


def test_what_is_rested_for_was_asked_since_the_last_look():
    made = pace(10, cost=1.0, visits=10)
    assert made.rest() > 0

    assert made.rest() == 0


def test_what_actors_ask_each_other_is_no_visit(stage):
    stage.understudy(DescribeTotals, answer="totals")
    stage.put_on(Forwarding)
    before = stage.board.visits
    assert stage.ask(DescribeIndex()) == "totals"

    assert stage.board.visits == before + 1


def test_what_is_asked_about_the_work_itself_is_no_reason_to_step_back():
    clock, board = ManualClock(), Switchboard()
    looks, visits = 0, 0
    board.count_visits_of(lambda: visits)
    made = Pace(board, clock, 10, lambda: looks)
    made.begin()
    clock.advance(1.0)
    made.end(1)
    looks = visits = 20
    assert made.rest() == 0

    visits = 40
    assert made.rest() > 0


def test_the_rate_is_that_of_late_and_unknown_at_first():
    clock = ManualClock()
    made = Pace(Switchboard(clock=clock), clock, 10)
    for _ in range(3):
        made.begin()
        clock.advance(2.0)
        made.end(4)

    assert made.rate == pytest.approx(2.0)
    made.forget()
    assert made.rate is None
