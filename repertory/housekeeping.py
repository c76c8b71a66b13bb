"""Words about housekeeping: what a pass is to do, how far it is, and what failed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from repertory.model import Attachment, Compression, Level, ResourceId, ResourceIds, Summary
from repertory.places import Copy, OwnedFile


@dataclass(frozen=True, slots=True)
class Configuration:
    """That on which the form of an archive depends; a pass brings the archive in line with it.

    ``signatures`` are the main DICOM tags of each level, sorted and joined by ";".
    """

    orthanc_version: str
    dicom_web_version: str = ""
    storage_compression: bool = False
    ingest_transcoding: str = ""
    encryption: str = ""
    """The number of the key that new files are encrypted under, "" where they are clear."""
    signatures: Mapping[Level, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chores:
    """What is to be done with each study.

    Main tags are refreshed at ``levels``: where their signature is another one, or of
    ``everything``. Files that have not ``form`` are stored anew (``None``: they stay), and those
    that an old Orthanc kept beside the DICOM files are released if ``obsolete``. With ``anew``, all
    files are stored anew, in the form that they have, if ``form`` names no other. Files that are
    stored anew get the transfer syntax ``transcode``, "" where each keeps its own.
    """

    levels: frozenset[Level] = frozenset()
    form: Compression | None = None
    obsolete: bool = False
    everything: bool = False
    anew: bool = False
    transcode: str = ""

    def __bool__(self) -> bool:
        return bool(self.levels or self.form is not None or self.obsolete or self.anew)


class Position(NamedTuple):
    """How far a pass is: after an instance of a study, or, where that is 0, after the study.

    All are numbers of rows. The instances of a study come series by series.
    """

    study: int = 0
    series: int = 0
    instance: int = 0

    @property
    def is_within(self) -> bool:
        """Whether the study is begun and not done."""
        return self.instance > 0


BEGINNING = Position()
"""Before the first study."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done with one instance, which has this ``number`` in the index.

    Main tags are refreshed at ``levels``, of its parents unless an instance before has done it.
    """

    number: int
    ids: ResourceIds
    attachment: Attachment | None
    levels: frozenset[Level]
    rewrite: bool
    obsolete: bool

    @property
    def size(self) -> int:
        """The bytes of the file that is read."""
        reads = self.attachment is not None and (self.levels or self.rewrite)
        return self.attachment.compressed_size if reads and self.attachment is not None else 0


@dataclass(frozen=True, slots=True)
class Portion:
    """The next piece of a pass: some instances of one study, or nothing but studies to pass over.

    ``position`` is where the pass is once it is done. ``passed`` are the studies that are then
    behind, ``is_last`` says that there are no more. A portion ``aside`` is of a study that is
    taken out of turn; ``form`` is the form that its files are stored anew in, ``transcodes``
    whether in the transfer syntax of new files, too, ``anew`` whether also where nothing changes:
    then ``others`` are the files of the study that are no DICOM file of an instance, with those of
    its patient where it is the first of the patient's studies.
    """

    position: Position = BEGINNING
    study: ResourceId | None = None
    number: int = 0
    tasks: tuple[Task, ...] = ()
    others: tuple[OwnedFile, ...] = ()
    begins: bool = False
    ends: bool = False
    passed: int = 0
    is_last: bool = False
    aside: bool = False
    form: Compression | None = None
    transcodes: bool = False
    anew: bool = False
    refreshes: bool = False
    """Whether main tags are refreshed where they are old, not only files stored anew."""
    next_due: float | None = None
    """When a study that failed is to be tried again, where there is nothing to do before."""


@dataclass(frozen=True, slots=True)
class PortionWanted:
    """What somebody asks who wants to know what is to be done next.

    Without ``chores`` no pass runs; ``aside`` are the chores for studies that are taken out of
    turn, ``within`` is where somebody is in one of them. ``position`` and ``last`` are how far the
    pass is and to which study it goes. At most so many ``tasks`` are wanted, and ``size`` bytes of
    files, but one at least, of so many ``studies`` at most.
    """

    name: str
    now: float
    chores: Chores
    aside: Chores
    position: Position
    within: Position
    last: int
    tasks: int
    size: int
    studies: int = 1


@dataclass(frozen=True, slots=True)
class DoneTask:
    """What was done with one instance, as the index is to record it.

    ``attachment`` takes the place of the file ``replaces``; ``summary`` is what was read of it.
    """

    number: int
    ids: ResourceIds
    summary: Summary | None
    levels: frozenset[Level]
    replaces: str
    attachment: Attachment | None
    obsolete: bool


@dataclass(frozen=True, slots=True)
class InstanceFailure:
    """An instance with which something could not be done, and the reason in a sentence."""

    id: ResourceId
    reason: str


@dataclass(frozen=True, slots=True)
class DonePortion:
    """What was done with a portion, and what failed.

    ``others`` are files that are no DICOM files, each with what takes its place.
    """

    portion: Portion
    done: tuple[DoneTask, ...]
    failures: tuple[InstanceFailure, ...]
    others: tuple[Copy, ...] = ()


@dataclass(frozen=True, slots=True)
class ChoresRecord:
    """What was done with some portions in turn, and the ``state`` of the pass after them."""

    name: str
    state: str
    portions: tuple[DonePortion, ...]


@dataclass(frozen=True, slots=True)
class ChoresReceipt:
    """How many instances of a portion were done, how many were gone meanwhile, and what failed."""

    done: int
    gone: int
    failures: tuple[InstanceFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyFailure:
    """A study that could not be kept in order, and the reason in a sentence.

    ``instance`` is the first that failed at the last attempt; ``retry_at`` is when the study is
    tried again, in seconds since the epoch.
    """

    study: ResourceId
    instance: ResourceId
    reason: str
    attempts: int
    retry_at: float


@dataclass(frozen=True, slots=True)
class KeptState:
    """What the index keeps of the passes of one server.

    ``text`` is the state, or that of an Orthanc whose index was adopted, "" where there is none.
    ``name`` is under which it is kept. ``last_study`` is the number of the newest study.
    ``stored_under`` are the configurations, as text, under which something was stored, each with
    a number that is higher the later that was.
    """

    name: str
    text: str
    is_paused: bool
    is_adopted: bool
    last_study: int
    stored_under: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What is left of a pass, and what failed."""

    studies: int
    failed: int
    failures: tuple[StudyFailure, ...]
    first: tuple[ResourceId, ...]


@dataclass(frozen=True, slots=True)
class Workload:
    """Studies, instances and bytes of files that something would have to be done with."""

    position: Position
    studies: int = 0
    instances: int = 0
    size: int = 0
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """What a trigger says: whether it makes a pass necessary, and why, or why not."""

    trigger: str
    enabled: bool
    fires: bool
    reason: str


@dataclass(frozen=True, slots=True)
class HousekeepingPlan:
    """What a pass does, or would do: ``work`` is what is left of one that runs."""

    findings: tuple[Finding, ...]
    chores: Chores
    work: Workload
    is_running: bool


@dataclass(frozen=True, slots=True)
class HousekeepingStatus:
    """How far housekeeping is. Times are seconds since the epoch.

    ``processed`` and ``last`` are the numbers of the last study that is done, and of the last that
    the pass goes to; both are -1 where no pass runs. ``rate`` is in studies per second.
    """

    condition: str
    started: float | None
    processed: int
    last: int
    current: Configuration | None
    completed: Configuration | None
    studies_done: int
    backlog: Unfinished
    is_paused: bool
    rate: float | None
    end: float | None
    next_window: float | None
    problem: str = ""


def stamp(moment: float | None) -> str | None:
    """A moment as Orthanc's housekeeper writes it: UTC, with microseconds."""
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%S.%f")


def configuration_object(it: Configuration | None) -> dict[str, Any] | None:
    """A configuration in Orthanc's form."""
    if it is None:
        return None
    return {
        "DicomWebVersion": it.dicom_web_version,
        "IngestTranscoding": it.ingest_transcoding,
        "MainDicomTagsSignature": {level.word: it.signatures.get(level, "") for level in Level},
        "OrthancVersion": it.orthanc_version,
        "StorageCompressionEnabled": it.storage_compression,
        **({"StorageEncryption": it.encryption} if it.encryption else {}),
    }


def configuration_text(it: Configuration) -> str:
    """A configuration as the index keeps it; equal where it is the same."""
    return json.dumps(configuration_object(it), sort_keys=True)
