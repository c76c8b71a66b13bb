"""Patients, studies, series and instances: list, describe, delete."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.items import SliceOrder
from repertory.model import (
    DeletionReceipt,
    Level,
    ResourceDescription,
    ResourceId,
    ResourceRef,
    ResourceStatistics,
)


@message
class ListResources(Query[tuple[ResourceId, ...]]):
    """The identifiers at a level, in order of arrival.

    ``limit`` 0 means no limit.
    """

    level: Level
    since: int = 0
    limit: int = 0


@message
class DescribeResources(Query[tuple[ResourceDescription, ...]]):
    """What ``ListResources`` lists, described."""

    level: Level
    since: int = 0
    limit: int = 0


@message
class DescribeResource(Query[ResourceDescription]):
    """One resource.

    Raises:
        UnknownResource: there is none with that identifier at that level.
    """

    level: Level
    id: ResourceId


@message
class ListChildren(Query[tuple[ResourceId, ...]]):
    """The identifiers of all descendants at a lower level, in order of arrival.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId
    at: Level


@message
class DescribeChildren(Query[tuple[ResourceDescription, ...]]):
    """What ``ListChildren`` lists, described."""

    level: Level
    id: ResourceId
    at: Level


@message
class DescribeParent(Query[ResourceDescription]):
    """The ancestor of a resource at an upper level.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId
    at: Level


@message
class DescribeStatistics(Query[ResourceStatistics]):
    """Sizes and numbers of children of a resource.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId


@message
class LookupIdentifier(Query[tuple[ResourceRef, ...]]):
    """The resources whose PatientID, StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID is it.

    The comparison is Orthanc's: without regard to case, accents and surrounding blanks.
    """

    identifier: str


@message
class DeleteResource(Command[DeletionReceipt]):
    """Delete a resource with all below it, and the parents that it leaves empty.

    The answer comes when the index is done; the files go later.

    Raises:
        UnknownResource: there is no such resource.
    """

    level: Level
    id: ResourceId


@message
class ResourceDeleted(Event):
    """A resource is gone from the index, with all below it."""

    level: Level
    id: ResourceId


@message
class DescribeProtection(Query[bool]):
    """Whether a patient is protected: recycling spares it.

    Raises:
        BadParameter: there is no such patient (as Orthanc has it).
    """

    id: ResourceId


@message
class SetProtection(Command[None]):
    """Protect a patient, or end its protection.

    Raises:
        BadParameter: there is no such patient (as Orthanc has it).
    """

    id: ResourceId
    protected: bool


@message
class OrderSlices(Query[SliceOrder]):
    """The instances of a series in the order of their slices.

    Raises:
        UnknownResource: there is no such series.
    """

    id: ResourceId
