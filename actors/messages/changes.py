"""The log of changes."""

from repertory.actors.messages.base import Command, Query, message
from repertory.model import ChangePage, ChangeType


@message
class ListChanges(Query[ChangePage]):
    """Some changes, in ascending order.

    ``since`` is exclusive and ``to`` inclusive; without ``since``, ``to`` asks for the last
    ``limit`` changes up to it. ``types`` empty means all types.
    """

    since: int | None = None
    to: int | None = None
    limit: int = 100
    types: frozenset[ChangeType] = frozenset()


@message
class DescribeLastChange(Query[ChangePage]):
    """The newest change alone."""


@message
class ClearChanges(Command[None]):
    """Empty the log; numbering goes on from where it was."""
