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

PATIENCE_WITH_NODES = 20_000.0
"""The same where there are nodes, which beat all the time."""

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
    """One thread of a simulated process, which has a number."""

    def __init__(self, name: str, body: Callable[[], None], process: int) -> None:
        self.name = name
        self.body = body
        self.process = process
        self.is_doomed = False
        self.ready: Callable[[], bool] | None = None
        self.waits_for = "its beginning"
        self.is_finished = False
        self.thread: threading.Thread
        self.baton = threading.Lock()
        self.baton.acquire()


_Entry = tuple[float, int, int, Appointment]


class SimulatedClock:
    """A clock that the scheduler moves; each appointment is that of a process."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self._due: list[_Entry] = []
        self._held: dict[int, list[_Entry]] = {}
        self._count = itertools.count()

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return BEGINNING + self.elapsed

    def monotonic(self) -> float:
        """Seconds since the run began."""
        return self.elapsed

    def call_after(self, delay: float, call: Callable[[], None], process: int = 0) -> Appointment:
        """Make ``call`` when time has come so far."""
        appointment = Appointment(call)
        entry = (self.elapsed + max(delay, 0.0), next(self._count), process, appointment)
        heapq.heappush(self._due, entry)
        return appointment

    def next_due(self) -> float | None:
        """When the next appointment is."""
        while self._due and self._due[0][3].cancelled:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def advance_to(self, moment: float) -> None:
        """Let time pass, and keep the appointments on the way."""
        while (due := self.next_due()) is not None and due <= moment:
            self.elapsed = max(self.elapsed, due)
            entry = heapq.heappop(self._due)
            if entry[2] in self._held:
                self._held[entry[2]].append(entry)
            else:
                entry[3].call()
        self.elapsed = max(self.elapsed, moment)

    def hold(self, process: int) -> None:
        """Keep no appointment of a process until it is let go on."""
        self._held.setdefault(process, [])

    def let_go(self, process: int) -> None:
        """Keep the appointments of a process again; those that it has missed, at once."""
        for entry in self._held.pop(process, ()):
            heapq.heappush(self._due, entry)

    def close(self, process: int | None = None) -> None:
        """Make no more calls of a process, or of any."""
        self._due = [it for it in self._due if process not in {None, it[2]}]
        heapq.heapify(self._due)
        self._held = {one: due for one, due in self._held.items() if process not in {None, one}}


class ClockOfProcess:
    """The same clock, as a process has it."""

    def __init__(self, clock: SimulatedClock, process: int) -> None:
        self._clock = clock
        self._process = process

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds since the run began."""
        return self._clock.elapsed

    def call_after(self, delay: float, call: Callable[[], None]) -> Appointment:
        """Make ``call`` when time has come so far."""
        return self._clock.call_after(delay, call, self._process)

    def close(self) -> None:
        """Make no more calls."""
        self._clock.close(self._process)


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
        self.process = 1
        """Whose the strands are that begin outside of all strands."""
        self.is_shared = False
        """Whether there are several processes, so that the story has to tell who does what."""
        self.current: Strand | None = None
        self.defects: list[BaseException] = []
        self.digest = 0
        """A sum over all that happened: equal for equal runs."""
        self.story: deque[str] = deque(maxlen=_REMEMBERED)
        self._strands: list[Strand] = []
        self._stalled: set[int] = set()
        self._last: Strand | None = None
        self._home = threading.Lock()
        self._home.acquire()

    @property
    def is_over(self) -> bool:
        """Whether the steps are taken after which to interrupt."""
        return self.last_step is not None and self.steps >= self.last_step

    @property
    def is_dead(self) -> bool:
        """Whether the process has ended of whoever asks."""
        return self.current is not None and self.current.is_doomed

    @property
    def here(self) -> int:
        """The process of whoever asks."""
        return self.process if self.current is None else self.current.process

    # For strands

    def pause(self, waits_for: str, ready: Callable[[], bool] | None = None) -> None:
        """Give the baton back until it is this strand's turn, and ``ready`` says that it can go on.

        Outside of strands nothing happens: whoever drives the run decides himself.
        """
        strand = self.current
        if strand is None:
            return
        if strand.is_doomed:
            raise ProcessDied
        strand.ready, strand.waits_for = ready, waits_for
        self._home.release()
        strand.baton.acquire()
        if strand.is_doomed:
            raise ProcessDied
        strand.ready = None

    def sleep(self, seconds: float, waits_for: str) -> None:
        """Let time pass for this strand, but not for others."""
        until = self.clock.elapsed + seconds
        self.clock.call_after(seconds, lambda: None, self.here)
        self.pause(waits_for, lambda: self.clock.elapsed >= until)

    def note(self, what: str) -> None:
        """Remember what a strand does."""
        if self.is_shared:
            what = f"[{self.here}] {what}"
        self.digest = zlib.crc32(what.encode(), self.digest)
        self.story.append(f"{self.steps:6} {self.clock.elapsed:10.3f}s  {what}")

    # For whoever drives the run

    def spawn(self, name: str, body: Callable[[], None]) -> Strand:
        """Add a strand; it begins when it is its turn."""
        strand = Strand(name, body, self.here)
        self._strands.append(strand)
        strand.thread = threading.Thread(
            target=self._live, args=(strand,), name=f"simulated {name}", daemon=True
        )
        strand.thread.start()
        return strand

    def _live(self, strand: Strand) -> None:
        strand.baton.acquire()
        try:
            if not strand.is_doomed:
                strand.body()
        except ProcessDied:
            pass
        except BaseException as error:  # noqa: BLE001 - whoever drives the run raises it
            if not strand.is_doomed:
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
        able = [
            it
            for it in self._strands
            if it.process not in self._stalled and (it.ready is None or it.ready())
        ]
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
        deadline = self.clock.elapsed + (PATIENCE_WITH_NODES if self.is_shared else PATIENCE)
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

    def stall(self, process: int) -> None:
        """Let a process stand still, while time goes on for others."""
        self._stalled.add(process)
        self.clock.hold(process)

    def wake(self, process: int) -> None:
        """Let it go on."""
        self._stalled.discard(process)
        self.clock.let_go(process)

    def kill(self, process: int | None = None) -> None:
        """End a process, or all: none of its strands takes another step."""
        defects = [] if process is None else list(self.defects)
        while doomed := [it for it in self._strands if process in {None, it.process}]:
            doomed[0].is_doomed = True
            self._hand_to(doomed[0])
        self._stalled = set() if process is None else self._stalled - {process}
        self.clock.close(process)
        self.defects[:] = defects
        self._last = None
