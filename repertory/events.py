"""What happens in an archive, as the programs that embed it, its scripts and its targets are told.

    @archive.on(StudyStabilized)
    def fetch(event):
        print(event.study)

Each event is a line of the log of changes: it has a number, and comes once what it tells of is
on the medium. To ask for a class is to ask for all below it: ``ArchiveEvent`` is every event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from repertory.model import ChangeType, Level, ResourceId, Tags


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveEvent:
    """Something happened to a resource.

    ``number`` grows with each event, and none is given twice; ``date`` is UTC,
    ``YYYYMMDDTHHMMSS``.
    """

    number: int
    type: ChangeType
    level: Level
    id: ResourceId
    date: str
    parents: Mapping[Level, ResourceId] = field(default_factory=dict)
    """The resources above it, as far as they are known."""
    main_tags: Tags = field(default_factory=dict, repr=False)
    """The main DICOM tags of the resource: patient data, for those who asked for them."""

    def at(self, level: Level) -> ResourceId | None:
        """The resource, or the one above it, at a level; ``None`` where there is none."""
        return self.id if level is self.level else self.parents.get(level)

    def id_of(self, level: Level) -> ResourceId:
        """The same, where it is certain that there is one.

        Raises:
            LookupError: it is not known.
        """
        found = self.at(level)
        if found is None:
            raise LookupError(f"the event does not tell a {level.word}")
        return found

    @property
    def patient(self) -> ResourceId | None:
        """The patient that it happened to, or below."""
        return self.at(Level.PATIENT)

    @property
    def study(self) -> ResourceId | None:
        """The study that it happened to, or below."""
        return self.at(Level.STUDY)

    @property
    def series(self) -> ResourceId | None:
        """The series that it happened to, or below."""
        return self.at(Level.SERIES)

    @property
    def instance(self) -> ResourceId | None:
        """The instance that it happened to."""
        return self.at(Level.INSTANCE)


class InstanceStored(ArchiveEvent):
    """An instance is new, or was overwritten."""

    __slots__ = ()


class ResourceCreated(ArchiveEvent):
    """A patient, study or series is new: its first instance came."""

    __slots__ = ()


class NewPatient(ResourceCreated):
    """A patient is new."""

    __slots__ = ()


class NewStudy(ResourceCreated):
    """A study is new."""

    __slots__ = ()


class NewSeries(ResourceCreated):
    """A series is new."""

    __slots__ = ()


class ResourceStabilized(ArchiveEvent):
    """Nothing new came for a patient, study or series in StableAge seconds."""

    __slots__ = ()


class PatientStabilized(ResourceStabilized):
    """A patient is stable."""

    __slots__ = ()


class StudyStabilized(ResourceStabilized):
    """A study is stable."""

    __slots__ = ()


class SeriesStabilized(ResourceStabilized):
    """A series is stable."""

    __slots__ = ()


class SeriesCompleted(ArchiveEvent):
    """A series has as many instances as its files said that it would have."""

    __slots__ = ()


class MetadataUpdated(ArchiveEvent):
    """A user's metadata of a resource was written or deleted."""

    __slots__ = ()


class AttachmentUpdated(ArchiveEvent):
    """A user's attachment of a resource was written or deleted."""

    __slots__ = ()


class ResourceDerived(ArchiveEvent):
    """A resource came out of the anonymization or the modification of another one."""

    __slots__ = ()


class ResourceDeleted(ArchiveEvent):
    """A resource is gone: one event for each patient, study, series and instance."""

    __slots__ = ()


CLASSES: dict[ChangeType, type[ArchiveEvent]] = {
    ChangeType.COMPLETED_SERIES: SeriesCompleted,
    ChangeType.NEW_INSTANCE: InstanceStored,
    ChangeType.NEW_PATIENT: NewPatient,
    ChangeType.NEW_SERIES: NewSeries,
    ChangeType.NEW_STUDY: NewStudy,
    ChangeType.ANONYMIZED_STUDY: ResourceDerived,
    ChangeType.ANONYMIZED_SERIES: ResourceDerived,
    ChangeType.MODIFIED_STUDY: ResourceDerived,
    ChangeType.MODIFIED_SERIES: ResourceDerived,
    ChangeType.ANONYMIZED_PATIENT: ResourceDerived,
    ChangeType.MODIFIED_PATIENT: ResourceDerived,
    ChangeType.STABLE_PATIENT: PatientStabilized,
    ChangeType.STABLE_STUDY: StudyStabilized,
    ChangeType.STABLE_SERIES: SeriesStabilized,
    ChangeType.UPDATED_ATTACHMENT: AttachmentUpdated,
    ChangeType.UPDATED_METADATA: MetadataUpdated,
    ChangeType.DELETED: ResourceDeleted,
}
"""The class of each type of change that is logged."""


def types_of(*kinds: type[ArchiveEvent]) -> frozenset[ChangeType]:
    """The types of change that classes of events stand for."""
    return frozenset(change for change, kind in CLASSES.items() if issubclass(kind, kinds))


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events in ascending order; ``last`` is where a reader goes on.

    ``done`` says that nothing comes after; ``last`` is then the newest number of all, so that what
    was passed over is not looked at again.
    """

    events: tuple[ArchiveEvent, ...]
    done: bool
    last: int


@dataclass(frozen=True, slots=True)
class TargetPlace:
    """How far a target has got in the log, as the index keeps it."""

    name: str
    position: int
    paused: bool
    dead_letters: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that a target refused until the archive gave up; ``failed_at`` is UTC seconds."""

    number: int
    event: ArchiveEvent
    reason: str
    attempts: int
    failed_at: float


@dataclass(frozen=True, slots=True)
class TargetState:
    """What a target does just now.

    ``state`` is ``Idle``, ``Delivering``, ``Retrying`` or ``Paused``; ``newest`` the newest number
    of the log. Times are UTC seconds, ``None`` for never; ``retry_in`` is in seconds.
    ``delivered`` and ``failures`` count since the start of the archive, the latter in a row.
    """

    name: str
    kind: str
    address: str
    events: tuple[str, ...]
    state: str
    position: int
    newest: int
    dead_letters: int
    delivered: int
    failures: int
    last_error: str
    last_error_at: float | None
    last_delivery_at: float | None
    retry_in: float | None
