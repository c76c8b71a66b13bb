"""The main DICOM tags: what the index keeps of a file, level by level."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from repertory.model import Level
from repertory.storage.encoding import TextEncoding

# Orthanc 1.13's defaults, as in its /system.MainDicomTags.
_DEFAULTS: dict[Level, tuple[str, ...]] = {
    Level.PATIENT: (
        "0010,0010",  # PatientName
        "0010,0020",  # PatientID
        "0010,0030",  # PatientBirthDate
        "0010,0040",  # PatientSex
        "0010,1000",  # OtherPatientIDs
    ),
    Level.STUDY: (
        "0008,0020",  # StudyDate
        "0008,0030",  # StudyTime
        "0008,0050",  # AccessionNumber
        "0008,0080",  # InstitutionName
        "0008,0090",  # ReferringPhysicianName
        "0008,0201",  # TimezoneOffsetFromUTC
        "0008,1030",  # StudyDescription
        "0020,000d",  # StudyInstanceUID
        "0020,0010",  # StudyID
        "0032,1032",  # RequestingPhysician
        "0032,1060",  # RequestedProcedureDescription
    ),
    Level.SERIES: (
        "0008,0021",  # SeriesDate
        "0008,0031",  # SeriesTime
        "0008,0060",  # Modality
        "0008,0070",  # Manufacturer
        "0008,0201",  # TimezoneOffsetFromUTC
        "0008,1010",  # StationName
        "0008,103e",  # SeriesDescription
        "0008,1070",  # OperatorsName
        "0018,0010",  # ContrastBolusAgent
        "0018,0015",  # BodyPartExamined
        "0018,0024",  # SequenceName
        "0018,1030",  # ProtocolName
        "0018,1090",  # CardiacNumberOfImages
        "0018,1400",  # AcquisitionDeviceProcessingDescription
        "0020,000e",  # SeriesInstanceUID
        "0020,0011",  # SeriesNumber
        "0020,0037",  # ImageOrientationPatient
        "0020,0105",  # NumberOfTemporalPositions
        "0020,1002",  # ImagesInAcquisition
        "0040,0244",  # PerformedProcedureStepStartDate
        "0040,0245",  # PerformedProcedureStepStartTime
        "0040,0254",  # PerformedProcedureStepDescription
        "0040,0275",  # RequestAttributesSequence
        "0054,0081",  # NumberOfSlices
        "0054,0101",  # NumberOfTimeSlices
        "0054,1000",  # SeriesType
    ),
    Level.INSTANCE: (
        "0008,0012",  # InstanceCreationDate
        "0008,0013",  # InstanceCreationTime
        "0008,0018",  # SOPInstanceUID
        "0020,0012",  # AcquisitionNumber
        "0020,0013",  # InstanceNumber
        "0020,0032",  # ImagePositionPatient
        "0020,0037",  # ImageOrientationPatient
        "0020,0100",  # TemporalPositionIdentifier
        "0020,4000",  # ImageComments
        "0028,0008",  # NumberOfFrames
        "0054,1330",  # ImageIndex
    ),
}


_SINCE_SIGNATURES = frozenset({"0008,0201", "0040,0244", "0040,0245", "0040,0275"})
"""Those that Orthanc keeps since 1.12.5; since 1.11, it writes signatures."""


def lacks(signature: str | None, level: Level, tag: str) -> bool:
    """Whether resources with this signature were recorded without a tag.

    Those without any come from an older Orthanc, and have the tags that it kept.
    """
    if not signature:
        return tag in _SINCE_SIGNATURES or tag not in _DEFAULTS[level]
    return tag not in signature.split(";")


# Compared by identity: it is a key of what is worked out from it.
@dataclass(frozen=True, slots=True, eq=False)
class MainDicomTags:
    """Which tags are kept at which level; given to whoever summarizes files.

    Tags are ``"gggg,eeee"`` in lower-case hexadecimal.
    """

    by_level: Mapping[Level, frozenset[str]]
    encoding: TextEncoding = field(default_factory=TextEncoding)
    """What text is written in where a file does not say it."""
    levels: Mapping[str, tuple[Level, ...]] = field(init=False)
    """The levels at which each tag is kept."""

    def __post_init__(self) -> None:
        levels: dict[str, tuple[Level, ...]] = {}
        for level in Level:
            for tag in self.by_level.get(level, ()):
                levels[tag] = (*levels.get(tag, ()), level)
        object.__setattr__(self, "levels", levels)

    @classmethod
    def defaults(
        cls,
        extra: Mapping[Level, Iterable[str]] | None = None,
        encoding: TextEncoding | None = None,
    ) -> "MainDicomTags":
        """Orthanc's main DICOM tags, and ``extra`` ones (``ExtraMainDicomTags``)."""
        more = extra or {}
        return cls(
            {level: frozenset((*_DEFAULTS[level], *more.get(level, ()))) for level in Level},
            encoding or TextEncoding(),
        )

    def signature(self, level: Level) -> str:
        """The tags of a level, sorted and joined by ";".

        It is metadata ``MainDicomTagsSignature``, and part of ``/system``: a resource whose
        signature differs was summarized under another configuration.
        """
        return ";".join(sorted(self.by_level.get(level, ())))


MAIN_DICOM_TAGS = MainDicomTags.defaults()
"""The main DICOM tags of an archive that was not told of others."""
