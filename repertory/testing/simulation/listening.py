"""Somebody outside who is told of events, over a line that is bad at times."""

from collections.abc import Sequence
from random import Random

from repertory.actors.targets.base import Outcome, Rules, Verdict
from repertory.events import ArchiveEvent
from repertory.testing.simulation.books import Books
from repertory.testing.simulation.scheduler import Scheduler

NAME = "listener"
REFUSED = 37
"""Events whose number this divides are refused each time."""

_LOST = 0.05


class Listener:
    """A target that outlives the archive: it notes what it was told of, and in which order."""

    name = NAME
    kind = "simulated"
    address = "beside the archive"
    rules = Rules(attempts=3, first_delay=1.0, last_delay=60.0)

    def __init__(self, scheduler: Scheduler, books: Books, random: Random) -> None:
        self._scheduler = scheduler
        self._books = books
        self._random = random
        self._last = 0
        self.is_cut = False
        self.heard = 0

    def open(self, _archive: str) -> None:
        """Another life of the archive begins: it may tell again what it did not note."""
        self._last = 0

    def abort(self) -> None:
        """Nothing waits here."""

    def deliver(self, events: Sequence[ArchiveEvent]) -> Outcome:
        """Hear some events, as far as the line lets them through."""
        for count, event in enumerate(events):
            self._scheduler.pause("the line")
            if self.is_cut or self._random.random() < _LOST:
                return Outcome(count, Verdict.UNREACHABLE, "There was no answer.")
            if event.number % REFUSED == 0:
                return Outcome(count, Verdict.REFUSED, "It is not wanted.")
            self._hear(event)
            if self._random.random() < _LOST:
                self._last = event.number - 1
                return Outcome(count, Verdict.UNREACHABLE, "The answer was lost.")
        return Outcome(len(events))

    def _hear(self, event: ArchiveEvent) -> None:
        self._scheduler.note(f"heard of event {event.number}")
        self.heard += 1
        # Nodes go on from where the index says that others were.
        if event.number <= self._last and not self._scheduler.is_shared:
            self._books.violate("events in order", f"{event.number} came after {self._last}")
        self._last = event.number
        self._books.note_heard(event.number, int(event.type), event.id)

    @staticmethod
    def is_refused(number: int) -> bool:
        """Whether an event becomes a dead letter."""
        return number % REFUSED == 0
