"""Who runs next: one strand at a time, chosen by a seeded generator, in time that it owns.

A strand is a thread that runs only while it holds the baton. It gives the baton back where it
takes mail, waits for a reply, or touches a file or the index; those are the points between two
steps. So a run is the same each time, and can be ended between any two steps, as by a power cut.
"""

import heapq
import itertools
import threading
import zlib
from collections import deque
from collections.abc import Callable
from random import Random

from repertory.actors.clock import Appointment
from repertory.testing.clock import BEGINNING

PATIENCE = 100_000.0
"""Simulated seconds after which whoever still waits is taken to wait for ever."""

BUSY = 50_000
"""Steps without any time going by, after which the archive is taken to turn round for ever."""

_REMEMBERED = 400


class ProcessDied(BaseException):
    """Raised in every strand of a process that was ended; no handler of errors may catch it."""


class Deadlock(AssertionError):
    """Somebody waits, and nobody can run."""


class Livelock(AssertionError):
    """Everybody is busy for ever, and time does not go by."""


class OutOfSteps(Exception):
    """The steps are taken after which a run was to be interrupted."""


class Strand:
    """One thread of the simulated process."""

    def __init__(self, name: str, body: Callable[[], None]) -> None:
        self.name = name
        self.body = body
        self.ready: Callable[[], bool] | None = None
        self.waits_for = "its beginning"
        self.is_finished = False
        self.thread: threading.Thread
        self.baton = threading.Lock()
        self.baton.acquire()


class SimulatedClock:
    """A clock that the scheduler moves."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._due: list[tuple[float, int, Appointment]] = []
        self._count = itertools.count()

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return BEGINNING + self.elapsed

    def monotonic(self) -> float:
        """Seconds since the run began."""
        return self.elapsed

    def call_after(self, delay: float, call: Callable[[], None]) -> Appointment:
        """Make ``call`` when time has come so far."""
        appointment = Appointment(call)
        entry = (self.elapsed + max(delay, 0.0), next(self._count), appointment)
        heapq.heappush(self._due, entry)
        return appointment

    def next_due(self) -> float | None:
        """When the next appointment is."""
        while self._due and self._due[0][2].cancelled:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def advance_to(self, moment: float) -> None:
        """Let time pass, and keep the appointments on the way."""
        while (due := self.next_due()) is not None and due <= moment:
            self.elapsed = max(self.elapsed, due)
            heapq.heappop(self._due)[2].call()
        self.elapsed = max(self.elapsed, moment)

    def close(self) -> None:
        """Make no more calls."""
        self._due.clear()


class Scheduler:
    """Runs strands, one at a time.

    ``haste`` is how often another strand gets its turn although the last one could go on: 1 mixes
    all, small numbers let each go far before another one comes.
    """

    def __init__(self, seed: int, *, haste: float = 1.0) -> None:
        self.clock = SimulatedClock()
        self.random = Random(seed)  # noqa: S311 - chance, not secrets
        self.haste = haste
        self.steps = 0
        self._moment = (0.0, 0)
        self.last_step: int | None = None
        """Where to interrupt whoever drives the run."""
        self.is_dead = False
        self.current: Strand | None = None
        self.defects: list[BaseException] = []
        self.digest = 0
        """A sum over all that happened: equal for equal runs."""
        self.story: deque[str] = deque(maxlen=_REMEMBERED)
        self._strands: list[Strand] = []
        self._last: Strand | None = None
        self._home = threading.Lock()
        self._home.acquire()

    @property
    def is_over(self) -> bool:
        """Whether the steps are taken after which to interrupt."""
        return self.last_step is not None and self.steps >= self.last_step

    # For strands

    def pause(self, waits_for: str, ready: Callable[[], bool] | None = None) -> None:
        """Give the baton back until it is this strand's turn, and ``ready`` says that it can go on.

        Outside of strands nothing happens: whoever drives the run decides himself.
        """
        strand = self.current
        if strand is None:
            return
        if self.is_dead:
            raise ProcessDied
        strand.ready, strand.waits_for = ready, waits_for
        self._home.release()
        strand.baton.acquire()
        if self.is_dead:
            raise ProcessDied
        strand.ready = None

    def sleep(self, seconds: float, waits_for: str) -> None:
        """Let time pass for this strand, but not for others."""
        until = self.clock.elapsed + seconds
        self.clock.call_after(seconds, lambda: None)
        self.pause(waits_for, lambda: self.clock.elapsed >= until)

    def note(self, what: str) -> None:
        """Remember what a strand does."""
        self.digest = zlib.crc32(what.encode(), self.digest)
        self.story.append(f"{self.steps:6} {self.clock.elapsed:10.3f}s  {what}")

    # For whoever drives the run

    def spawn(self, name: str, body: Callable[[], None]) -> Strand:
        """Add a strand; it begins when it is its turn."""
        strand = Strand(name, body)
        self._strands.append(strand)
        strand.thread = threading.Thread(
            target=self._live, args=(strand,), name=f"simulated {name}", daemon=True
        )
        strand.thread.start()
        return strand

    def _live(self, strand: Strand) -> None:
        strand.baton.acquire()
        try:
            if not self.is_dead:
                strand.body()
        except ProcessDied:
            pass
        except BaseException as error:  # noqa: BLE001 - whoever drives the run raises it
            if not self.is_dead:
                self.defects.append(error)
        finally:
            strand.is_finished = True
            self._home.release()

    def step(self) -> bool:
        """Let one strand go to its next pause; whether there was one that could."""
        if self.clock.elapsed != self._moment[0]:
            self._moment = (self.clock.elapsed, self.steps)
        elif self.steps - self._moment[1] > BUSY:
            raise Livelock(f"{BUSY} steps took no time; the last: {list(self.story)[-3:]}")
        able = [strand for strand in self._strands if strand.ready is None or strand.ready()]
        if not able:
            return False
        if self._last in able and self.random.random() >= self.haste:
            strand = self._last
        else:
            strand = able[self.random.randrange(len(able))] if len(able) > 1 else able[0]
        self._last = strand
        self.steps += 1
        self._hand_to(strand)
        if self.defects:
            raise self.defects[0]
        return True

    def _hand_to(self, strand: Strand) -> None:
        self.current = strand
        strand.baton.release()
        self._home.acquire()
        self.current = None
        if strand.is_finished:
            self._strands.remove(strand)
            strand.thread.join()

    def run_until(self, done: Callable[[], bool], *, waiting_for: str) -> None:
        """Go on until ``done``; time passes when nobody can do anything else.

        Raises:
            Deadlock: it never will be.
        """
        deadline = self.clock.elapsed + PATIENCE
        while not done():
            if self.is_over:
                raise OutOfSteps
            if self.step():
                continue
            due = self.clock.next_due()
            if due is None or due > deadline:
                raise Deadlock(f"{waiting_for} never came; " + self.waiting())
            self.clock.advance_to(due)

    def run(self, steps: int) -> None:
        """Take so many steps, fewer where nobody can go on."""
        for _ in range(steps):
            if not self.step():
                return

    def rest(self) -> None:
        """Go on until nobody can, at this time."""
        while self.step():
            pass

    def advance(self, seconds: float) -> None:
        """Let time pass; what falls due is begun, each at its time."""
        end = self.clock.elapsed + seconds
        while (due := self.clock.next_due()) is not None and due <= end:
            self.clock.advance_to(due)
            self.rest()
        self.clock.advance_to(end)

    def waiting(self) -> str:
        """Who waits for what."""
        return "; ".join(f"{one.name} waits for {one.waits_for}" for one in self._strands)

    def kill(self) -> None:
        """End the process: no strand takes another step."""
        self.is_dead = True
        while self._strands:
            self._hand_to(self._strands[0])
        self.clock.close()
        self.defects.clear()
        self.is_dead, self._last = False, None
