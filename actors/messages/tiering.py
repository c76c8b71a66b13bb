"""Tiering: rules that move files between storages, and what comes back when it is read."""

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import ResourceRef
from repertory.tiering import (
    KeptTiering,
    PassReport,
    StudiesPage,
    StudiesWanted,
    StudyRead,
    TieringStatus,
)


@message
class DescribeTiering(Query[TieringStatus]):
    """How far tiering is, and what comes back."""


@message
class PlanTiering(Query[PassReport]):
    """What a pass over the rules would move if it began now; nothing is moved."""


@message
class RunTiering(Command[TieringStatus]):
    """Begin a pass now, whatever the schedule says; it ends a pause, too."""


@message
class PauseTiering(Command[TieringStatus]):
    """Let the rules move nothing more, over restarts too; what is read still comes back."""


@message
class ResumeTiering(Command[TieringStatus]):
    """End a pause."""


@message
class FilesRead(Event):
    """Files of these resources were read; told some at a time, each resource once."""

    resources: tuple[ResourceRef, ...]


@message
class FarFileRead(Event):
    """A file of this resource is being read in a storage that files come back from."""

    resource: ResourceRef


@message
class FindTierable(Query[StudiesPage]):
    """Some of the studies that a rule asks for."""

    wanted: StudiesWanted


@message
class FindReadStudies(Query[tuple[StudyRead, ...]]):
    """The studies that resources are, or belong to, with the last read that is recorded."""

    read: tuple[ResourceRef, ...]


@message
class RecordAccesses(Command[None]):
    """Note that studies, by their rows, were read ``at`` this second since the epoch."""

    studies: tuple[int, ...]
    at: int


@message
class SumReleased(Query[int]):
    """Bytes of files that wait to be removed from the storage named ``place``."""

    place: str


@message
class DescribeKeptTiering(Query[KeptTiering]):
    """What the index keeps of tiering."""
