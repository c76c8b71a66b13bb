"""The archive as a whole."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import IndexDescription, Totals


@message
class DescribeTotals(Query[Totals]):
    """How many resources there are, and how many bytes."""


@message
class DescribeIndex(Query[IndexDescription]):
    """Which engine keeps the index, and in which version of its schema."""


@message
class CallIn(Command[None]):
    """Are you there? Every actor answers it itself, without the switchboard."""


@message
class ActorDied(Event):
    """An actor ended by an error that nobody could be told of; the archive cannot go on."""

    actor: str
    reason: str
