"""When a patient, study or series is stable: nothing new came for StableAge."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import Level, ResourceId, Unstable


@message
class ListUnstable(Query[tuple[Unstable, ...]]):
    """The resources that are not stable yet, the one that was quiet for longest first."""


@message
class DeclareStable(Command[bool]):
    """Declare a resource stable; it is changed and logged in one transaction.

    A resource that is gone, is stable already, or received an instance since ``activity``, is
    left as it is. The answer is whether the resource was declared stable just now.
    """

    resource: Unstable


@message
class ResourceStabilized(Event):
    """A resource became stable."""

    level: Level
    id: ResourceId
