"""Targets: who is told of events, by webhooks for example, and how far each has got."""

from repertory.actors.messages.base import Command, Query, message
from repertory.events import TargetState


@message
class DescribeTargets(Query[tuple[TargetState, ...]]):
    """What each target does, by name."""


@message
class DescribeTarget(Query[TargetState]):
    """What one target does.

    Raises:
        UnknownItem: there is none of that name.
    """

    name: str


@message
class PauseTarget(Command[TargetState]):
    """Tell a target nothing until it is resumed, over restarts too; its place is kept.

    Raises:
        UnknownItem: there is none of that name.
    """

    name: str


@message
class ResumeTarget(Command[TargetState]):
    """Go on with a target: one that is paused, or one that waits for its next attempt.

    Raises:
        UnknownItem: there is none of that name.
    """

    name: str


@message
class ReplayEvents(Command[TargetState]):
    """Tell a target again what comes after number ``since``, or pass over what comes before.

    What the log has lost since its resource was deleted does not come again.

    Raises:
        UnknownItem: there is none of that name.
        BadParameter: no such number was given yet.
    """

    name: str
    since: int


@message
class ReplayDeadLetters(Command[int]):
    """Deliver dead letters once more, all of them for ``None``; how many will be tried.

    They go before what else there is to tell. Those that arrive are forgotten, the others stay.

    Raises:
        UnknownItem: there is none of that name, or no such dead letter.
    """

    name: str
    numbers: tuple[int, ...] | None = None
