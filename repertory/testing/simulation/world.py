"""The simulated computer: a process that plays the archive, its disk, and what outlives it."""

import uuid as uuids
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pykka

from repertory.actors.base import RepertoryActor
from repertory.actors.deletion_queue import DeletionQueueActor
from repertory.actors.index import IndexActor
from repertory.actors.index_reader import IndexReaderActor
from repertory.actors.integrity import IntegrityActor
from repertory.actors.messages.base import Event
from repertory.actors.messages.stability import ResourceStabilized
from repertory.actors.messages.system import ActorDied, CallIn
from repertory.actors.stability_monitor import StabilityMonitorActor
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.model import Compression
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.files import FileOptions
from repertory.storage.index.base import IndexReader
from repertory.storage.index.policy import Overwriting, StorePolicy
from repertory.storage.index.writer import DatabaseWriter
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.testing.simulation.books import Books, Violation
from repertory.testing.simulation.casting import Casting, SimulatedCrew
from repertory.testing.simulation.database import IndexFaults, SimulatedEngine
from repertory.testing.simulation.disk import SimulatedDisk
from repertory.testing.simulation.scheduler import Scheduler

STABLE_AGE = 60.0


@dataclass(frozen=True)
class Setup:
    """The configuration of one life of the process."""

    compression: bool = False
    overwriting: str = "Never"
    throttle: float = 0.0
    patients: int = 0
    readers: int = 2
    crew: int = 3


@dataclass
class Parts:
    """What the archive is made of; a mutant takes others."""

    index: type[RepertoryActor] = IndexActor
    reader: type[RepertoryActor] = IndexReaderActor
    storage: type[RepertoryActor] = StorageActor
    deletion: type[RepertoryActor] = DeletionQueueActor
    monitor: type[RepertoryActor] = StabilityMonitorActor
    integrity: type[RepertoryActor] = IntegrityActor
    area: type[FilesystemArea] = FilesystemArea
    writer: type[DatabaseWriter] = DatabaseWriter
    area_options: dict[str, Any] = field(default_factory=dict)


class Hold:
    """Whether somebody copies the files."""

    def __init__(self) -> None:
        self.held = False

    def is_held(self) -> bool:
        """Whether released files must stay."""
        return self.held


class World:
    """One computer, over all lives of the process. ``seed`` decides all that is left to chance."""

    def __init__(self, folder: Path, seed: int, parts: Parts, *, haste: float) -> None:
        self.scheduler = Scheduler(seed, haste=haste)
        self.random = Random(seed + 1)  # noqa: S311 - chance, not secrets
        self.books = Books(self.scheduler.defects, stable_age=STABLE_AGE)
        self.hold = Hold()
        self.disk = SimulatedDisk(self.scheduler, Random(seed + 2), folder / "removed")  # noqa: S311
        self.faults = IndexFaults(self.scheduler, Random(seed + 3))  # noqa: S311
        self.lives = 0
        self.stabilized = 0
        self.board: Switchboard
        self.setup = Setup()
        self._names = Random(seed + 4)  # noqa: S311
        self._parts = parts
        self._casting = Casting(self.scheduler)
        self._folder = folder
        self._cast: list[Ref] = []
        self._engine: SimulatedEngine | None = None
        self._place = folder / "0"
        self._place.mkdir()
        (self._place / "files").mkdir()
        self.disk.mount(self._place / "files")
        self.disk.on_removal = self.books.note_removal
        self.disk.on_failed_removal = self.books.note_failed_removal
        self.faults.on_commit = self.books.note_commit
        self.faults.on_failure = self.books.note_loose_ends

    @property
    def is_up(self) -> bool:
        """Whether the process runs."""
        return self._engine is not None

    def start(self, setup: Setup) -> None:
        """Start the process, and wait until it serves."""
        self.lives += 1
        self.setup = setup
        self.scheduler.note(f"life {self.lives} begins: {setup}")
        folder, parts = self._place, self._parts
        self.board = Switchboard(clock=self.scheduler.clock)
        self.board.listen(ActorDied, self._note_death)
        self.board.listen(ResourceStabilized, self._note_stable)
        self._engine = SimulatedEngine(folder / "index", self.faults)
        self._engine.writer_class = parts.writer
        self.books.look_at(folder / "files")
        area = parts.area(folder / "files", calls=self.disk, **parts.area_options)
        form = Compression.ZSTANDARD if setup.compression else Compression.NONE
        policy = StorePolicy(
            overwriting=Overwriting(setup.overwriting), maximum_patients=setup.patients
        )
        self._put_on(parts.index, engine=self._engine, policy=policy)
        self.books.open(folder / "index" / "repertory.db")
        for _ in range(setup.readers):
            self._put_on(parts.reader, engine=self._engine)
        self._put_on(
            parts.storage,
            area=area,
            crew=SimulatedCrew(self.scheduler, setup.crew),
            main_tags=MAIN_DICOM_TAGS,
            options=FileOptions(compression=form),
            new_name=self._new_name,
        )
        self.books.check_staging()
        self._put_on(parts.deletion, throttle=setup.throttle, hold=self.hold)
        self._put_on(parts.monitor, stable_age=STABLE_AGE)
        self._put_on(parts.integrity)

    def reader(self) -> IndexReader:
        """A look into the index, past the actors."""
        assert self._engine is not None  # noqa: S101 - it runs
        return self._engine.reader()

    def stop(self) -> None:
        """Stop the process in good order."""
        self.scheduler.note("the process stops")
        while self._cast:
            self._cast[-1].stop()
            self._cast.pop()
        self.scheduler.rest()
        self._leave()

    def die(self, *, power_cut: bool) -> None:
        """End the process at once, and the computer with it if the power is cut."""
        self.scheduler.note("the power is cut" if power_cut else "the process is killed")
        assert self._engine is not None  # noqa: S101 - it runs
        self.books.note_loose_ends()
        place = self._folder / str(self.lives)
        self._engine.leave_behind(place / "index", power_cut=power_cut)
        revived: set[str] = set()
        if power_cut:
            revived = self.disk.cut_power(place / "files")
        else:
            self.disk.end_process(place / "files")
        self.books.close()
        self.scheduler.kill()
        for ref in self._cast:
            pykka.ActorRegistry.unregister(ref)
        self._cast.clear()
        for actor in self._casting.actors:
            if isinstance(actor, StorageActor):
                actor.close()  # only the files that it had open: the others lie elsewhere by now
        self._engine.abandon()
        self._leave()
        self._place = place
        self.disk.mount(place / "files")
        self.books.orphans |= revived

    def _leave(self) -> None:
        self.books.close()
        self._engine = None
        self._casting.actors.clear()
        self.scheduler.clock.close()

    def _put_on(self, actor: type[RepertoryActor], **parts: Any) -> None:
        played = self._casting.of(actor)
        ref = played.start(board=self.board, **parts)
        self._cast.append(ref)
        self.board.connect(ref, played)
        ref.ask(CallIn())

    def _new_name(self) -> str:
        return str(uuids.UUID(int=self._names.getrandbits(128), version=4))

    def _note_death(self, event: Event) -> None:
        raise Violation("no actor dies", f"{event}")

    def _note_stable(self, event: ResourceStabilized) -> None:
        self.stabilized += 1
        self.scheduler.note(f"stable: {event.level.word} {event.id[:8]}")
