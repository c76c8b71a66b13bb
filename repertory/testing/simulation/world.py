"""The simulated computer: a process that plays the archive, its disk, and what outlives it."""

import uuid as uuids
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pykka

from repertory.actors.base import RepertoryActor
from repertory.actors.crew import ThreadCrew
from repertory.actors.delivery import DeliveryActor
from repertory.actors.messages.jobs import JobSucceeded
from repertory.actors.messages.stability import ResourceStabilized
from repertory.actors.messages.system import ActorDied, CallIn
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.conf.housekeeper import HousekeeperSettings
from repertory.conf.resources import DelayedDeletionSettings, TrashSettings
from repertory.conf.settings import Settings
from repertory.model import Level
from repertory.service import Repertory
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.storage.areas.objects import ObjectArea
from repertory.storage.index.base import IndexReader
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation.books import Books, Violation
from repertory.testing.simulation.bucket import SimulatedStore
from repertory.testing.simulation.casting import Casting, SimulatedCrew
from repertory.testing.simulation.database import IndexFaults, SimulatedEngine
from repertory.testing.simulation.disk import SimulatedDisk
from repertory.testing.simulation.listening import Listener
from repertory.testing.simulation.pausing import Pauses
from repertory.testing.simulation.scheduler import Scheduler
from repertory.testing.simulation.tiers import BUCKET, FIRST, Tiers, room_at

STABLE_AGE = 60

FILES = "files"
"""The folder of all disks: each storage is a folder in it."""


@dataclass(frozen=True)
class Setup:
    """The configuration of one life of the process."""

    compression: bool = False
    overwriting: str = "Never"
    throttle: float = 0.0
    patients: int = 0
    readers: int = 2
    crew: int = 3
    housekeeper: bool = False
    more_tags: bool = False
    retention: float = 0.0
    concurrent: int = 1
    tiers: Tiers | None = None

    def settings(self, folder: Path) -> Settings:
        """The same as the archive reads it, for an archive in ``folder``."""
        return Settings(
            storage_directory=str(folder / FILES / FIRST),
            index_directory=str(folder / "index"),
            index_readers=self.readers,
            storage_threads=self.crew,
            storage_compression=self.compression,
            overwrite_instances=self.overwriting,
            maximum_patient_count=self.patients,
            stable_age=STABLE_AGE,
            concurrent_jobs=self.concurrent,
            delayed_deletion=DelayedDeletionSettings(
                enable=True, throttle_delay_ms=int(self.throttle * 1000)
            ),
            housekeeper=HousekeeperSettings(
                enable=self.housekeeper, throttle_delay=0.0, busy_share=100
            ),
            extra_main_dicom_tags=(
                {level.word: ["ImageComments"] for level in Level} if self.more_tags else {}
            ),
            trash=TrashSettings(retention_days=self.retention / 86_400),
            http_server_enabled=False,
            **({} if self.tiers is None else self.tiers.options(folder / FILES)),
        )


@dataclass
class Parts:
    """What is planted in the archive in the place of its own parts.

    ``actors`` goes by the classes whose place they take.
    """

    actors: dict[type[RepertoryActor], type[RepertoryActor]] = field(default_factory=dict)
    area: type[FilesystemArea] = FilesystemArea
    bucket_area: type[ObjectArea] = ObjectArea
    writer: type[DatabaseWriter] = DatabaseWriter


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
        self.seed = seed
        self.random = Random(seed + 1)  # noqa: S311 - chance, not secrets
        self.books = Books(self.scheduler.defects, stable_age=STABLE_AGE)
        self.hold = Hold()
        self.disk = SimulatedDisk(self.scheduler, Random(seed + 2), folder / "removed")  # noqa: S311
        self.store = SimulatedStore(self.scheduler, Random(seed + 6))  # noqa: S311
        self.faults = IndexFaults(self.scheduler, Random(seed + 3))  # noqa: S311
        self.lives = 0
        self.stabilized = 0
        self.pauses = Pauses(lambda: self.scheduler.steps)
        self.listener: Listener | None = None
        self.board: Switchboard
        self.setup = Setup()
        self._names = Random(seed + 4)  # noqa: S311
        self._parts = parts
        self._casting = Casting(self.scheduler)
        self._folder = folder
        self._process: Process | None = None
        self._engine: SimulatedEngine | None = None
        self._areas: dict[str, StorageArea] = {}
        self._place = folder / "0"
        self._place.mkdir()
        (self._place / FILES).mkdir()
        self.disk.mount(self._place / FILES)
        self.books.may_go = self.pauses.may_go
        self.disk.on_removal = self.books.note_removal
        self.disk.on_failed_removal = self.books.note_failed_removal
        self.store.on_removal = self.books.note_removal
        self.store.on_failed_removal = self.books.note_failed_removal
        self.store.on_doubt = self.books.note_doubt
        self.books.in_bucket = self.store.files
        self.faults.on_commit = self.books.note_commit
        self.faults.on_failure = self.books.note_loose_ends

    @property
    def troubles(self) -> int:
        """How often something was made to fail."""
        return self.disk.faults + self.store.faults + self.faults.faults

    @property
    def is_up(self) -> bool:
        """Whether the process runs."""
        return self._process is not None

    def listen(self) -> None:
        """Let somebody outside be told of events, in all lives of the process."""
        self.listener = Listener(self.scheduler, self.books, Random(self.seed + 5))  # noqa: S311
        self.books.is_refused = self.listener.is_refused

    def start(self, setup: Setup) -> None:
        """Start the process, and wait until it serves."""
        self.lives += 1
        self.setup = setup
        self.scheduler.note(f"life {self.lives} begins: {setup}")
        self.books.look_at(self._place / FILES)
        self._process = Process(setup.settings(self._place), self)
        self._process.start()

    @property
    def signatures(self) -> Mapping[Level, str]:
        """Of the main tags that the index keeps now."""
        assert self._engine is not None  # noqa: S101 - it runs
        return self._engine._signatures  # noqa: SLF001 - what it writes is to be checked

    def reader(self) -> IndexReader:
        """A look into the index, past the actors."""
        assert self._engine is not None  # noqa: S101 - it runs
        return self._engine.reader()

    def stop(self) -> None:
        """Stop the process in good order."""
        self.scheduler.note("the process stops")
        assert self._process is not None  # noqa: S101 - it runs
        self._process.stop()
        self.scheduler.rest()
        self._leave()

    def die(self, *, power_cut: bool) -> None:
        """End the process at once, and the computer with it if the power is cut."""
        self.scheduler.note("the power is cut" if power_cut else "the process is killed")
        self.books.note_loose_ends()
        place = self._folder / str(self.lives)
        if self._engine is not None:
            self._engine.leave_behind(place / "index", power_cut=power_cut)
        revived: set[str] = set()
        if power_cut:
            revived = self.disk.cut_power(place / FILES)
        else:
            self.disk.end_process(place / FILES)
        self.books.close()
        self.scheduler.kill()
        for actor in self._casting.actors:
            pykka.ActorRegistry.unregister(actor.actor_ref)
            if isinstance(actor, StorageActor):
                actor.close()  # only the files that it had open: the others lie elsewhere by now
        if self._engine is not None:
            self._engine.abandon()
        self._leave()
        self._place = place
        self.disk.mount(place / FILES)
        self.books.orphans |= revived

    def close(self) -> None:
        """End everything that is left of it."""
        try:
            if self.is_up:
                self.die(power_cut=False)
        finally:
            self.scheduler.kill()

    def _leave(self) -> None:
        self.books.close()
        self._process = self._engine = None
        self._areas.clear()
        self.pauses.note_end()
        self._casting.actors.clear()
        self.scheduler.clock.close()

    def put_on(
        self,
        board: Switchboard,
        actor: type[RepertoryActor],
        parts: dict[str, Any],
        *,
        connected: bool = True,
    ) -> tuple[type[RepertoryActor], Ref]:
        """Start an actor as a strand, with simulated parts in the place of real ones."""
        if not self._casting.actors:
            self.board = board
            board.listen(ActorDied, self._note_death)
            board.listen(ResourceStabilized, self._note_stable)
            board.listen(JobSucceeded, self._note_job)
        played = self._casting.of(self._parts.actors.get(actor, actor))
        ref = played.start(board=board, **self._simulated(actor, parts))
        if connected:
            board.connect(ref, played)
        ref.ask(CallIn())
        if not self.books.is_open:
            self.books.open(self._place / "index" / "repertory.db")
        if actor is StorageActor:
            self.books.check_staging(_folder_of(parts["area"]))
        return played, ref

    def _simulated(self, actor: type[RepertoryActor], parts: dict[str, Any]) -> dict[str, Any]:
        others: dict[str, Any] = {}
        if actor is DeliveryActor:
            others["crew"] = lambda name: SimulatedCrew(self.scheduler, 1, name=name)
        if "engine" in parts:
            others["engine"] = self._simulated_engine(parts["engine"])
        if "area" in parts:
            others["area"] = self._area(_folder_of(parts["area"]))
            others["others"] = {
                number: self._area(_folder_of(area)) for number, area in parts["others"].items()
            }
        for name, part in parts.items():
            if isinstance(part, ThreadCrew):
                part.close()
                others[name] = SimulatedCrew(self.scheduler, part.size, name=name)
        if "area" in parts:
            others["new_name"] = self._new_name
        if "sides" in parts:
            others["new_name"] = self._new_name_of_copy
        if "room_of" in parts:
            others["room_of"] = lambda name: room_at(self.disk.root, name)
        if "hold" in parts:
            others["hold"] = self.hold
        return parts | others

    def _area(self, folder: str) -> StorageArea:
        if folder not in self._areas:
            self._areas[folder] = self._make_area(folder)
        return self._areas[folder]

    def _make_area(self, folder: str) -> StorageArea:
        files = self._place / FILES
        if folder == BUCKET:
            return self._parts.bucket_area(self.store.bucket(), staging=files / FIRST)
        return self._parts.area(files / folder, calls=self.disk)

    def _simulated_engine(self, engine: SqliteEngine) -> SimulatedEngine:
        if self._engine is None:
            self._engine = SimulatedEngine(self._place / "index", self.faults, like=engine)
            self._engine.writer_class = self._parts.writer
        return self._engine

    def _new_name(self) -> str:
        return str(uuids.UUID(int=self._names.getrandbits(128), version=4))

    def _new_name_of_copy(self) -> str:
        name = self._new_name()
        self.books.ever.add(name)  # it is no loose end: the index should know of it
        return name

    def _note_death(self, event: ActorDied) -> None:
        violation = Violation("no actor dies", f"{event.actor}: {event.reason}")
        self.scheduler.defects.append(violation)

    def _note_job(self, event: JobSucceeded) -> None:
        self.books.note_job_over(event.id)

    def _note_stable(self, event: ResourceStabilized) -> None:
        self.stabilized += 1
        self.scheduler.note(f"stable: {event.level.word} {event.id[:8]}")


def _folder_of(area: StorageArea) -> str:
    """The name of the folder that another area in its place works on."""
    root = getattr(area, "_root", None)  # perhaps behind one that meters it
    return BUCKET if root is None else root.name


class Process(Repertory):
    """The archive as the service puts it together, played by strands."""

    def __init__(self, settings: Settings, world: World) -> None:
        targets = () if world.listener is None else (world.listener,)
        super().__init__(settings, clock=world.scheduler.clock, targets=targets)
        self._world = world

    def _put_on(
        self,
        board: Switchboard,
        actor: type[RepertoryActor],
        *,
        connected: bool = True,
        **parts: Any,
    ) -> Ref:
        played, ref = self._world.put_on(board, actor, parts, connected=connected)
        self._cast.append((played, ref))
        return ref

    def _stop_all(self) -> None:
        # A start that was interrupted is not undone: the process dies where it is.
        if self._board is not None and not self._world.scheduler.is_over:
            super()._stop_all()
