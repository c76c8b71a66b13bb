"""A run: a plan is played in a folder of its own, and what came of it is told."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from structlog.testing import capture_logs

from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.nodes_player import NodesPlayer
from repertory.testing.simulation.plans import Plan
from repertory.testing.simulation.player import Player
from repertory.testing.simulation.scheduler import Deadlock, Livelock
from repertory.testing.simulation.setups import Parts


@dataclass(frozen=True)
class Outcome:
    """How a run ended. ``invariant`` is "" if all was well."""

    plan: Plan
    invariant: str
    reason: str
    steps: int
    lives: int
    answered: int
    refused: int
    faults: int
    digest: int
    story: tuple[str, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether no invariant was violated."""
        return not self.invariant


def play(plan: Plan, parts: Parts | None = None) -> Outcome:
    """Play a plan with the archive's own parts, or with those of a mutant."""
    invariant = reason = ""
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=_quick_folder()) as folder:
        made = Player if plan.nodes == 1 else NodesPlayer
        player = made(plan, Path(folder), parts or Parts())
        with _quiet():
            try:
                player.play()
            except Violation as error:
                invariant, reason = error.invariant, str(error)
            except Deadlock as error:
                invariant, reason = "nothing deadlocks", str(error)
            except Livelock as error:
                invariant, reason = "nothing spins", str(error)
            except Exception as error:  # noqa: BLE001 - a defect is what is looked for
                invariant, reason = "no defect", f"{type(error).__name__}: {error}"
            finally:
                player.world.close()
    world = player.world
    return Outcome(
        plan=plan,
        invariant=invariant,
        reason=reason,
        steps=world.scheduler.steps,
        lives=world.lives,
        answered=player.clients.answered,
        refused=player.clients.refused,
        faults=world.troubles,
        digest=world.scheduler.digest,
        story=tuple(world.scheduler.story),
    )


def _quick_folder() -> str | None:
    """Memory that looks like a disk, where there is some: nothing here is to last."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder is made in it


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the archive's log to ourselves: what goes wrong here is meant to."""
    pykka, before = logging.getLogger("pykka"), logging.getLogger("pykka").disabled
    pykka.disabled = True  # it tells of every actor whose process was ended
    try:
        with capture_logs():
            yield
    finally:
        pykka.disabled = before
