"""Labels of patients, studies, series and instances."""

from repertory.actors.messages.base import Command, Query, message
from repertory.model import Level, ResourceId


@message
class ListLabels(Query[tuple[str, ...]]):
    """The labels of a resource, sorted.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId


@message
class ListAllLabels(Query[tuple[str, ...]]):
    """The labels that any resource has, sorted."""


@message
class AddLabel(Command[None]):
    """Give a resource a label; to give it twice does no harm.

    Raises:
        UnknownResource: there is no such resource.
        BadParameter: a label has 1 to 64 letters, digits, dashes and underscores.
    """

    level: Level
    id: ResourceId
    label: str


@message
class RemoveLabel(Command[None]):
    """Take a label from a resource; to take it twice does no harm.

    Raises:
        UnknownResource: there is no such resource.
        BadParameter: a label has 1 to 64 letters, digits, dashes and underscores.
    """

    level: Level
    id: ResourceId
    label: str
