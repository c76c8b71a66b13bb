"""Clients that have files moved between two disks, and what has to come of it."""

from typing import Any

from repertory.actors.messages.base import Question
from repertory.actors.messages.jobs import RunJob, SubmitJob
from repertory.actors.messages.tiering import (
    DescribeTiering,
    PauseTiering,
    PlanTiering,
    ResumeTiering,
    RunTiering,
)
from repertory.errors import UnknownItem, UnknownResource
from repertory.model import ContentType, Level
from repertory.places import FILE_SYSTEM
from repertory.testing.simulation.asking import Asking
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import COUNT, id_of
from repertory.testing.simulation.tiers import FIRST
from repertory.testing.simulation.world import World

_COMES_BACK = 30.0
"""Seconds in which what was read is back for sure: nothing fails, and nobody asks for more."""


class Tiering(Asking):
    """Asks for files to be moved, and tells the rules what to do; where there are two disks."""

    def move(self, level: int, number: int, target: int) -> None:
        """Have a job move a resource, and wait for it."""
        self._move(RunJob, level, number, target)

    def submit_move(self, level: int, number: int, target: int) -> None:
        """Have a job move a resource and the trash, and do not wait for it."""
        self._move(SubmitJob, level, number, target, Trash=True)

    def _move(self, ask: Any, level: int, number: int, target: int, **more: Any) -> None:
        tiers = self._world.setup.tiers
        if tiers is None:
            return
        parameters: dict[str, Any] = {
            Level(level).plural.capitalize(): [id_of(Level(level), number)],
            "TargetStorage": (FILE_SYSTEM, tiers.second)[target],
            **more,
        }
        self._try(ask(type="MoveStorage", parameters=parameters))

    def tier(self, wish: int) -> None:
        """Tell the rules what to do."""
        wishes: tuple[Question[Any], ...] = (
            RunTiering(),
            RunTiering(),
            PauseTiering(),
            ResumeTiering(),
            PlanTiering(),
        )
        if self._world.setup.tiers is not None:
            self._try(wishes[wish])


def halt(world: World) -> None:
    """Let nothing be moved by rules while somebody looks at what lies where."""
    if world.setup.tiers is not None:
        world.board.ask(PauseTiering())


def go_on(world: World) -> None:
    """Let the rules go on, if somebody has paused them."""
    if world.setup.tiers is not None:
        world.board.ask(ResumeTiering())


def check_rules(world: World) -> None:
    """All lies where the rules want it."""
    if world.setup.tiers is None:
        return
    status = world.board.ask(DescribeTiering())
    if status.current is not None or status.recall.pending:
        raise Violation("a pass of the rules ends", f"{status}")
    plan = world.board.ask(PlanTiering())
    if left := [rule for rule in plan.rules if rule.files]:
        raise Violation("all lies where the rules want it", f"{left}; failed: {status.failures}")


def check_recall(world: World) -> None:
    """What was read on the second disk comes back, with what belongs to it."""
    tiers = world.setup.tiers
    if tiers is None or not tiers.prefetch:
        return
    world.scheduler.sleep(_COMES_BACK, "what was read to come back")
    reader = world.reader()
    try:
        for number in range(COUNT):
            try:
                found = reader.describe_attachment(
                    Level.INSTANCE, id_of(Level.INSTANCE, number), ContentType.DICOM
                )
            except (UnknownResource, UnknownItem):
                continue
            disk = world.books.disk_of(found[0].uuid)
            if disk != FIRST:
                raise Violation("what is read comes back", f"{number} was read on the {disk} disk")
    finally:
        reader.close()
