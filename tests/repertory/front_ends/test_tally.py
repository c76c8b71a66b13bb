import os

import pytest

from repertory.front_ends.tally import SharedTurns, Tally


@pytest.fixture
def tallies():
    """The same tally, as two processes see it."""
    file = Tally.make_file(3)
    seen = [Tally(file, 3), Tally(file, 3)]
    os.close(file)
    yield seen
    for tally in seen:
        tally.close()


@pytest.fixture
def turns(tallies):
    made = [SharedTurns(tallies[0], 0), SharedTurns(tallies[1], 1)]
    tallies[0].mark_absent(2)
    yield made
    for one in made:
        one.leave()


def test_it_is_the_turn_of_who_has_no_more_than_the_others(turns):
    first, second = turns

    assert (first.pause(), second.pause()) == (0.0, 0.0)
    first.took()
    assert first.pause() > 0.0
    assert second.pause() == 0.0
    second.took()
    assert first.pause() == 0.0
    assert second.pause() == 0.0


def test_nobody_waits_twice_for_who_does_not_take_them(turns):
    first, _ = turns
    for _ in range(5):
        first.took()

    assert first.pause() > 0.0
    assert first.pause() == 0.0
    first.took()
    assert first.pause() > 0.0


def test_the_more_one_has_the_longer_it_waits_up_to_a_limit(turns):
    first, _ = turns
    first.took()
    short = first.pause()
    first.pause()
    for _ in range(500):
        first.took()

    assert short < first.pause() <= 0.02


def test_who_does_not_run_is_waited_for_by_nobody(turns, tallies):
    first, _ = turns
    first.took()
    tallies[0].mark_absent(1)

    assert first.pause() == 0.0
    assert tallies[1].connections() == [1]


def test_who_lets_go_of_connections_takes_the_next(turns):
    first, second = turns
    first.took()
    second.took()
    second.took()
    second.let_go()
    second.let_go()

    assert first.pause() > 0.0
    assert second.pause() == 0.0


def test_visits_are_those_of_all_over_their_lives(turns, tallies):
    first, second = turns
    first.note_visits(5)
    second.note_visits(7)
    assert tallies[0].visits() == tallies[1].visits() == 12

    again = SharedTurns(tallies[0], 0)
    again.note_visits(2)

    assert tallies[1].visits() == 14
    again.leave()
