"""Puts an own part into the simulated archive, and lets the simulation judge it."""

from pathlib import Path

from repertory.storage.areas.calls import SystemCalls
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.testing.simulation import Parts, make_plan, play, shrink


class HastyArea(FilesystemArea):
    """The part under test: a storage area that does not wait for the disk."""

    def __init__(self, root: Path, *, calls: SystemCalls) -> None:
        super().__init__(root, synchronize=False, calls=calls)


def judge(seed: int) -> str:
    """How the run of a seed ends."""
    parts = Parts(area=HastyArea)
    outcome = play(make_plan(seed), parts)
    if outcome.is_sound:
        return f"seed {seed}: all is well after {outcome.steps} steps"
    small, _ = shrink(outcome, lambda plan: play(plan, parts), tries=30)
    return f"seed {seed}: {outcome.invariant}; it takes {len(small.plan.steps)} steps"


if __name__ == "__main__":
    for seed in range(4):
        print(judge(seed))
