"""What a target is: somebody outside who is told of events, at his own pace."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from repertory.events import ArchiveEvent
from repertory.model import ChangeType


class Verdict(Enum):
    """How a delivery ended."""

    DELIVERED = "delivered"
    """All of it arrived."""
    UNREACHABLE = "unreachable"
    """There was no answer, or it asks for patience: the same is tried again, without end."""
    REFUSED = "refused"
    """The target does not take the event: after some attempts it becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some events.

    The first ``delivered`` of them arrived; ``reason`` is a sentence about the one after, without
    secrets; ``wait`` is how many seconds the target asks to be left alone, 0 where it does not.
    """

    delivered: int
    verdict: Verdict = Verdict.DELIVERED
    reason: str = ""
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """What a target is told of, and how often it is tried.

    ``types`` empty means all; ``main_tags`` whether events tell them. An event that is refused
    ``attempts`` times becomes a dead letter. Delays are in seconds: the first, which doubles with
    each attempt, and the longest.
    """

    types: frozenset[ChangeType] = frozenset()
    main_tags: bool = False
    attempts: int = 12
    first_delay: float = 1.0
    last_delay: float = 300.0


class Target(Protocol):
    """Takes events: a webhook, or a broker of messages.

    Events come in the order of their numbers, hence in order for each resource; the next come
    when these are delivered. The archive keeps the target's place in the log, and moves it after
    ``deliver``: whatever happens, each event comes at least once, and its number tells a double.
    """

    name: str
    kind: str
    address: str
    """Where it is, for people: without passwords, and without what might be one."""
    rules: Rules

    def open(self, archive: str) -> None:
        """Called once, before the first delivery: ``archive`` is the archive's identifier."""

    def deliver(self, events: Sequence[ArchiveEvent]) -> Outcome:
        """Deliver events one after the other, up to the first that does not arrive.

        It runs in a thread of the target's own, and may wait, for a time that it bounds itself.
        It raises nothing.
        """

    def abort(self) -> None:
        """Give up what is under way, and deliver no more; from any thread, without waiting."""
