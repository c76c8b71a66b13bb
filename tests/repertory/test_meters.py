import threading

import pytest

from repertory import meters as module
from repertory.meters import BOUNDS, LATELY, Histogram, Meters, Timer, Worst


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    return now


def test_a_histogram_counts_up_to_its_bounds_and_beyond():
    histogram = Histogram()
    for seconds in (0.0, BOUNDS[0], BOUNDS[0] * 1.01, 1000.0):
        histogram.note(seconds)

    assert histogram.counts[:2] == [2, 1]
    assert histogram.counts[-1] == 1
    assert histogram.total == pytest.approx(1000.001, abs=0.001)


def test_no_note_is_lost_of_many_threads():
    histogram = Histogram()
    threads = [
        threading.Thread(target=lambda: [Timer(histogram)(None) for _ in range(2000)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(histogram.counts) == 16_000


def test_a_timer_tells_the_time_since_it_was_made(clock):
    meters = Meters()
    timer = meters.timer(int)
    clock[0] += 0.02
    timer(None)

    assert meters.answers[int].counts[BOUNDS.index(0.025)] == 1
    assert meters.answers[int].total == pytest.approx(0.02)


def test_the_worst_is_forgotten_after_a_while(clock):
    worst = Worst()
    worst.note(0.5)
    worst.note(0.2)
    assert worst.value == 0.5
    clock[0] += LATELY
    worst.note(0.3)
    assert worst.value == 0.5
    clock[0] += LATELY
    assert worst.value == 0.3
    clock[0] += 2 * LATELY
    assert worst.value == 0.0
