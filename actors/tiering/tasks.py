"""What the rules of tiering come to: for each storage, what goes from there and what stays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from repertory.conf.tiering import RecallSettings, TieringRuleSettings, amount
from repertory.tiering import Conditions, Room, StudiesWanted, StudyCursor

DAY = 86_400.0

BY_ROW, IN_ORDER = 200, 5_000
"""Studies that one question is about; to put them into an order, all are gone through."""

NEVER = -1.0
"""A time before which nothing was read: the condition cannot be met."""

RoomOf = Callable[[str], Room | None]
"""How much room there is on the disk of a storage; ``None`` where nobody can say."""


@dataclass(frozen=True, slots=True)
class Task:
    """A rule and one storage that it takes files from.

    ``earlier`` are the rules before it that have a say in what lies there: a study that meets one
    of them stays there, or is moved by that one. ``keep_days`` is how long what was recalled stays.
    """

    rule: TieringRuleSettings
    source: str
    earlier: tuple[TieringRuleSettings, ...]
    keep_days: float | None

    @property
    def makes_room(self) -> bool:
        """Whether the task is to make room on a disk."""
        return bool(self.rule.free_below)

    def wanted(self, now: float, since: float, after: StudyCursor) -> StudiesWanted:
        """Which studies it asks for.

        Args:
            now: seconds since the epoch.
            since: from when on reads are known.
            after: where the walk goes on.
        """
        keeps = self.keep_days is not None and not self.makes_room
        return StudiesWanted(
            source=self.source,
            conditions=_conditions(self.rule, now, since),
            unless=tuple(_conditions(rule, now, since) for rule in self.earlier),
            first_out=self.rule.first_out if self.makes_room else "",
            not_read_since=now - (self.keep_days or 0.0) * DAY if keeps else None,
            after=after,
            looks=IN_ORDER if self.makes_room else BY_ROW,
        )

    def missing(self, room: Room, released: int) -> float:
        """Bytes to be moved so that there is room enough; 0: there is.

        Args:
            room: the disk as it is.
            released: bytes that will be free when the deletion queue is done.
        """
        free = room.free + released
        if free >= amount(self.rule.free_below).of(room.total):
            return 0.0
        return max(amount(self.rule.free_until).of(room.total) - free, 1.0)


def tasks_of(
    rules: Sequence[TieringRuleSettings], storages: Sequence[str], recall: RecallSettings
) -> tuple[Task, ...]:
    """The tasks that rules come to, in their order."""
    tasks = []
    for number, rule in enumerate(rules):
        for source in [rule.source] if rule.source else storages:
            if source == rule.target:
                continue
            earlier = tuple(
                other
                for other in rules[:number]
                # One that makes room decides nothing as long as there is some.
                if not other.free_below and source in (other.target, other.source or source)
            )
            is_way_back = (source, rule.target) == (recall.target, recall.source)
            keep_days = recall.keep_days if recall.enable and is_way_back else None
            tasks.append(Task(rule, source, earlier, keep_days))
    return tuple(tasks)


def _conditions(rule: TieringRuleSettings, now: float, since: float) -> Conditions:
    received = rule.received_before_days
    unread = rule.not_read_for_days
    read_before = now - unread * DAY if unread else None
    if read_before is not None and since > read_before:
        read_before = NEVER  # nobody wrote down what was read then
    return Conditions(
        received_before=now - received * DAY if received else None,
        read_before=read_before,
        modalities=tuple(rule.modalities),
        labels=tuple(rule.labels),
        without_labels=tuple(rule.without_labels),
    )
