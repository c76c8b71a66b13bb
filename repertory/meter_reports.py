"""What the meters of one process tell those of another, which add it to their own."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeVar

from repertory.meters import Histogram, Meters, Request

K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Amount:
    """What a histogram has noted since it was last asked."""

    counts: tuple[int, ...]
    total: float


@dataclass(slots=True)
class CacheReport:
    """A ``meters.Cache`` as it is in another process."""

    count: int = 0
    size: int = 0
    hits: int = 0
    misses: int = 0


@dataclass(frozen=True, slots=True)
class MeterReport:
    """What came since the last report; of caches, requests under way and the worst, what is now."""

    number: int
    """Which process reports, from 0 on."""
    requests: dict[Request, Amount] = field(default_factory=dict)
    answers: dict[type, Amount] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    operations: dict[str, tuple[Amount, int, float]] = field(default_factory=dict)
    """The durations, the bytes, and the longest of late in seconds."""
    cache: CacheReport = field(default_factory=CacheReport)
    slowest_request: float = 0.0
    slowest_store: float = 0.0
    active: int = 0


def take(meters: Meters, kinds: Collection[type], number: int) -> MeterReport:
    """What meters have noted since the last time; of messages, those of these types."""
    return MeterReport(
        number=number,
        requests=_amounts(meters.requests),
        answers=_amounts({kind: it for kind, it in list(meters.answers.items()) if kind in kinds}),
        statuses=meters.take_statuses(),
        operations={
            name: (_amount(it.duration), it.take_size(), it.worst.value)
            for name, it in meters.operations.items()
        },
        cache=CacheReport(
            count=sum(it.count for it in meters.caches),
            size=sum(it.size for it in meters.caches),
            hits=sum(it.hits for it in meters.caches),
            misses=sum(it.misses for it in meters.caches),
        ),
        slowest_request=meters.slowest_request.value,
        slowest_store=meters.slowest_store.value,
        active=meters.active_requests(),
    )


class Reports:
    """Adds what other processes report to the meters of this one."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._caches: dict[int, CacheReport] = {}
        self._active: dict[int, int] = {}
        meters.active_requests = lambda: sum(list(self._active.values()))

    def add(self, report: MeterReport) -> bool:
        """Add a report; whether more is wanted: meters may be off."""
        meters = self._meters
        for request, amount in report.requests.items():
            _add(meters.histogram_of(meters.requests, request), amount)
        for kind, amount in report.answers.items():
            _add(meters.histogram_of(meters.answers, kind), amount)
        for status, count in report.statuses.items():
            meters.note_status(status, count)
        for name, (amount, size, worst) in report.operations.items():
            operation = meters.operations[name]
            _add(operation.duration, amount)
            operation.note_size(size)
            operation.worst.note(worst)
        meters.slowest_request.note(report.slowest_request)
        meters.slowest_store.note(report.slowest_store)
        self._active[report.number] = report.active
        if report.number not in self._caches:
            meters.caches.append(self._caches.setdefault(report.number, CacheReport()))
        cache, now = self._caches[report.number], report.cache
        cache.count, cache.size = now.count, now.size
        cache.hits, cache.misses = now.hits, now.misses
        return meters.is_on

    def forget(self, number: int) -> None:
        """A process is gone, and what it was busy with; what it did counts on."""
        self._active.pop(number, None)


def _amounts(histograms: dict[K, Histogram]) -> dict[K, Amount]:
    found = {key: _amount(it) for key, it in list(histograms.items())}
    return {key: amount for key, amount in found.items() if any(amount.counts)}


def _amount(histogram: Histogram) -> Amount:
    with histogram.lock:
        counts, total = histogram.counts, histogram.total
        histogram.counts, histogram.total = [0] * len(counts), 0.0
    return Amount(tuple(counts), total)


def _add(histogram: Histogram, amount: Amount) -> None:
    with histogram.lock:
        for place, count in enumerate(amount.counts):
            histogram.counts[place] += count
        histogram.total += amount.total
