"""Metadata of patients, studies, series and instances."""

from repertory.actors.messages.base import Command, Query, message
from repertory.items import MetadataValue, Revision
from repertory.model import Level, ResourceId


@message
class ListMetadata(Query[dict[int, str]]):
    """All metadata of a resource: values by number, in ascending order of the numbers.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId


@message
class DescribeMetadata(Query[MetadataValue | None]):
    """One metadata of a resource, with its revision; ``None`` where it has none of that number.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId
    number: int


@message
class SetMetadata(Command[MetadataValue]):
    """Write a user's metadata; it is logged as UpdatedMetadata.

    ``expected`` is the revision that is to be overwritten: what is not there yet may be made
    whatever is expected; ``None`` overwrites whatever is there.

    Raises:
        UnknownResource: there is no such resource.
        Forbidden: ``number`` is not one of the users' own (1024 to 65535).
        RevisionConflict: another revision than the one expected is there.
        BadParameter: the value is not text that can be kept.
    """

    level: Level
    id: ResourceId
    number: int
    value: str
    expected: Revision | None = None


@message
class DeleteMetadata(Command[None]):
    """Delete a user's metadata; it is logged as UpdatedMetadata.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such metadata.
        Forbidden: ``number`` is not one of the users' own (1024 to 65535).
        RevisionConflict: another revision than ``expected`` is there.
    """

    level: Level
    id: ResourceId
    number: int
    expected: Revision | None = None
