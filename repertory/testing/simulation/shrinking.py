"""Making a failing plan small: what is left are the steps that it takes to fail."""

from collections.abc import Callable
from dataclasses import replace

from repertory.testing.simulation.plans import Plan, Step
from repertory.testing.simulation.playing import Outcome

TRIES = 400


def shrink(
    outcome: Outcome, play: Callable[[Plan], Outcome], *, tries: int = TRIES
) -> tuple[Outcome, int]:
    """The outcome of the smallest plan found that violates the same invariant; how many were tried.

    Parts of the plan are left out, large ones first, then what troubles the disk and the index,
    then the pauses between steps. A plan with fewer steps has the same seed, but goes another way
    from there: so what is left out is tried again until nothing more can go.
    """
    tried = 0
    best = outcome

    def fails(plan: Plan) -> bool:
        nonlocal tried, best
        if tried >= tries:
            return False
        tried += 1
        result = play(plan)
        if result.invariant == outcome.invariant:
            best = result
            return True
        return False

    fails(replace(best.plan, disk_faults=0.0))
    fails(replace(best.plan, disk_delays=0.0))
    fails(replace(best.plan, index_faults=0.0))
    fails(replace(best.plan, store_faults=0.0))
    fails(replace(best.plan, haste=0.1))
    while tried < tries:
        before = best.plan
        _leave_out(best.plan, fails)
        _hurry(lambda: best.plan, fails)
        if best.plan == before:
            break
    return best, tried


def _leave_out(plan: Plan, fails: Callable[[Plan], bool]) -> None:
    steps = list(plan.steps)
    size = max(1, len(steps) // 2)
    while size:
        start = 0
        while start < len(steps):
            rest = steps[:start] + steps[start + size :]
            if fails(replace(plan, steps=tuple(rest))):
                steps = rest
                plan = replace(plan, steps=tuple(rest))
            else:
                start += size
        size //= 2


def _hurry(best: Callable[[], Plan], fails: Callable[[Plan], bool]) -> None:
    for place in range(len(best().steps)):
        plan = best()
        step = plan.steps[place]
        if step.then:
            shorter = Step(step.number, step.kind, step.values, 0)
            fails(replace(plan, steps=(*plan.steps[:place], shorter, *plan.steps[place + 1 :])))
