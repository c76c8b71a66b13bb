"""What happens in a run: a list of steps, made from a seed, written down as JSON."""

import json
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

from repertory.testing.simulation.catalog import COUNT, VERSIONS
from repertory.testing.simulation.setups import Setup
from repertory.testing.simulation.themes import THEMES
from repertory.testing.simulation.tiers import Tiers, make_tiers

CLIENT: dict[str, float] = {
    "store": 10.0,
    "store_in_pieces": 1.0,
    "store_zip": 0.7,
    "read": 4.0,
    "delete": 3.0,
    "delete_several": 0.3,
    "bulk_delete": 0.4,
    "submit_deletion": 0.4,
    "submit_reconstruction": 0.4,
    "set_metadata": 1.0,
    "delete_metadata": 0.4,
    "add_label": 0.5,
    "remove_label": 0.3,
    "attach": 1.2,
    "detach": 0.4,
    "read_attachment": 0.6,
    "compress": 1.2,
    "uncompress": 0.8,
    "reconstruct": 0.7,
    "tags": 0.4,
    "flush": 0.3,
    "check": 0.06,
    "clear_changes": 0.1,
    "forget_upload": 0.2,
    "keep": 0.5,
    "empty_trash": 0.1,
    "list_trash": 0.2,
    "restore_trash": 0.5,
    "pause_removals": 0.4,
    "resume_removals": 0.3,
    "flush_removals": 0.2,
    "declare_stable": 0.5,
    "declare_unstable": 0.4,
    "submit_paused": 0.3,
    "pause_job": 0.2,
    "resume_job": 0.2,
    "cancel_job": 0.2,
    "resubmit_job": 0.2,
    "read_archive": 0.7,
    "submit_archive": 0.4,
    "pause_events": 0.1,
    "resume_events": 0.1,
}
"""What clients ask, and how often."""

CIRCUMSTANCES: dict[str, float] = {
    "advance": 3.0,
    "wait": 0.1,
    "kill": 0.8,
    "cut_power": 0.6,
    "restart": 0.6,
    "rest": 0.8,
    "fill_disk": 0.25,
    "free_disk": 0.3,
    "hold": 0.3,
    "let_go": 0.4,
    "cut_line": 0.2,
    "mend_line": 0.2,
}
"""What befalls the archive, and how often."""


THEMATIC = 0.3
"""How many runs have a theme."""

AT_A_LEVEL = {
    *("delete", "delete_several", "bulk_delete", "submit_deletion", "submit_reconstruction"),
    "submit_paused",
    *("reconstruct", "compress", "uncompress", "restore_trash"),
    *("declare_stable", "declare_unstable", "read_archive", "submit_archive"),
    *("delete_metadata", "detach", "read_attachment", "remove_label"),
}
"""What is asked of a resource of some level."""

AGAIN = 0.35
"""How often a step is about the same resource as the one before."""


@dataclass(frozen=True)
class Step:
    """One thing that happens, and how many steps of strands follow before the next one."""

    number: int
    kind: str
    values: tuple[int, ...] = ()
    then: int = 0

    def __str__(self) -> str:
        values = ", ".join(map(str, self.values))
        return f"{self.number:3}  {self.kind}({values}), then {self.then} steps"


@dataclass(frozen=True)
class Plan:
    """A run before it is played."""

    seed: int
    haste: float
    disk_faults: float
    disk_delays: float
    index_faults: float
    setup: Setup
    steps: tuple[Step, ...] = field(default=())
    listens: bool = False
    """Whether somebody outside is told of events."""
    store_faults: float = 0.0
    nodes: int = 1
    """Processes that serve the archive together."""

    def to_json(self) -> str:
        """The plan as text."""
        return json.dumps(asdict(self), indent=1)

    @staticmethod
    def from_json(text: str) -> "Plan":
        """The plan that was written down."""
        values: dict[str, Any] = json.loads(text)
        setup = values["setup"]
        tiers = setup.get("tiers")
        values["setup"] = Setup(**setup | {"tiers": None if tiers is None else Tiers(**tiers)})
        values["steps"] = tuple(
            Step(one["number"], one["kind"], tuple(one["values"]), one["then"])
            for one in values["steps"]
        )
        return Plan(**values)


def make_plan(seed: int, *, length: int = 40, theme: str = "") -> Plan:
    """The plan of a seed; its theme is left to chance, unless one is given.

    "tiers" and "objects" are none of the themes: the run is what it would be without, on two disks,
    or on one and an object store.
    """
    if theme in {"tiers", "objects"}:
        return make_tiered(_make_plan(seed, length=length, theme=""), bucket=theme == "objects")
    plan = _make_plan(seed, length=length, theme=theme)
    own = Random(f"tiers {seed}")  # noqa: S311 - chance, not secrets
    if theme or own.random() >= TIERED:
        return plan
    return make_tiered(plan, bucket=own.random() < 0.5)


def _make_plan(seed: int, *, length: int, theme: str) -> Plan:
    chance = Random(seed)  # noqa: S311 - chance, not secrets
    kinds = {**CLIENT, **CIRCUMSTANCES}
    # Half of the runs are about a few instances, where what is asked meets more often.
    few = [chance.randrange(COUNT) for _ in range(chance.choice((1, 2, 4)))]
    numbers = few if chance.random() < 0.5 else list(range(COUNT))
    setup_number = chance.randrange(1 << 16)
    drawn = chance.choice(tuple(THEMES)) if chance.random() < THEMATIC else ""
    theme = theme or drawn
    if theme:
        kinds, numbers = THEMES[theme], few
    kept = KEPT if theme == "housekeeping" else 0
    setup = make_setup(setup_number + kept)
    if theme == "trash":
        setup = replace(setup, retention=setup.retention or 600.0)
        numbers = few[: chance.choice((1, 2))]
    if theme == "contest":
        numbers, setup = few[:1], replace(setup, overwriting="Always")
    steps = []
    at = (4, numbers[0])
    for number in range(length):
        (kind,) = chance.choices(tuple(kinds), weights=tuple(kinds.values()))
        if chance.random() >= AGAIN:
            at = (chance.choice((4, 4, 4, 3, 3, 2, 1)), chance.choice(numbers))
        then = chance.choice((0, 0, 0, 1, 2, 3, 5, 8, 13, 21, 40))
        values = _values(kind, chance, numbers, at)
        if kept and kind in {"restart", "kill", "cut_power"}:
            values = (chance.randrange(KEPT) + kept, values[1])
        steps.append(Step(number, kind, values, then))
    troubled = 0.0 if theme == "quiet" else chance.random()
    return Plan(
        seed=seed,
        haste=chance.choice((0.1, 0.5, 1.0)),
        disk_faults=0.0 if troubled < 0.7 else chance.choice((0.005, 0.03)),
        disk_delays=0.0 if chance.random() < 0.8 else 0.02,
        index_faults=0.0 if troubled > 0.3 else chance.choice((0.02, 0.1)),
        setup=setup,
        steps=tuple(steps),
        listens=theme == "events" or chance.random() < 0.3,
    )


TIERED = 0.12
"""How many runs, of those that nobody wanted a theme of, have two disks, or an object store."""

TWO_DISKS = 1 << 17
"""Configurations from this number on have two disks."""

A_BUCKET = 1 << 18
"""From this number on, one of the two is an object store."""

ON_TWO_DISKS: dict[str, float] = {
    "move": 3.0,
    "submit_move": 2.0,
    "tier": 3.0,
    "read": 3.0,
    "advance": 4.0,
    "kill": 0.5,
}
"""What happens besides where there are two disks, and how often."""


OF_A_STORE: dict[str, float] = {"cut_store": 1.0, "mend_store": 1.5}
"""What befalls an object store, and how often."""


def make_tiered(plan: Plan, *, bucket: bool = False) -> Plan:
    """The same, but that it begins with two disks, and a third of the steps is about them.

    With a ``bucket`` one of them is an object store.
    """
    chance = Random(f"two disks {plan.seed}")  # noqa: S311 - chance, not secrets
    numbers = sorted({it.values[-1] for it in plan.steps if it.kind in AT_A_LEVEL}) or [0]
    kinds = ON_TWO_DISKS | (OF_A_STORE if bucket else {})
    steps = []
    for step in plan.steps:
        kind, values = step.kind, step.values
        if chance.random() < 0.35:
            (kind,) = chance.choices(tuple(kinds), weights=tuple(kinds.values()))
            at = (chance.choice((4, 3, 2, 2, 1)), chance.choice(numbers))
            values = _values_on_two_disks(kind, chance, numbers, at)
        if kind in {"restart", "kill", "cut_power"} and values[0] >= 0:
            values = (values[0] + (A_BUCKET if bucket else TWO_DISKS), values[1])
        steps.append(replace(step, kind=kind, values=values))
    setup = replace(plan.setup, tiers=replace(make_tiers(chance), bucket=bucket))
    faults = chance.choice((0.0, 0.02, 0.1)) if bucket else 0.0
    return replace(plan, setup=setup, steps=tuple(steps), store_faults=faults)


KEPT = 1 << 16
"""Configurations from this number on have a housekeeper most of the time, and no limits."""


def make_setup(number: int) -> Setup:
    """One configuration of many."""
    chance = Random(number)  # noqa: S311 - chance, not secrets
    setup = Setup(
        compression=chance.random() < 0.3,
        overwriting=chance.choice(("Never", "Never", "Always", "IfChanged")),
        throttle=chance.choice((0.0, 0.0, 0.2, 2.0)),
        patients=chance.choice((0, 0, 0, 0, 1)),
        readers=chance.choice((1, 2)),
        crew=chance.choice((1, 2, 3)),
        housekeeper=chance.random() < 0.4,
        more_tags=chance.random() < 0.4,
        retention=chance.choice((0.0, 0.0, 0.0, 600.0, 86_400.0)),
        concurrent=chance.choice((1, 1, 4)),
    )
    if number >= A_BUCKET:
        on_disks = make_setup(number - A_BUCKET + TWO_DISKS)
        return replace(on_disks, tiers=replace(on_disks.tiers or Tiers(), bucket=True))
    if number >= TWO_DISKS:
        return replace(make_setup(number - TWO_DISKS), tiers=make_tiers(chance))
    if number < KEPT:
        return setup
    compression = chance.random() < 0.5
    return replace(setup, compression=compression, housekeeper=chance.random() < 0.7, patients=0)


def _values_on_two_disks(
    kind: str, chance: Random, numbers: list[int], at: tuple[int, int]
) -> tuple[int, ...]:
    if kind in {"move", "submit_move"}:
        return (*at, chance.choice((0, 1, 1)))
    if kind == "tier":
        return (chance.randrange(5),)
    return _values(kind, chance, numbers, at)


def _values(kind: str, chance: Random, numbers: list[int], at: tuple[int, int]) -> tuple[int, ...]:
    level, number = at
    match kind:
        case "store" | "store_in_pieces":
            return (number, chance.choice((0, 0, 1, 2)) % VERSIONS)
        case "store_zip":
            return tuple(chance.choice(numbers) for _ in range(chance.randint(1, 5)))
        case "read" | "tags":
            return (number,)
        case "set_metadata" | "attach" | "add_label":
            return (level, number, chance.randrange(1, 100))
        case "pause_job" | "resume_job" | "cancel_job" | "resubmit_job":
            return (chance.randrange(10),)
        case "keep":
            return (number, chance.randrange(5))
        case "advance":
            return (chance.choice((1, 5, 20, 59, 61, 62, 130, 400)),)
        case "restart" | "kill" | "cut_power":
            setup = chance.randrange(1 << 16) if chance.random() < 0.4 else -1
            # Some crash again while they start, or are killed while they stop.
            return (setup, chance.randrange(1, 40) if chance.random() < 0.3 else 0)
        case _:
            return (level, number) if kind in AT_A_LEVEL else ()
