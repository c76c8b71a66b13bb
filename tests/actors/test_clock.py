import threading

import pytest

from repertory.actors.clock import SystemClock
from repertory.testing import ManualClock


@pytest.fixture
def clock():
    clock = SystemClock()
    yield clock
    clock.close()


def test_appointments_are_kept_in_the_order_of_their_time(clock):
    order, done = [], threading.Event()
    clock.call_after(0.03, lambda: (order.append("late"), done.set()))
    clock.call_after(0.01, lambda: order.append("early"))

    assert done.wait(10)
    assert order == ["early", "late"]


def test_a_cancelled_appointment_is_not_kept(clock):
    order, done = [], threading.Event()
    clock.call_after(0.001, lambda: order.append("cancelled")).cancel()
    clock.call_after(0.01, done.set)

    assert done.wait(10)
    assert order == []


def test_a_closed_clock_makes_no_calls():
    clock = SystemClock()
    clock.call_after(60, lambda: None)
    clock.close()
    clock.call_after(0, lambda: pytest.fail("called"))

    assert clock._thread is None or not clock._thread.is_alive()


def test_a_manual_clock_passes_through_each_moment_on_the_way():
    clock, seen = ManualClock(), []

    def again():
        seen.append(clock.monotonic())
        if len(seen) < 3:
            clock.call_after(10, again)

    clock.call_after(10, again)
    clock.advance(100)

    assert seen == [10, 20, 30]
    assert clock.monotonic() == 100


def test_setting_the_wall_clock_back_leaves_the_monotonic_one_alone():
    clock = ManualClock(now=1000.0)
    clock.advance(10)
    clock.set_back(500)

    assert clock.now() == 510
    assert clock.monotonic() == 10
