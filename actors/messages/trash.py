"""Deleted resources that can be restored until their time is up."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import Level, ResourceId
from repertory.trash import RestoreReceipt, TrashContent, TrashEntry, TrashTide


@message
class ListTrash(Query[tuple[TrashEntry, ...]]):
    """What is in the trash, the last deleted first; ``limit`` 0 means no limit."""

    since: int = 0
    limit: int = 0


@message
class DescribeTrash(Query[TrashContent]):
    """One entry of the trash, with the resources in it.

    ``name`` is the number of the entry, or the identifier of the resource that was deleted: then
    the last such deletion is meant.

    Raises:
        UnknownItem: there is no such entry.
    """

    name: str


@message
class ListTrashedFiles(Query[tuple[tuple[int, int, int, bytes], ...]]):
    """The files in the trash: entry, resource, content type and UUID, after the first three."""

    after: tuple[int, int, int]
    limit: int


@message
class RestoreTrash(Command[RestoreReceipt]):
    """Bring back what was deleted, as it was; what came anew in the meantime stays as it is.

    ``name`` is as in ``DescribeTrash``.

    Raises:
        UnknownItem: there is no such entry.
        LimitReached: the limits leave no room for another patient.
    """

    name: str


@message
class EmptyTrash(Command[int]):
    """Give up one entry of the trash, or all of it; how many entries went.

    Raises:
        UnknownItem: there is no such entry.
    """

    name: str | None = None


@message
class ExpireTrash(Command[TrashTide]):
    """Give up the entries whose time is up, at most ``limit`` at a time."""

    limit: int


@message
class ResourceRestored(Event):
    """A resource came back from the trash, with all below it."""

    level: Level
    id: ResourceId
