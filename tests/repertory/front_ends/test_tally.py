import os

import pytest

from repertory.front_ends.tally import MainTurns, SharedTurns, Tally
from repertory.testing.clock import ManualClock


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
def clock():
    return ManualClock()


@pytest.fixture
def turns(tallies, clock):
    made = [SharedTurns(tallies[n], n, clock.monotonic) for n in range(2)]
    tallies[0].mark_absent(2)
    tallies[0].mark_absent(tallies[0].main)
    yield made
    for one in made:
        one.leave()


@pytest.fixture
def main(tallies, turns, clock):
    """The main process, which takes connections, too."""
    made = MainTurns(tallies[0], clock.monotonic)
    yield made
    made.leave()


def test_it_is_the_turn_of_who_has_no_more_than_the_others(turns):
    first, second = turns

    assert (first.pause(), second.pause()) == (0.0, 0.0)
    first.took()
    assert first.pause() > 0.0
    assert second.pause() == 0.0
    second.took()
    assert first.pause() == 0.0
    assert second.pause() == 0.0


def test_nobody_waits_twice_for_who_does_not_take_them(turns, clock):
    first, _ = turns
    for _ in range(5):
        first.took()

    clock.advance(first.pause())
    assert first.pause() == 0.0
    first.took()
    assert first.pause() > 0.0


def test_who_left_one_to_others_leaves_them_the_next_as_well(turns, main, clock):
    first, second = turns
    for _ in range(3):
        assert first.pause() > 0.0
        assert second.pause() > 0.0
        main.took()
        main.let_go()
        clock.advance(0.1)


def test_the_more_one_has_the_longer_it_waits_up_to_a_limit(turns, clock):
    first, _ = turns
    first.took()
    short = first.pause()
    clock.advance(0.1)
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


def test_visits_are_those_of_all_over_their_lives(turns, tallies, clock):
    first, second = turns
    first.note_visits(5)
    second.note_visits(7)
    assert tallies[0].visits() == tallies[1].visits() == 12

    again = SharedTurns(tallies[0], 0, clock.monotonic)
    again.note_visits(2)

    assert tallies[1].visits() == 14
    again.leave()


def test_the_only_connection_is_the_main_processs(turns, main):
    first, second = turns

    assert main.pause() == 0.0
    assert first.pause() > 0.0
    assert second.pause() > 0.0


def test_with_one_connection_more_it_is_the_front_ends_turn(turns, main):
    first, second = turns
    main.took()

    assert (first.pause(), second.pause()) == (0.0, 0.0)
    assert main.pause() > 0.0
    first.took()
    main.let_go()
    assert second.pause() == 0.0
    assert main.pause() > 0.0
    first.let_go()
    assert main.pause() == 0.0


@pytest.mark.usefixtures("main")
def test_no_front_end_waits_long_for_a_main_process_that_is_busy(turns, clock):
    first, _ = turns

    pause = first.pause()
    assert 0.0 < pause <= 0.02
    clock.advance(pause)
    assert first.pause() == 0.0


def test_the_main_process_takes_what_no_front_end_takes(main, clock):
    main.took()
    began = clock.monotonic()

    while seconds := main.pause():
        clock.advance(seconds)

    assert 0.4 < clock.monotonic() - began < 0.6
    assert main.pause() > 0.0


def test_connections_that_front_ends_take_do_not_add_up(main, clock):
    main.took()

    for _ in range(40):
        assert main.pause() > 0.0
        clock.advance(0.1)
