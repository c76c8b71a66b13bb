from repertory.meter_reports import Reports, take
from repertory.meters import Meters, Request


class Question:
    """A type of message."""


class Elsewhere:
    """A type of message that another process answers."""


def busy_meters():
    meters = Meters()
    meters.note_request("GET", "/studies/{id}", 200, 0.002)
    meters.note_request("POST", "/instances", 200, 0.03)
    meters.note_request("GET", "/studies/{id}", 404, 0.2)
    meters.note_operation("read", 0.004, 1000)
    for kind in (Question, Question, Elsewhere):
        meters.timer(kind)(None)
    return meters


def test_what_several_processes_noted_is_added_up():
    ours = Meters()
    ours.note_request("GET", "/studies/{id}", 200, 0.002)
    reports = Reports(ours)

    for number in range(3):
        reports.add(take(busy_meters(), {Question}, number))

    studies = ours.requests[Request("GET", "/studies/{id}")]
    assert sum(studies.counts) == 7
    assert abs(studies.total - (0.002 + 3 * 0.202)) < 1e-9
    assert ours.statuses == {200: 7, 404: 3}
    assert sum(ours.answers[Question].counts) == 6
    assert Elsewhere not in ours.answers
    assert (ours.operations["read"].size, sum(ours.operations["read"].duration.counts)) == (3000, 3)
    assert (ours.slowest_request.value, ours.slowest_store.value) == (0.2, 0.03)


def test_nothing_is_told_twice():
    ours, theirs = Meters(), busy_meters()
    reports = Reports(ours)
    reports.add(take(theirs, {Question}, 0))

    again = take(theirs, {Question}, 0)

    assert (again.requests, again.answers, again.statuses) == ({}, {}, {})
    assert all(
        not any(amount.counts) and size == 0 for amount, size, _ in again.operations.values()
    )


def test_of_what_is_now_the_last_report_counts():
    class Cache:
        count, size, hits, misses = 2, 50, 7, 8

    ours, theirs = Meters(), Meters()
    theirs.caches.append(Cache())
    theirs.active_requests = lambda: 4
    reports = Reports(ours)
    for _ in range(2):
        reports.add(take(theirs, (), 0))

    (cache,) = ours.caches
    assert (cache.count, cache.size, cache.hits, cache.misses) == (2, 50, 7, 8)
    assert ours.active_requests() == 4

    reports.forget(0)
    assert ours.active_requests() == 0


def test_whoever_reports_learns_whether_metrics_are_off():
    ours = Meters()
    reports = Reports(ours)
    assert reports.add(take(Meters(), (), 0))
    ours.is_on = False
    assert not reports.add(take(Meters(), (), 0))
