"""The log of changes."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import ChangePage, ChangeType


@message
class ListChanges(Query[ChangePage]):
    """Some changes, in ascending order.

    ``since`` is exclusive and ``to`` inclusive; without ``since``, ``to`` asks for the last
    ``limit`` changes up to it. ``types`` empty means all types. ``deletions`` shows them too, as
    changes of type Deleted; without it they are passed over.
    """

    since: int | None = None
    to: int | None = None
    limit: int = 100
    types: frozenset[ChangeType] = frozenset()
    deletions: bool = False


@message
class DescribeLastChange(Query[ChangePage]):
    """The newest change alone; with ``deletions``, it may be one."""

    deletions: bool = False


@message
class ClearChanges(Command[None]):
    """Empty the log; numbering goes on from where it was."""


@message
class ChangesInDoubt(Event):
    """Nobody knows whether some changes were made: whoever waits for such has to look."""


@message
class ChangesLogged(Event):
    """The log of changes has grown: a doorbell; ``ListChanges`` tells by what."""
