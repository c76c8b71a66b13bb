"""How clients ask: what the model is told, and which answers are violations."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from repertory.actors.messages.base import Question
from repertory.errors import (
    ArchiveFull,
    Failed,
    FileLost,
    IndexBusy,
    LimitReached,
    NoReplyInTime,
    Refused,
    RepertoryError,
    RevisionConflict,
    ShuttingDown,
    StorageFailed,
    UnknownItem,
    UnknownResource,
)
from repertory.model import Level, ResourceId
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import COUNT, id_of
from repertory.testing.simulation.model import ABSENT, Deed, Model
from repertory.testing.simulation.tiers import KEEPING_LABEL
from repertory.testing.simulation.world import World

NUMBER = 2000
"""Of the users' metadata and attachments in the runs."""

LABEL = KEEPING_LABEL
GONE = (UnknownResource, UnknownItem)
NOTHING_DONE = (Refused, StorageFailed, IndexBusy, ShuttingDown)


@dataclass
class Restore:
    """A restoration under way: what it may bring back."""

    places: set[tuple[Level, ResourceId]]
    at: int
    deeds: list[Deed] = field(default_factory=list)


class Asking:
    """A client as such; what it can ask is added by others."""

    def __init__(self, world: World, model: Model) -> None:
        self._world = world
        self._model = model
        self.answered = 0
        self.refused = 0
        self._restores: list[Restore] = []

    def note_death(self, at: int | None = None) -> None:
        """A process has died, or all: what was under way ends."""
        self._restores = [it for it in self._restores if at not in {None, it.at}]

    def ask(self, question: Question[Any]) -> Any:
        """Ask the archive; what it should not answer is a violation."""
        scheduler = self._world.scheduler
        self._world.board.volunteer()  # as the event loop of the REST API does
        try:
            answer = self._world.board.ask(question)
        except RepertoryError as error:
            self.refused += 1
            name = type(error).__name__
            scheduler.note(f"{type(question).__name__} was refused: {name}")
            if isinstance(error, Failed | ArchiveFull) and not self._may_fail(error):
                what = f"{type(question).__name__} was answered by {name}: {error}"
                raise Violation("no failure without a reason", what) from error
            raise
        self.answered += 1
        scheduler.note(f"{type(question).__name__} was answered")
        return answer

    def _may_fail(self, error: RepertoryError) -> bool:
        world = self._world
        trouble = world.troubles
        if isinstance(error, LimitReached):
            return world.setup.patients > 0
        if world.here.dismissals:
            return True  # what it had, others have taken: files in the making, too
        # A file that is replaced or removed while it is read: whoever reads may be too late.
        return bool(trouble) or isinstance(
            error, ShuttingDown | FileLost | IndexBusy | NoReplyInTime
        )

    @contextmanager
    def _deeds(self, *deeds: Deed) -> Iterator[None]:
        """Note when they end, and that they had no effect where they were refused."""
        try:
            yield
        except NOTHING_DONE:
            for deed in deeds:
                deed.took_effect = False
        except RepertoryError as error:
            self._world.scheduler.note(f"perhaps done: {type(error).__name__}")
        finally:
            if not self._world.scheduler.is_dead:
                for deed in deeds:
                    deed.ended = self._world.scheduler.steps

    def _write(self, value: Any, *register: Any) -> Deed:
        deed = self._deed(value)
        known = self._model.of(*register)
        known.deeds.append(deed)
        known.ever.add(value)
        if value is ABSENT:
            self._note_absence(register)
        return deed

    def _deed(self, value: Any) -> Deed:
        """Something that is asked for now."""
        scheduler = self._world.scheduler
        return Deed(value, scheduler.steps, at=scheduler.here)

    def _note_absence(self, name: tuple[Any, ...]) -> None:
        """Something may go while somebody restores it: it may come back."""
        for restore in self._restores:
            if place_of(name) in restore.places:
                self._may_return(restore, name)

    def _may_return(self, restore: "Restore", name: tuple[Any, ...]) -> None:
        register = self._model.of(*name)
        if ABSENT not in register.possible():
            return  # what is there stays
        for value in register.ever:
            if value is not ABSENT:
                deed = self._deed(value)
                register.deeds.append(deed)
                restore.deeds.append(deed)

    def _excuse(self, error: RepertoryError, deeds: int) -> None:
        """A file may be lost to a reader only if somebody replaces or deletes it meanwhile."""
        troubles = self._world.troubles
        if isinstance(error, FileLost) and not deeds and not troubles:
            raise Violation("what was answered is readable", f"{error}") from error

    def _expect(self, *register: Any, value: Any, began: int) -> None:
        ended = self._world.scheduler.steps
        known = self._model.of(*register)
        if not known.allows(value, began=began, ended=ended):
            possible = known.possible(began=began, ended=ended)
            what = f"{register} is {value!r}, and may only be one of {possible}"
            raise Violation("what was answered is true", what)

    def _try(self, question: Question[Any]) -> Any:
        try:
            return self.ask(question)
        except (*GONE, RevisionConflict, Failed, ArchiveFull):
            return None


def all_names() -> Iterator[tuple[Any, ...]]:
    """The registers that there are."""
    for number in range(COUNT):
        yield "file", number
    for place in sorted({(level, id_of(level, one)) for level in Level for one in range(COUNT)}):
        for kind in ("metadata", "label", "attachment"):
            yield kind, *place


def place_of(name: tuple[Any, ...]) -> tuple[Level, ResourceId]:
    """The resource that a register belongs to."""
    if name[0] == "file":
        return Level.INSTANCE, id_of(Level.INSTANCE, name[1])
    return name[1], name[2]
