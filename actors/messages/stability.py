"""When a patient, study or series is stable: nothing new came for StableAge."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.items import Stabilized, Unstable
from repertory.model import (
    Level,
    ResourceId,
)


@message
class ListUnstable(Query[tuple[Unstable, ...]]):
    """The resources that are not stable yet, those that will be first first.

    ``limit`` 0 means no limit.
    """

    limit: int = 100


@message
class DeclareDue(Command[Stabilized]):
    """Declare stable what was quiet for long enough, at most ``limit`` resources.

    They are changed and logged in one transaction, those that are due first first, and at equal
    times series before study before patient: each comes once.
    """

    limit: int


@message
class DeclareStable(Command[bool]):
    """Declare a resource stable now, however long it was quiet.

    It is changed and logged in one transaction, unless it is stable already. The answer is whether
    it was declared stable just now. What is below and above it is left as it is.

    Raises:
        UnknownResource: there is no such patient, study or series.
    """

    level: Level
    id: ResourceId


@message
class DeclareUnstable(Command[bool]):
    """Let the time in which a resource has to be quiet begin anew, whether or not it is stable.

    The answer is whether it was stable.

    Raises:
        UnknownResource: there is no such patient, study or series.
    """

    level: Level
    id: ResourceId


@message
class ResourceStabilized(Event):
    """A resource became stable."""

    level: Level
    id: ResourceId


@message
class ResourceDestabilized(Event):
    """Somebody said that a resource is not stable; new instances do it without this event."""

    level: Level
    id: ResourceId
