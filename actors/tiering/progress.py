"""How far a pass over the rules is, and how that is kept."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import structlog

from repertory.tiering import PassReport, RuleReport, StudyCursor

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Pass:
    """A pass under way: its tasks by their places, which of them is next, and after which study.

    ``rules`` is what each rule has done, by its name.
    """

    started: float
    tasks: list[int]
    place: int = 0
    after: StudyCursor | None = field(default_factory=StudyCursor)
    rules: dict[str, RuleReport] = field(default_factory=dict)

    def note(self, name: str, **counts: Any) -> None:
        """Add to what a rule has done; ``problem`` takes the place of the last one."""
        report = self.rules.get(name) or RuleReport(name)
        problem = counts.pop("problem", report.problem)
        added = {key: getattr(report, key) + count for key, count in counts.items()}
        self.rules[name] = replace(report, problem=problem, **added)

    def next_task(self) -> None:
        """Go on with the next task."""
        self.place += 1
        self.after = StudyCursor()

    @property
    def task(self) -> int | None:
        """The task that is next; ``None`` after the last."""
        return self.tasks[self.place] if self.place < len(self.tasks) else None

    def report(self, ended: float | None = None) -> PassReport:
        """What it has done."""
        return PassReport(self.started, ended, tuple(self.rules.values()))


@dataclass(slots=True)
class Kept:
    """What outlives a restart.

    ``since`` is from when on reads are known; ``whole`` is when the last pass over all rules ended,
    0 where there was none, and ``last`` tells of that or of one that made room after it.
    """

    since: float
    current: Pass | None = None
    last: PassReport | None = None
    whole: float = 0.0

    def text(self, plan: Sequence[tuple[str, str]]) -> str:
        """As JSON; ``plan`` tells the list of tasks that ``current`` is about from others."""
        last = self.last
        return json.dumps(
            {
                "Since": self.since,
                "Plan": plan,
                "Current": None if self.current is None else asdict(self.current),
                "Last": None if last is None else asdict(last),
                "Whole": self.whole,
            }
        )

    @classmethod
    def of(cls, text: str, now: float, plan: Sequence[tuple[str, str]]) -> Self:
        """From what was kept; a pass over other tasks is not gone on with."""
        if not text:
            return cls(now)
        try:
            kept = json.loads(text)
            last = None if kept["Last"] is None else _report(kept["Last"])
            is_same = [tuple(task) for task in kept["Plan"]] == list(plan)
            current = _pass(kept["Current"]) if kept["Current"] and is_same else None
            return cls(float(kept["Since"]), current, last, float(kept["Whole"]))
        except (KeyError, TypeError, ValueError):
            log.warning("tiering_state_unreadable")
            return cls(now)


def _pass(members: dict[str, Any]) -> Pass:
    after = members.pop("after")
    rules = members.pop("rules")
    return Pass(
        **members,
        after=None if after is None else StudyCursor(**after),
        rules={name: RuleReport(**it) for name, it in rules.items()},
    )


def _report(members: dict[str, Any]) -> PassReport:
    return PassReport(
        members["started"], members["ended"], tuple(RuleReport(**it) for it in members["rules"])
    )
