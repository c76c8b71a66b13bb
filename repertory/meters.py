"""Meters: how long questions and requests take, and how much waits; cheap enough to be always on.

Every number is a sum or a count since the start, as Prometheus wants them; the few that Orthanc
tells as the worst of the last seconds are kept so (spec/rest.md, "Metrics worth keeping by name").
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import NamedTuple, Protocol, TypeVar

BOUNDS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Seconds: the upper bounds of the buckets of a histogram; beyond the last there is one more."""

LATELY = 10.0
"""Seconds: Orthanc tells the longest of them."""

K = TypeVar("K")


class Histogram:
    """How long something took, each time; any thread may tell it."""

    __slots__ = ("counts", "lock", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0
        self.lock = threading.Lock()

    def note(self, seconds: float) -> None:
        """Once more."""
        place = bisect_left(BOUNDS, seconds)
        with self.lock:
            self.counts[place] += 1
            self.total += seconds


class Timer:
    """Tells a histogram how long it was from the making of this to the call of it."""

    __slots__ = ("_began", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._began = perf_counter()

    def __call__(self, _: object) -> None:
        """What was timed is over."""
        histogram = self._histogram
        seconds = perf_counter() - self._began
        place = bisect_left(BOUNDS, seconds)
        with histogram.lock:
            histogram.counts[place] += 1
            histogram.total += seconds


class Worst:
    """The longest of the last ten to twenty seconds, in seconds; 0 where there was none."""

    __slots__ = ("_before", "_until", "_value")

    def __init__(self) -> None:
        self._value = self._before = 0.0
        self._until = 0.0

    def note(self, seconds: float) -> None:
        """Once more. Of two threads at a time one may be missed: it is an indication."""
        self._turn(perf_counter())
        self._value = max(self._value, seconds)

    @property
    def value(self) -> float:
        """The longest."""
        self._turn(perf_counter())
        return max(self._value, self._before)

    def _turn(self, now: float) -> None:
        if now >= self._until:
            self._before = self._value if now < self._until + LATELY else 0.0
            self._value, self._until = 0.0, now + LATELY


class Operation:
    """What a storage does: how long it took, and how many bytes there were."""

    __slots__ = ("_lock", "duration", "size", "worst")

    def __init__(self) -> None:
        self.duration = Histogram()
        self.worst = Worst()
        self.size = 0
        self._lock = threading.Lock()

    def note(self, seconds: float, size: int) -> None:
        """Once more."""
        self.duration.note(seconds)
        self.worst.note(seconds)
        self.note_size(size)

    def note_size(self, size: int) -> None:
        """So many bytes more."""
        with self._lock:
            self.size += size

    def take_size(self) -> int:
        """The bytes since the last time."""
        with self._lock:
            size, self.size = self.size, 0
        return size


class Mail(NamedTuple):
    """What waits in the mailboxes of a class of actor: how many messages, and for how long."""

    depth: int
    age: float


class Cache(Protocol):
    """A cache of files: what it holds, and how often it could help."""

    hits: int
    misses: int

    @property
    def count(self) -> int:
        """Of how many files it remembers something."""

    @property
    def size(self) -> int:
        """How many bytes it remembers."""


class Request(NamedTuple):
    """What requests are told apart by: their method, and the pattern of their path."""

    method: str
    path: str


class Meters:
    """All meters of one archive. ``is_on`` says whether anything is noted; it may be switched."""

    def __init__(self, *, is_on: bool = True) -> None:
        self.is_on = is_on
        self.are_told_elsewhere = False
        """Whether another process has the sums: what is here is only what it was not told yet."""
        self.began = perf_counter()
        self.answers: dict[type, Histogram] = {}
        """From a question to its answer, by the type of the question."""
        self.requests: dict[Request, Histogram] = {}
        self.statuses: dict[int, int] = {}
        """How many requests had which HTTP status."""
        self.slowest_request = Worst()
        self.slowest_store = Worst()
        self.active_requests: Callable[[], int] = lambda: 0
        self.logged: Callable[[], Mapping[str, int]] = dict
        """How many errors and warnings were logged; none where the log is somebody else's."""
        self.operations = {name: Operation() for name in ("create", "read", "remove")}
        self.jobs = {"success": 0, "failed": 0}
        """Jobs that are over, since the start."""
        self.caches: list[Cache] = []
        self._lock = threading.Lock()

    def timer(self, kind: type) -> Timer:
        """A timer for a question of a type that is asked now; it is called with the answer."""
        histogram = self.answers.get(kind)
        if histogram is None:
            histogram = self.histogram_of(self.answers, kind)
        return Timer(histogram)

    def note_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self.histogram_of(self.requests, Request(method, path)).note(seconds)
        self.slowest_request.note(seconds)
        if method == "POST" and path == "/instances":
            self.slowest_store.note(seconds)
        self.note_status(status, 1)

    def note_status(self, status: int, count: int) -> None:
        """So many requests more had an HTTP status."""
        with self._lock:
            self.statuses[status] = self.statuses.get(status, 0) + count

    def take_statuses(self) -> dict[int, int]:
        """The statuses since the last time."""
        with self._lock:
            statuses, self.statuses = self.statuses, {}
        return statuses

    def note_operation(self, name: str, seconds: float, size: int) -> None:
        """A storage has created, read or removed a file."""
        if self.is_on:
            self.operations[name].note(seconds, size)

    def note_job(self, *, succeeded: bool) -> None:
        """A job is over."""
        with self._lock:
            self.jobs["success" if succeeded else "failed"] += 1

    def histogram_of(self, histograms: dict[K, Histogram], key: K) -> Histogram:
        """One of several histograms, made when it is first asked for."""
        found = histograms.get(key)
        if found is None:
            with self._lock:
                found = histograms.setdefault(key, Histogram())
        return found
