from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.actors.schedule import Schedule
from repertory.conf.housekeeper import DAYS

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def utc(moment):
    return datetime.fromtimestamp(moment, UTC)


def at(day, hour=0, minute=0, second=0):
    """A moment in the week that begins on MONDAY."""
    days = DAYS.index(day)
    return (MONDAY + timedelta(days=days, hours=hour, minutes=minute, seconds=second)).timestamp()


def schedule(**days):
    return Schedule(days, utc)


def written(begin, end):
    def clock(minutes):
        return f"{minutes // 60}:{minutes % 60:02}"

    return f"{clock(begin)}-{clock(end)}"


MOMENTS = st.integers(0, 7 * 86_400 - 1).map(lambda second: MONDAY.timestamp() + second)
RANGES = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda it: it[0] != it[1])
WEEKS = st.dictionaries(st.sampled_from(DAYS), st.lists(RANGES, max_size=3), max_size=7)


def made(week):
    ranges = {day: [written(*it) for it in found] for day, found in week.items()}
    return Schedule(ranges, utc)


def test_without_hours_work_is_allowed_always():
    assert schedule().is_open(at("Sunday", 3))
    assert schedule().next_opening(at("Sunday", 3)) == at("Sunday", 3)
    assert schedule().end_of(at("Sunday", 3), 90) == at("Sunday", 3) + 90


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (at("Monday", 5, 59, 59), True),
        (at("Monday", 6), False),
        (at("Monday", 22, 29, 59), False),
        (at("Monday", 22, 30), True),
        (at("Tuesday", 5, 59), True),
        (at("Tuesday", 6), False),
        (at("Tuesday", 22, 30), False),
    ],
)
def test_a_range_that_ends_before_it_begins_ends_on_the_next_day(moment, is_open):
    assert schedule(Monday=["0-6", "22:30-6"]).is_open(moment) == is_open


def test_the_night_after_sunday_is_that_of_monday():
    nights = schedule(Sunday=["22-6"])

    assert nights.is_open(at("Monday", 5))
    assert not nights.is_open(at("Sunday", 5))


def test_a_day_without_hours_is_closed_for_ever():
    never = schedule(Monday=[])

    assert never.next_opening(at("Monday")) is None
    assert never.end_of(at("Monday"), 1) is None


def test_work_goes_on_in_the_next_hours():
    nights = schedule(Monday=["22-24"], Tuesday=["22-24"])

    assert nights.end_of(at("Monday", 21), 3600) == at("Monday", 23)
    assert nights.end_of(at("Monday", 23, 30), 3600) == at("Tuesday", 22, 30)
    week = 7 * 86_400
    assert nights.end_of(at("Monday", 22), 9 * 3600) == at("Monday", 23) + 2 * week


def test_the_hours_are_those_of_the_clock_on_the_wall():
    ahead = Schedule({"Monday": ["2-3"]}, lambda moment: utc(moment + 7200))

    assert ahead.is_open(at("Monday", 0, 30))
    assert ahead.next_opening(at("Monday", 1)) == at("Monday") + 7 * 86_400


@given(WEEKS, MOMENTS)
def test_a_moment_is_open_where_a_range_of_its_day_or_of_the_day_before_holds_it(week, moment):
    minute, today = int(moment - MONDAY.timestamp()) // 60 % 1440, utc(moment).weekday()

    def holds(day, days_ago):
        return any(
            begin <= minute + days_ago * 1440 < (end if end > begin else end + 1440)
            for begin, end in week.get(DAYS[day % 7], ())
        )

    expected = not week or holds(today, 0) or holds(today - 1, 1)
    assert made(week).is_open(moment) == expected


@given(WEEKS, MOMENTS)
def test_the_next_opening_is_open_and_nothing_before_it(week, moment):
    found = made(week)
    opening = found.next_opening(moment)
    if opening is None:
        assert week
        assert not any(week.values())
        return

    assert found.is_open(opening)
    assert opening >= moment
    before = moment
    while before < opening:
        assert not found.is_open(before)
        before += 60


@given(WEEKS, MOMENTS, st.floats(1, 100_000))
def test_so_many_seconds_are_open_until_the_work_is_done(week, moment, seconds):
    found = made(week)
    end = found.end_of(moment, seconds)
    if end is None:
        assert not any(week.values())
        return

    worked, here = 0.0, moment
    while here < end:
        there = min(here - here % 60 + 60, end)
        worked += (there - here) * found.is_open(here)
        here = there
    assert worked == pytest.approx(seconds, abs=0.01)
