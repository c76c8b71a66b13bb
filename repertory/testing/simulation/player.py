"""Plays a plan, and checks at each rest whether all is as it should be."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from repertory.actors.messages.attachments import ReadAttachment, RemoveReleased
from repertory.actors.messages.integrity import RecountTallies, RecountTotals
from repertory.actors.messages.jobs import ListJobs
from repertory.actors.messages.stability import ListUnstable
from repertory.errors import RepertoryError, UnknownItem, UnknownResource
from repertory.model import ContentType
from repertory.storage.index.base import IndexReader
from repertory.testing.simulation.asking import LABEL, NUMBER, all_names, place_of
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import version_of
from repertory.testing.simulation.clients import Clients
from repertory.testing.simulation.model import ABSENT, Model
from repertory.testing.simulation.plans import CIRCUMSTANCES, OF_A_STORE, Plan, Step, make_setup
from repertory.testing.simulation.scheduler import OutOfSteps
from repertory.testing.simulation.setups import Parts
from repertory.testing.simulation.tidiness import check_events, check_order, check_trash, resume
from repertory.testing.simulation.tiering import check_recall, check_rules, go_on, halt
from repertory.testing.simulation.world import World

AT_ONCE = 6
"""Requests that are under way together."""

LONG = 8_000.0
"""Seconds after which everything that was put off has been tried again."""


class Player:
    """Plays one plan."""

    def __init__(self, plan: Plan, folder: Path, parts: Parts) -> None:
        self.plan = plan
        self.world = World(folder, plan.seed, parts, haste=plan.haste, nodes=plan.nodes)
        if plan.listens:
            self.world.listen()
        self.model = Model(all_names())
        self.clients = Clients(self.world, self.model)
        self._setup = plan.setup
        self._under_way: Counter[int] = Counter()
        """How many requests each process has to answer."""
        forming = {"compress", "uncompress", "reconstruct", "submit_reconstruction"}
        kinds = {step.kind for step in plan.steps}
        self.clients.may_forget_changes = "clear_changes" in kinds
        self._is_formal = not forming & kinds

    def play(self) -> None:
        """Play it to the end.

        Raises:
            Violation: an invariant does not hold.
            Deadlock: somebody waits for ever.
        """
        self._start(-1, 0)
        for step in self.plan.steps:
            self.world.scheduler.note(f"--- {step}")
            self._trouble()
            if step.kind in self._circumstances:
                getattr(self, f"_{step.kind}")(*step.values)
            else:
                self._request(step)
            self.world.scheduler.run(step.then)
        self._rest()
        self.world.die(power_cut=True)
        self._start(-1, 0)
        self._rest()
        self.world.books.check_doubts()
        if left := self.world.books.copies:
            raise Violation("no file is left over", f"{sorted(left)} are still being copied")
        self._end()

    def _end(self) -> None:
        self.world.stop()

    @property
    def _circumstances(self) -> frozenset[str]:
        return frozenset(CIRCUMSTANCES | OF_A_STORE)

    def _trouble(self) -> None:
        world = self.world
        world.disk.fault_rate = self.plan.disk_faults
        world.disk.slow_rate = self.plan.disk_delays
        world.store.fault_rate = self.plan.store_faults
        world.store.slow_rate = self.plan.disk_delays
        world.faults.rate = self.plan.index_faults

    def _calm(self) -> None:
        world = self.world
        world.disk.fault_rate = world.disk.slow_rate = world.faults.rate = 0.0
        world.store.fault_rate = world.store.slow_rate = 0.0
        self._free_disk()
        self._let_go()
        self._mend_line()
        self._mend_store()

    def _request(self, step: Step) -> None:
        scheduler, at = self.world.scheduler, self._process_for(step)
        scheduler.run_until(lambda: self._under_way[at] < AT_ONCE, waiting_for="An answer")
        self._under_way[at] += 1

        def act() -> None:
            self.clients.act(step)
            self._under_way[at] -= 1

        scheduler.process = at
        scheduler.spawn(f"client-{step.number}", act)

    def _process_for(self, _step: Step) -> int:
        """Which process is asked."""
        return 1

    # Circumstances

    def _advance(self, seconds: int) -> None:
        self.world.scheduler.advance(seconds)
        self.world.disk.settle()

    def _wait(self) -> None:
        """A day goes by."""
        self._advance(90_000)

    def _kill(self, setup: int, again: int) -> None:
        self._die(power_cut=False)
        self._start(setup, again)

    def _cut_power(self, setup: int, again: int) -> None:
        self._die(power_cut=True)
        self._start(setup, again)

    def _die(self, *, power_cut: bool) -> None:
        self.world.die(power_cut=power_cut)
        self.model.end_all(self.world.scheduler.steps)
        self.clients.note_death()
        self._under_way.clear()

    def _restart(self, setup: int, kill: int) -> None:
        self.world.disk.fault_rate = self.world.faults.rate = self.world.store.fault_rate = 0.0
        if self._interrupted(self.world.stop, kill):
            self._die(power_cut=False)
        else:
            self._need_answers(1)
        self._start(setup, 0)

    def _need_answers(self, at: int) -> None:
        if left := self._under_way[at]:
            raise Violation("every request is answered", f"{left} were left")

    def _prepare(self, setup: int) -> None:
        """No faults, and the options of this setup (below 0: as before)."""
        self._calm()
        if setup >= 0:
            self._setup = make_setup(setup)
        if self._setup.patients:
            self.clients.expect_recycling()

    def _start(self, setup: int, again: int) -> None:
        self._prepare(setup)
        while self._interrupted(lambda: self.world.start(self._setup), again):
            self._die(power_cut=again % 2 == 0)
            again = 0

    def _interrupted(self, work: Callable[[], None], steps: int) -> bool:
        """Do something, but not to its end if it takes more than so many steps."""
        scheduler = self.world.scheduler
        scheduler.last_step = scheduler.steps + steps if steps else None
        try:
            work()
        except OutOfSteps:
            return True
        finally:
            scheduler.last_step = None
        return False

    def _fill_disk(self) -> None:
        self.world.disk.is_full = self.world.faults.is_full = True

    def _free_disk(self) -> None:
        self.world.disk.is_full = self.world.faults.is_full = False

    def _hold(self) -> None:
        if not self.world.hold.held:
            self.world.hold.held = True
            self.world.books.held = self.world.books.owned

    def _let_go(self) -> None:
        self.world.hold.held = False
        self.world.books.held = None

    def _cut_line(self) -> None:
        if self.world.listener is not None:
            self.world.listener.is_cut = True

    def _mend_line(self) -> None:
        if self.world.listener is not None:
            self.world.listener.is_cut = False

    def _cut_store(self) -> None:
        self.world.store.is_cut = True

    def _mend_store(self) -> None:
        self.world.store.is_cut = False

    # Rest

    def _rest(self) -> None:
        """Let everything come to its end, and look whether all is as it should be."""
        self._calm()
        scheduler = self.world.scheduler
        scheduler.run_until(lambda: not self._under_way.total(), waiting_for="An answer")
        scheduler.rest()
        resumed = scheduler.spawn("keeper", self._resume)
        scheduler.run_until(lambda: resumed.is_finished, waiting_for="The housekeeper's answer")
        scheduler.rest()
        scheduler.advance(LONG)
        scheduler.rest()
        self.world.disk.settle()
        self.world.disk.is_watched = self.world.store.is_watched = False
        done = scheduler.spawn("inspector", self._inspect)
        scheduler.run_until(lambda: done.is_finished, waiting_for="The inspector's answer")
        self.world.disk.is_watched = self.world.store.is_watched = True

    def _resume(self) -> None:
        resume(self.world)
        go_on(self.world)
        self.clients.end_pauses()

    def _inspect(self) -> None:
        board, books = self.world.board, self.world.books
        halt(self.world)
        jobs = board.ask(ListJobs())
        if left := [job for job in jobs if not job.state.is_final]:
            raise Violation("jobs end", f"{left}")
        self.clients.look_into_archives(jobs)
        self.clients.note_jobs(jobs)
        board.ask(RemoveReleased())
        if books.released:
            raise Violation("what is released goes", f"{len(books.released)} files wait for ever")
        there = books.files()
        if lost := sorted((books.owned | books.trashed) - there):
            raise Violation("no file is lost", f"{lost} are in the index alone")
        if extra := sorted(there - books.owned - books.trashed - books.orphans - books.copies):
            raise Violation("no file is left over", f"{extra} are nobody's")
        books.check_disks()
        check_rules(self.world)
        books.check_backlog()
        counters = (*board.ask(RecountTallies(after=0, limit=1000)).counters,)
        if wrong := (*counters, *board.ask(RecountTotals())):
            raise Violation("counters are right", f"{wrong}")
        check_events(self.world)
        if unstable := board.ask(ListUnstable()):
            raise Violation("stable at last", f"{unstable} after {LONG} quiet seconds")
        reader = self.world.reader()
        try:
            for name, register in self.model.registers.items():
                value = self._read(reader, name)
                if not register.allows(value):
                    what = f"{name} is {value!r}, and may only be one of {register.possible()}"
                    raise Violation("what was answered is true", what)
                register.settle(value)
            check_recall(self.world)
            check_order(self.world, forms=self._is_formal)
            check_trash(self.world, lambda: self._read_all(reader))
        finally:
            reader.close()
        go_on(self.world)

    def _read_all(self, reader: IndexReader) -> dict[Any, object]:
        return {name: self._read(reader, name) for name in self.model.registers}

    def _read(self, reader: IndexReader, name: tuple[Any, ...]) -> object:
        """What a register holds; the index is asked directly, for there are many."""
        kind, (level, id_) = name[0], place_of(name)
        try:
            if kind == "metadata":
                return reader.list_metadata(level, id_).get(NUMBER, ABSENT)
            if kind == "label":
                return LABEL if LABEL in reader.list_labels(level, id_) else ABSENT
            content_type = ContentType.DICOM if kind == "file" else NUMBER
            reader.describe_attachment(level, id_, content_type)
        except (UnknownResource, UnknownItem):
            return ABSENT
        try:
            question = ReadAttachment(level=level, id=id_, content_type=content_type)
            content = self.world.board.ask(question).content
        except RepertoryError as error:
            raise Violation("what was answered is readable", f"{name}: {error}") from error
        return version_of(name[1], content) if kind == "file" else content
