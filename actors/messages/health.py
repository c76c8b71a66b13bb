"""Whether the archive can do its work now."""

from repertory.actors.messages.base import Query, message
from repertory.places import StorageHealth


@message
class ProbeStorage(Query[None]):
    """Whether one storage answers now, full or not: it writes, and removes, something of its own.

    Raises:
        StorageFailed: it does not, or refuses that.
    """

    location: int


@message
class ProbeStorages(Query[tuple[StorageHealth, ...]]):
    """Whether the storages can be written now: each writes, and removes, something of its own.

    An answer that is a few seconds old is given again.
    """
