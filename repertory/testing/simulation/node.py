"""A process that plays the archive, or one node of it, over all its lives."""

from typing import TYPE_CHECKING, Any

import pykka

from repertory.actors.base import RepertoryActor
from repertory.actors.crew import ThreadCrew
from repertory.actors.delivery import DeliveryActor
from repertory.actors.messages.jobs import JobSucceeded
from repertory.actors.messages.stability import ResourceStabilized
from repertory.actors.messages.system import ActorDied, CallIn
from repertory.actors.storage import StorageActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.conf.settings import Settings
from repertory.service import Repertory
from repertory.storage.areas.base import StorageArea
from repertory.storage.index.server.engine import ServerEngine
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.casting import Casting, SimulatedCrew
from repertory.testing.simulation.database import SimulatedEngine
from repertory.testing.simulation.scheduler import ClockOfProcess
from repertory.testing.simulation.setups import FILES, Setup
from repertory.testing.simulation.tiers import BUCKET, FIRST, room_at

if TYPE_CHECKING:
    from repertory.testing.simulation.world import World


class Node:
    """One process of a ``World``; the only one, or one of several that share the index."""

    def __init__(self, world: "World", number: int) -> None:
        self.world = world
        self.number = number
        self.lives = 0
        self.is_stalled = False
        self.woke_at = 0.0
        """When it went on last, or began."""
        self.dismissals = 0
        """How often others have given it up for dead in this life."""
        self.setup = Setup()
        self.board: Switchboard
        self.engine: SimulatedEngine | None = None
        self._casting = Casting(world.scheduler)
        self._process: Process | None = None
        self._areas: dict[str, StorageArea] = {}

    @property
    def is_up(self) -> bool:
        """Whether the process runs, or stands still."""
        return self._process is not None

    @property
    def base(self) -> str:
        """What its names as a node have in common in this life."""
        return f"node{self.number}life{self.lives}"

    @property
    def name(self) -> str:
        """The one that it writes under now."""
        writer = self.engine.latest_writer if self.engine is not None else None
        return "" if writer is None else writer._group.node  # noqa: SLF001 - what it writes counts

    def start(self, setup: Setup) -> None:
        """Start the process, and wait until it serves."""
        world = self.world
        self.lives += 1
        self.setup = setup
        self.dismissals = 0
        self.woke_at = world.scheduler.clock.elapsed
        world.scheduler.process = self.number
        settings = setup.settings(world.place, shared=world.is_shared)
        self._process = Process(settings, self)
        self._process.start()

    def stop(self) -> None:
        """Stop the process in good order."""
        scheduler = self.world.scheduler
        scheduler.process = self.number
        scheduler.note("the process stops")
        assert self._process is not None  # noqa: S101 - it runs
        self._process.stop()
        scheduler.rest()
        self.leave()

    def stall(self) -> None:
        """Let it stand still; the server of the index waits for nobody."""
        if self.engine is not None:
            self.engine.hang_up()
        self.is_stalled = True
        self.world.scheduler.stall(self.number)

    def wake(self) -> None:
        """Let it go on."""
        self.is_stalled = False
        self.woke_at = self.world.scheduler.clock.elapsed
        self.world.scheduler.wake(self.number)

    def abandon(self) -> None:
        """Let go of what the process had, as the kernel does; its strands have ended."""
        for actor in self._casting.actors:
            pykka.ActorRegistry.unregister(actor.actor_ref)
            if isinstance(actor, StorageActor):
                actor.close()  # only the files that it had open
        if self.engine is not None:
            self.engine.abandon()
        self.leave()

    def leave(self) -> None:
        """There is no process any more."""
        self._process = self.engine = None
        self.is_stalled = False
        self._areas.clear()
        self._casting.actors.clear()
        self.world.note_end(self.number)

    def put_on(
        self,
        board: Switchboard,
        actor: type[RepertoryActor],
        parts: dict[str, Any],
        *,
        connected: bool = True,
    ) -> tuple[type[RepertoryActor], Ref]:
        """Start an actor as a strand, with simulated parts in the place of real ones."""
        world = self.world
        if not self._casting.actors:
            self.board = board
            board.listen(ActorDied, self._note_death)
            board.listen(ResourceStabilized, self._note_stable)
            board.listen(JobSucceeded, self._note_job)
        played = self._casting.of(world.parts.actors.get(actor, actor))
        ref = played.start(board=board, **self._simulated(actor, parts))
        if connected:
            board.connect(ref, played)
        ref.ask(CallIn())
        if not world.books.is_open:
            world.books.open(world.place / "index" / "repertory.db")
        if actor is StorageActor and not world.is_shared:
            world.books.check_staging(_folder_of(parts["area"]))
        return played, ref

    def _simulated(self, actor: type[RepertoryActor], parts: dict[str, Any]) -> dict[str, Any]:
        world = self.world
        others: dict[str, Any] = {}
        if actor is DeliveryActor:
            others["crew"] = lambda name: SimulatedCrew(world.scheduler, 1, name=name)
        if "engine" in parts:
            others["engine"] = self._simulated_engine(parts["engine"])
        if "area" in parts:
            others["area"] = self._area(parts["area"])
            others["others"] = {
                number: self._area(area) for number, area in parts["others"].items()
            }
        for name, part in parts.items():
            if isinstance(part, ThreadCrew):
                part.close()
                others[name] = SimulatedCrew(world.scheduler, part.size, name=name)
        if "area" in parts:
            others["new_name"] = world.new_name
        if "sides" in parts:
            others["new_name"] = world.new_name_of_copy
        if "room_of" in parts:
            others["room_of"] = lambda name: room_at(world.disk.root, name)
        if "hold" in parts:
            others["hold"] = world.hold
        return parts | others

    def _area(self, area: StorageArea) -> StorageArea:
        folder = _folder_of(area)
        if folder not in self._areas:
            self._areas[folder] = self._make_area(folder, area)
        return self._areas[folder]

    def _make_area(self, folder: str, area: StorageArea) -> StorageArea:
        world = self.world
        files = world.place / FILES
        if folder == BUCKET:
            return world.parts.bucket_area(world.store.bucket(), staging=files / FIRST)
        names: dict[str, Any] = {}
        if world.is_shared:
            names = {it: getattr(area, f"_{it}") for it in ("branch", "living")}
        return world.parts.area(files / folder, calls=world.disk, **names)

    def _simulated_engine(self, engine: SqliteEngine | ServerEngine) -> SimulatedEngine:
        if self.engine is None:
            world = self.world
            turns = world.turns if world.is_shared else None
            self.engine = SimulatedEngine(
                world.place / "index", world.faults, like=engine, turns=turns
            )
            self.engine.writer_class = world.parts.writer
        return self.engine

    def _note_death(self, event: ActorDied) -> None:
        violation = Violation("no actor dies", f"{event.actor}: {event.reason}")
        self.world.scheduler.defects.append(violation)

    def _note_job(self, event: JobSucceeded) -> None:
        self.world.books.note_job_over(event.id)

    def _note_stable(self, event: ResourceStabilized) -> None:
        self.world.stabilized += 1
        self.world.scheduler.note(f"stable: {event.level.word} {event.id[:8]}")


def _folder_of(area: StorageArea) -> str:
    """The name of the folder that another area in its place works on."""
    root = getattr(area, "_root", None)  # perhaps behind one that meters it
    return BUCKET if root is None else root.name


class Process(Repertory):
    """The archive as the service puts it together, played by strands."""

    def __init__(self, settings: Settings, node: Node) -> None:
        world = node.world
        targets = () if world.listener is None else (world.listener,)
        clock = ClockOfProcess(world.scheduler.clock, node.number)
        super().__init__(settings, clock=clock, targets=targets)
        self._node = node

    def _put_on(
        self,
        board: Switchboard,
        actor: type[RepertoryActor],
        *,
        connected: bool = True,
        **parts: Any,
    ) -> Ref:
        played, ref = self._node.put_on(board, actor, parts, connected=connected)
        self._cast.append((played, ref))
        return ref

    def _name_node(self) -> str:
        return f"{self._node.base}.1"

    def _stop_all(self) -> None:
        # A start that was interrupted is not undone: the process dies where it is.
        if self._board is not None and not self._node.world.scheduler.is_over:
            super()._stop_all()
