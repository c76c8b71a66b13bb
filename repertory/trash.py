"""Words about deleted resources that can be restored."""

from dataclasses import dataclass

from repertory.model import Level, ResourceId, ResourceIds, ResourceRef, Tags


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One deletion: the resource that was named, and what went with it.

    Times are in seconds since the epoch, UTC. ``main_tags`` are those of the resource and of its
    parents. The numbers count what was deleted, parents left empty included.
    """

    number: int
    level: Level
    id: ResourceId
    main_tags: Tags
    deleted_at: float
    expires_at: float
    patients: int
    studies: int
    series: int
    instances: int
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class TrashedResource:
    """A resource in the trash."""

    level: Level
    id: ResourceId
    main_tags: Tags
    metadata: dict[int, str]
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrashContent:
    """An entry with the resources in it, patients first."""

    entry: TrashEntry
    resources: tuple[TrashedResource, ...]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An instance that came back, and the number of the last arrival in its series."""

    ids: ResourceIds
    activity: int


@dataclass(frozen=True, slots=True)
class RestoreReceipt:
    """What came back.

    ``kept`` is how many instances were there again, and stayed as they are. ``arrivals`` has one
    for each series that was not stable when it was deleted.
    """

    resource: ResourceRef
    restored: int
    kept: int
    arrivals: tuple[Arrival, ...] = ()


@dataclass(frozen=True, slots=True)
class TrashTide:
    """How many entries went because their time was up, and how many are left."""

    expired: int
    left: int
