"""The simulated computer: the processes that play the archive, its disk, and what outlives them."""

import uuid as uuids
from collections.abc import Mapping
from pathlib import Path
from random import Random

from repertory.actors.switchboard import Switchboard
from repertory.model import Level
from repertory.nodes import base_of
from repertory.storage.index.base import IndexReader
from repertory.testing.simulation.books import Books
from repertory.testing.simulation.books_of_nodes import BooksOfNodes
from repertory.testing.simulation.bucket import SimulatedStore
from repertory.testing.simulation.database import IndexFaults, Turns, WritingDatabase
from repertory.testing.simulation.disk import SimulatedDisk
from repertory.testing.simulation.listening import Listener
from repertory.testing.simulation.node import Node
from repertory.testing.simulation.pausing import Pauses
from repertory.testing.simulation.scheduler import Scheduler
from repertory.testing.simulation.setups import FILES, HEARTBEAT, LEASE, STABLE_AGE, Parts, Setup

SLOW = 3
"""Beats after which every node heeds what was said at another one."""


class Hold:
    """Whether somebody copies the files."""

    def __init__(self) -> None:
        self.held = False

    def is_held(self) -> bool:
        """Whether released files must stay."""
        return self.held


class World:
    """One computer, over all lives of its processes. ``seed`` decides all that is left to chance.

    With several ``nodes`` it is all of their computers, with what they share.
    """

    def __init__(
        self, folder: Path, seed: int, parts: Parts, *, haste: float, nodes: int = 1
    ) -> None:
        self.scheduler = Scheduler(seed, haste=haste)
        self.seed = seed
        self.parts = parts
        self.random = Random(seed + 1)  # noqa: S311 - chance, not secrets
        self.is_shared = self.scheduler.is_shared = nodes > 1
        self.books = self._make_books()
        self.hold = Hold()
        self.disk = SimulatedDisk(self.scheduler, Random(seed + 2), folder / "removed")  # noqa: S311
        self.store = SimulatedStore(self.scheduler, Random(seed + 6))  # noqa: S311
        self.faults = IndexFaults(self.scheduler, Random(seed + 3))  # noqa: S311
        self.turns = Turns(self.scheduler)
        self.stabilized = 0
        clock = self.scheduler.clock
        self.pauses = Pauses(lambda: self.scheduler.steps, lambda: clock.elapsed)
        self.listener: Listener | None = None
        self.nodes = [Node(self, number) for number in range(1, nodes + 1)]
        self._names = Random(seed + 4)  # noqa: S311
        self._folder = folder
        self._deaths = 0
        self.place = folder / "0"
        self.place.mkdir()
        (self.place / FILES).mkdir()
        self.disk.mount(self.place / FILES)
        self.books.may_go = self._may_go
        self.disk.on_removal = self.books.note_removal
        self.disk.on_failed_removal = self.books.note_failed_removal
        self.store.on_removal = self.books.note_removal
        self.store.on_failed_removal = self.books.note_failed_removal
        self.store.on_doubt = self.books.note_doubt
        self.books.in_bucket = self.store.files
        self.faults.on_commit = self._note_commit
        self.faults.on_failure = self.books.note_loose_ends

    def _make_books(self) -> Books:
        defects = self.scheduler.defects
        if not self.is_shared:
            return Books(defects, stable_age=STABLE_AGE)
        return BooksOfNodes(
            defects,
            stable_age=STABLE_AGE,
            now=lambda: self.scheduler.clock.elapsed,
            name_here=lambda: self.here.name,
            note_dismissal=self._note_dismissal,
        )

    def _note_dismissal(self, name: str) -> None:
        for node in self.nodes:
            if node.is_up and node.base == base_of(name):
                node.dismissals += 1
                since = max(node.woke_at, self.faults.failed_at)
                lively = not node.is_stalled and self.scheduler.clock.elapsed - since > 2 * LEASE
                if lively:
                    raise self.books.violate("the living are left alone", f"{name} was given up")

    def _may_go(self) -> bool:
        """Whether a file may go: others heed a pause with their next beat."""
        if self.is_shared:
            since = max(self.pauses.began_at, self.here.woke_at)
            if self.scheduler.clock.elapsed - since < SLOW * HEARTBEAT:
                return True
        return self.pauses.may_go()

    @property
    def troubles(self) -> int:
        """How often something was made to fail."""
        return self.disk.faults + self.store.faults + self.faults.faults

    @property
    def here(self) -> Node:
        """The process of whoever asks."""
        return self.nodes[self.scheduler.here - 1]

    @property
    def board(self) -> Switchboard:
        """Its switchboard."""
        return self.here.board

    @property
    def setup(self) -> Setup:
        """Its configuration."""
        return self.here.setup

    @property
    def lives(self) -> int:
        """How often a process began."""
        return sum(node.lives for node in self.nodes)

    @property
    def up(self) -> list[Node]:
        """The processes that run."""
        return [node for node in self.nodes if node.is_up]

    def listen(self) -> None:
        """Let somebody outside be told of events, in all lives of the process."""
        self.listener = Listener(self.scheduler, self.books, Random(self.seed + 5))  # noqa: S311
        self.books.is_refused = self.listener.is_refused

    def start(self, setup: Setup, number: int = 1) -> None:
        """Start a process, and wait until it serves."""
        if not self.up:
            self.books.look_at(self.place / FILES)
        node = self.nodes[number - 1]
        self.scheduler.note(f"life {node.lives + 1} of {number} begins: {setup}")
        node.start(setup)

    @property
    def signatures(self) -> Mapping[Level, str]:
        """Of the main tags that the index keeps now."""
        assert self.here.engine is not None  # noqa: S101 - it runs
        return self.here.engine._signatures  # noqa: SLF001 - what it writes is to be checked

    def reader(self) -> IndexReader:
        """A look into the index, past the actors."""
        assert self.here.engine is not None  # noqa: S101 - it runs
        return self.here.engine.reader()

    def stop(self, number: int = 1) -> None:
        """Stop a process in good order."""
        self.nodes[number - 1].stop()

    def lose(self, number: int) -> None:
        """End one of several processes at once; the others go on."""
        self.scheduler.note(f"{number} is killed")
        self.books.note_loose_ends()
        self.scheduler.kill(number)
        self.nodes[number - 1].abandon()

    def die(self, *, power_cut: bool) -> None:
        """End all processes at once, and the computer with them if the power is cut."""
        self.scheduler.note("the power is cut" if power_cut else "the process is killed")
        self.books.note_loose_ends()
        self._deaths += 1
        place = self._folder / str(self._deaths)
        self.faults.leave_behind(self.place / "index", place / "index", power_cut=power_cut)
        revived: set[str] = set()
        if power_cut:
            revived = self.disk.cut_power(place / FILES)
        else:
            self.disk.end_process(place / FILES)
        self.books.close()
        self.scheduler.kill()
        for node in self.up:
            node.abandon()
        self.place = place
        self.disk.mount(place / FILES)
        self.books.orphans |= revived

    def close(self) -> None:
        """End everything that is left of it."""
        try:
            if self.up:
                self.die(power_cut=False)
        finally:
            self.scheduler.kill()

    def note_end(self, number: int) -> None:
        """A process has ended."""
        self.scheduler.clock.close(number)
        if not self.up:
            self.books.close()
            self.pauses.note_end()

    def new_name(self) -> str:
        """The name of a file."""
        return str(uuids.UUID(int=self._names.getrandbits(128), version=4))

    def new_name_of_copy(self) -> str:
        """The name of a file that is a copy."""
        name = self.new_name()
        self.books.ever.add(name)  # it is no loose end: the index should know of it
        return name

    def _note_commit(self, _database: WritingDatabase) -> None:
        self.books.note_commit()
