import pytest

from repertory.actors.brisk import INSTANT, PAUSE, QUICK, Briskness


class Time:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_quick_disk_is_brisk():
    briskness = Briskness(Time())
    for _ in range(100):
        briskness.note(QUICK / 10)
    assert briskness.is_brisk


def test_one_slow_file_among_many_quick_ones_matters_little():
    briskness = Briskness(Time())
    for _ in range(100):
        briskness.note(QUICK / 10)
    briskness.note(QUICK * 5)
    assert briskness.is_brisk


def test_a_disk_that_stops_for_a_moment_now_and_then_is_brisk_all_the_same(time):
    briskness = Briskness(time)
    for _ in range(10):
        for _ in range(50):
            briskness.note(INSTANT / 2)
        briskness.note(0.05)
        assert briskness.is_brisk
    briskness.begin()
    briskness.begin()
    assert briskness.is_brisk

    for _ in range(10):
        briskness.note(0.05)
    assert not briskness.is_brisk


def test_a_slow_disk_is_left_to_others_and_tried_again_later():
    time = Time()
    briskness = Briskness(time)
    while briskness.is_brisk:
        briskness.note(QUICK * 5)

    time.now += PAUSE - 0.01
    assert not briskness.is_brisk
    time.now += 0.02
    assert briskness.is_brisk

    briskness.note(QUICK * 20)
    assert not briskness.is_brisk


def test_a_disk_that_became_quick_is_brisk_again():
    time = Time()
    briskness = Briskness(time)
    while briskness.is_brisk:
        briskness.note(QUICK * 5)
    time.now += PAUSE

    briskness.note(QUICK / 10)

    assert briskness.is_brisk


def test_one_file_that_took_very_long_is_enough():
    briskness = Briskness(Time())
    briskness.note(QUICK * 100)
    assert not briskness.is_brisk


@pytest.fixture
def time():
    return Time()


def test_with_others_under_way_only_an_instant_disk_is_brisk(time):
    briskness = Briskness(time)
    for _ in range(100):
        briskness.note((INSTANT + QUICK) / 2)
    assert briskness.is_brisk

    briskness.begin()  # one's own
    assert briskness.is_brisk
    assert briskness.is_alone

    briskness.begin()
    assert not briskness.is_alone
    assert not briskness.is_brisk
    briskness.begin()
    briskness.end()
    assert not briskness.is_brisk
    briskness.end()
    assert briskness.is_brisk


def test_who_is_never_alone_finds_out_that_the_disk_became_quick(time):
    briskness = Briskness(time)
    briskness.begin()
    briskness.begin()
    while briskness.is_brisk:
        briskness.note(QUICK)

    time.now += PAUSE
    for _ in range(20):
        assert briskness.is_brisk
        briskness.note(INSTANT / 2)
