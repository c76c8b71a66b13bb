"""The words that every part shares: levels, identifiers, attachments, changes.

Names are those of the DICOM standard and of Orthanc; see ``docs/reference/`` for their meaning
on the wire.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Any, NewType

ResourceId = NewType("ResourceId", str)
"""An Orthanc identifier: SHA-1 as five groups of eight hexadecimal digits, joined by dashes."""


class Level(IntEnum):
    """A level of the DICOM model of the real world (PS3.3 section 7), as Orthanc numbers it."""

    PATIENT = 1
    STUDY = 2
    SERIES = 3
    INSTANCE = 4

    @property
    def word(self) -> str:
        """The level's name in Orthanc's objects: ``Study``."""
        return _WORDS[self]

    @property
    def plural(self) -> str:
        """The level's name in routes: ``studies``."""
        return _PLURALS[self]

    @classmethod
    def from_plural(cls, plural: str) -> "Level":
        """The level whose routes begin with ``plural``; ``KeyError`` for another word."""
        return _BY_PLURAL[plural]


_WORDS = {
    Level.PATIENT: "Patient",
    Level.STUDY: "Study",
    Level.SERIES: "Series",
    Level.INSTANCE: "Instance",
}
_PLURALS = {
    Level.PATIENT: "patients",
    Level.STUDY: "studies",
    Level.SERIES: "series",
    Level.INSTANCE: "instances",
}
_BY_PLURAL = {plural: level for level, plural in _PLURALS.items()}


@dataclass(frozen=True, slots=True)
class Identity:
    """The four DICOM identifiers of an instance, stripped of padding.

    ``patient_id`` may be empty (PS3.3 C.7.1.1: PatientID is type 2); the UIDs never are.
    """

    patient_id: str
    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, slots=True)
class ResourceIds:
    """The Orthanc identifiers of an instance and of its parents."""

    patient: ResourceId
    study: ResourceId
    series: ResourceId
    instance: ResourceId

    def at(self, level: Level) -> ResourceId:
        """The identifier at ``level``."""
        return (self.patient, self.study, self.series, self.instance)[level - 1]


class ContentType(IntEnum):
    """What an attachment holds; 1024 to 65535 are the user's own (spec, Content types)."""

    UNKNOWN = 0
    DICOM = 1
    DICOM_AS_JSON = 2
    DICOM_UNTIL_PIXEL_DATA = 3


class Compression(IntEnum):
    """How the stored bytes of an attachment are compressed."""

    NONE = 1
    ZLIB_WITH_SIZE = 2
    ZSTANDARD = 3


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a resource.

    Sizes are in bytes; MD5 sums are 32 lower-case hexadecimal digits, or "" where none is kept.
    ``content_type`` is a ``ContentType`` or a user's number. ``uuid`` names the file in its
    storage area; it is never used twice. ``location`` is the number of that storage.
    """

    uuid: str
    content_type: int
    uncompressed_size: int
    uncompressed_md5: str
    compressed_size: int
    compressed_md5: str
    compression: Compression = Compression.NONE
    location: int = 0
    revision: int = 0
    damage: str = ""
    """What a check or a reader found wrong with it (``integrity.Damage``); "" for nothing."""


class ChangeType(IntEnum):
    """What happened to a resource, with Orthanc's numbers (spec, Changes and exports)."""

    COMPLETED_SERIES = 1
    NEW_INSTANCE = 2
    NEW_PATIENT = 3
    NEW_SERIES = 4
    NEW_STUDY = 5
    ANONYMIZED_STUDY = 6
    ANONYMIZED_SERIES = 7
    MODIFIED_STUDY = 8
    MODIFIED_SERIES = 9
    ANONYMIZED_PATIENT = 10
    MODIFIED_PATIENT = 11
    STABLE_PATIENT = 12
    STABLE_STUDY = 13
    STABLE_SERIES = 14
    UPDATED_ATTACHMENT = 15
    UPDATED_METADATA = 16
    DELETED = 4096
    NEW_CHILD_INSTANCE = 4097

    @property
    def word(self) -> str:
        """The change's name in Orthanc's objects: ``NewInstance``."""
        return "".join(part.capitalize() for part in self.name.split("_"))


class Metadata(IntEnum):
    """System metadata, with Orthanc's numbers; 1024 to 65535 are the user's own."""

    INDEX_IN_SERIES = 1
    RECEPTION_DATE = 2
    REMOTE_AET = 3
    EXPECTED_NUMBER_OF_INSTANCES = 4
    MODIFIED_FROM = 5
    ANONYMIZED_FROM = 6
    LAST_UPDATE = 7
    ORIGIN = 8
    TRANSFER_SYNTAX = 9
    SOP_CLASS_UID = 10
    REMOTE_IP = 11
    CALLED_AET = 12
    HTTP_USERNAME = 13
    PIXEL_DATA_OFFSET = 14
    MAIN_DICOM_TAGS_SIGNATURE = 15
    MAIN_DICOM_SEQUENCES = 16
    PIXEL_DATA_VR = 17
    IS_PROTECTED = 18
    PATIENT_RECYCLING_ORDER = 19

    @property
    def word(self) -> str:
        """The name in Orthanc's objects: ``RemoteAET``."""
        return _METADATA_WORDS.get(self) or "".join(p.capitalize() for p in self.name.split("_"))


_METADATA_WORDS = {
    Metadata.REMOTE_AET: "RemoteAET",
    Metadata.CALLED_AET: "CalledAET",
    Metadata.REMOTE_IP: "RemoteIP",
    Metadata.HTTP_USERNAME: "HttpUsername",
    Metadata.PIXEL_DATA_VR: "PixelDataVR",
}


class StoreStatus(Enum):
    """What became of an instance that was sent to the archive."""

    SUCCESS = "Success"
    ALREADY_STORED = "AlreadyStored"
    FILTERED_OUT = "FilteredOut"


class OriginKind(Enum):
    """By which door an instance came in (metadata ``Origin``)."""

    UNKNOWN = "Unknown"
    DICOM_PROTOCOL = "DicomProtocol"
    REST_API = "RestApi"
    PLUGINS = "Plugins"
    LUA = "Lua"
    WEBDAV = "WebDav"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent an instance, and how; kept as metadata of the instance."""

    kind: OriginKind = OriginKind.PLUGINS
    remote_ip: str = ""
    remote_aet: str = ""
    called_aet: str = ""
    http_username: str = ""


Tags = dict[str, str]
"""DICOM tag (``"0010,0020"``, lower-case hexadecimal) to its value as UTF-8 text."""


Sequences = Mapping[str, Mapping[str, Any]]
"""DICOM tag to a sequence in the full form: ``{"Name", "Type": "Sequence", "Value": [items]}``.

The Type is ``TooLong`` and the Value ``None`` where a sequence is left in the file.
"""


class TagForm(Enum):
    """How tags are written in an answer, by Orthanc's names for it.

    FULL: ``{"0010,0020": {"Name": "PatientID", "Type": "String", "Value": "X"}}``;
    SHORT: ``{"0010,0020": "X"}``; SIMPLIFIED: ``{"PatientID": "X"}``.
    """

    FULL = "full"
    SHORT = "short"
    SIMPLIFIED = "simplify"


@dataclass(frozen=True, slots=True)
class Summary:
    """What the index needs to know of a DICOM file.

    ``main_tags`` holds, for each level, the main DICOM tags that the file has.
    ``pixel_data_offset`` is the byte offset of the tag (7fe0,0010) in the uncompressed file, or
    ``None`` where there is none; ``pixel_data_vr`` its value representation.
    ``index_in_series`` and ``expected_instances`` are as Orthanc computes them (spec, Metadata).
    ``main_sequences`` are those of the main DICOM tags that are sequences.
    """

    identity: Identity
    main_tags: dict[Level, Tags]
    transfer_syntax: str
    sop_class_uid: str
    pixel_data_offset: int | None = None
    pixel_data_vr: str = ""
    index_in_series: int | None = None
    expected_instances: int | None = None
    main_sequences: Mapping[Level, Sequences] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoreReceipt:
    """What became of one instance, with its identifiers and those of its parents."""

    ids: ResourceIds
    status: StoreStatus
    activity: int = 0
    """The number of a new instance's arrival: it grows with each; 0 for others."""
    recycled: tuple[ResourceId, ...] = ()
    """The patients that were deleted to make room for it."""
    overwritten: bool = False
    """Whether it took the place of one that was there."""
    stored: Attachment | None = None
    """The file of an instance that was there already, if whoever recorded it chooses."""
    repaired: bool = False
    """Whether that file was damaged, and the one that came has taken its place."""
    emptied_trash: bool = False
    """Whether something in the trash was given up to make room for it."""


@dataclass(frozen=True, slots=True)
class ResourceRef:
    """A resource by level and identifier."""

    level: Level
    id: ResourceId


@dataclass(frozen=True, slots=True)
class ResourceDescription:
    """Everything the index says about one resource.

    ``children`` are the identifiers of the next level down, in order of arrival (empty for
    instances). ``metadata`` maps numbers to values, system and user metadata alike.
    ``patient_tags`` are those of the patient as a study's own file has them; ``main_sequences`` and
    ``patient_sequences`` those that are sequences. ``attachments`` come in ascending order of
    their content types. ``is_stable`` is meaningless for instances.
    """

    level: Level
    id: ResourceId
    parent: ResourceId | None
    children: tuple[ResourceId, ...]
    main_tags: Tags
    patient_tags: Tags
    metadata: dict[int, str]
    labels: tuple[str, ...]
    is_stable: bool
    is_protected: bool = False
    attachments: tuple[Attachment, ...] = ()
    series_status: str = "Unknown"
    tag_names: Mapping[str, str] = field(default_factory=dict)
    """The names of main tags that are not Orthanc's own, or are called otherwise here."""
    main_sequences: Sequences = field(default_factory=dict)
    patient_sequences: Sequences = field(default_factory=dict)

    @property
    def attachment(self) -> Attachment | None:
        """The DICOM file of an instance."""
        files = (it for it in self.attachments if it.content_type == ContentType.DICOM)
        return next(files, None)


@dataclass(frozen=True, slots=True)
class ResourceStatistics:
    """Sizes in bytes and numbers of children of one resource, itself included where it counts."""

    studies: int
    series: int
    instances: int
    disk_size: int
    uncompressed_size: int
    dicom_disk_size: int
    dicom_uncompressed_size: int


@dataclass(frozen=True, slots=True)
class Totals:
    """Sizes in bytes and numbers of resources of the whole archive; kept, not counted."""

    patients: int
    studies: int
    series: int
    instances: int
    disk_size: int
    uncompressed_size: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the log of changes. ``date`` is UTC, ``YYYYMMDDTHHMMSS``."""

    seq: int
    type: ChangeType
    level: Level
    id: ResourceId
    date: str


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes in ascending order; ``last`` is where a client goes on.

    ``first`` is the number of the first change of the page, ``None`` for an empty page;
    ``done`` says that nothing comes after.
    """

    changes: tuple[Change, ...]
    done: bool
    last: int
    first: int | None


@dataclass(frozen=True, slots=True)
class DeletionReceipt:
    """The lowest ancestor that survived a deletion, or ``None``."""

    remaining_ancestor: ResourceRef | None


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """The index engine as shown by ``/system``.

    ``signatures`` are the main DICOM tags of each level, joined by ";".
    """

    engine: str
    schema_version: int
    identifier: str = ""
    totals: Totals = field(default_factory=lambda: Totals(0, 0, 0, 0, 0, 0))
    signatures: dict[Level, str] = field(default_factory=dict)
