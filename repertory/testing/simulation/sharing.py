"""Plans for several nodes that serve one archive: they die, stand still, leave and come back."""

from dataclasses import replace
from random import Random

from repertory.testing.simulation.plans import A_BUCKET, OF_A_STORE, TWO_DISKS, Plan

ON_NODES: dict[str, float] = {
    "lose": 1.0,
    "join": 2.0,
    "stall": 2.0,
    "wake": 2.0,
    "leave": 0.7,
    "advance": 3.0,
}
"""What befalls nodes, and how often."""

_SHARE = 0.3
"""Of the steps of a plan, how many are about nodes instead."""

_WHOLE = 0.4
"""Of the power cuts, how many end all nodes, and the servers that they share."""

_RENAMED = {"kill": "lose", "restart": "leave", "hold": "stall", "let_go": "wake"}

_GIVEN_UP = 0.5
"""How many of those that stand still do so until others have given them up."""

_TOO_LONG = 500

_LONGEST = 1_000
"""Seconds that are a long time for nodes, which say that they live all the time."""


def share(plan: Plan, nodes: int) -> Plan:
    """The same plan for so many nodes."""
    chance = Random(f"nodes {plan.seed}")  # noqa: S311 - chance, not secrets
    steps = []
    is_long = False
    for step in plan.steps:
        kind, values = _RENAMED.get(step.kind, step.kind), step.values
        if kind == "cut_power" and chance.random() >= _WHOLE:
            kind = "lose"
        if chance.random() < _SHARE:
            (kind,) = chance.choices(tuple(ON_NODES), weights=tuple(ON_NODES.values()))
            values = ()
        if is_long or kind == "wait" or kind in OF_A_STORE:
            kind, values = "advance", ()
        if kind == "cut_power" and values[0] >= A_BUCKET:
            values = (values[0] - A_BUCKET + TWO_DISKS, values[1])
        match kind:
            case "advance" if not values:
                values = (_TOO_LONG if is_long else chance.choice((30, 100, 250, _LONGEST)),)
            case "lose" | "join" | "leave":
                again = values[1] if values else 0
                values = (chance.randrange(nodes) + 1, again)
            case "stall" | "wake":
                values = (chance.randrange(nodes) + 1,)
        is_long = kind == "stall" and chance.random() < _GIVEN_UP
        steps.append(replace(step, kind=kind, values=values))
    tiers = plan.setup.tiers
    setup = replace(
        plan.setup,
        retention=min(plan.setup.retention, 600.0),
        tiers=None if tiers is None else replace(tiers, bucket=False),
    )
    return replace(plan, nodes=nodes, setup=setup, steps=tuple(steps), store_faults=0.0)
