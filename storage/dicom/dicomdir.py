"""The directory of a medium: DICOMDIR (PS3.3 annex F, PS3.10 section 8)."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset, write_file_meta_info
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    generate_uid,
)

from repertory.errors import NotDicom

_PREAMBLE = 128 + 4
_HEADER = 8
_IN_USE = 0xFFFF

_PATIENT = ("PatientName", "PatientID")
_STUDY = ("StudyDate", "StudyTime", "AccessionNumber", "StudyDescription")
_STUDY_IDS = ("StudyInstanceUID", "StudyID")
_SERIES = ("Modality", "SeriesInstanceUID", "SeriesNumber")
_INSTANCE = ("InstanceNumber",)
_DOCUMENT = ("InstanceNumber", "ContentDate", "ContentTime", "ConceptNameCodeSequence")
_CONTENT = ("InstanceNumber", "ContentDate", "ContentTime", "ContentLabel", "ContentDescription")

_EXTENDED = {
    "PATIENT": ("PatientBirthDate", "PatientSex"),
    "STUDY": ("ReferringPhysicianName", "InstitutionName"),
    "SERIES": (
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "InstitutionName",
        "PerformingPhysicianName",
        "BodyPartExamined",
    ),
    "IMAGE": (
        "ImageType",
        "Rows",
        "Columns",
        "NumberOfFrames",
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "FrameOfReferenceUID",
        "PixelSpacing",
    ),
}
"""Optional elements (type 3 of PS3.3 annex F.5) that an extended directory has besides."""

_KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("1.2.840.10008.5.1.4.1.1.88.59", "KEY OBJECT DOC", _DOCUMENT),
    (
        "1.2.840.10008.5.1.4.1.1.88.",
        "SR DOCUMENT",
        (*_DOCUMENT, "CompletionFlag", "VerificationFlag"),
    ),
    ("1.2.840.10008.5.1.4.1.1.11.", "PRESENTATION", (*_CONTENT, "ReferencedSeriesSequence")),
    ("1.2.840.10008.5.1.4.1.1.9.", "WAVEFORM", ("InstanceNumber", "ContentDate", "ContentTime")),
    ("1.2.840.10008.5.1.4.1.1.4.2", "SPECTROSCOPY", _INSTANCE),
    (
        "1.2.840.10008.5.1.4.1.1.104.",
        "ENCAP DOC",
        (*_DOCUMENT, "DocumentTitle", "MIMETypeOfEncapsulatedDocument"),
    ),
    ("1.2.840.10008.5.1.4.1.1.481.2", "RT DOSE", ("InstanceNumber", "DoseSummationType")),
    (
        "1.2.840.10008.5.1.4.1.1.481.3",
        "RT STRUCTURE SET",
        ("InstanceNumber", "StructureSetLabel", "StructureSetDate", "StructureSetTime"),
    ),
    (
        "1.2.840.10008.5.1.4.1.1.481.5",
        "RT PLAN",
        ("InstanceNumber", "RTPlanLabel", "RTPlanDate", "RTPlanTime"),
    ),
    ("1.2.840.10008.5.1.4.1.1.66.1", "REGISTRATION", _CONTENT),
    ("1.2.840.10008.5.1.4.1.1.66.2", "FIDUCIAL", _CONTENT),
    ("1.2.840.10008.5.1.4.1.1.66", "RAW DATA", ("InstanceNumber", "ContentDate", "ContentTime")),
)
"""The record that a SOP class has, and its elements; a prefix stands for a family of classes."""


class DicomDir:
    """A directory that grows with each file of the medium."""

    def __init__(self, *, extended: bool = False) -> None:
        """Begin; ``extended`` adds optional elements to its records."""
        self._extended = extended
        self._roots: list[_Record] = []
        self._known: dict[tuple[str, ...], _Record] = {}

    def add(self, head: bytes, path: tuple[str, ...]) -> None:
        """List a file.

        Args:
            head: the file, of which the pixel data and what follows may be missing.
            path: the names that lead to it on the medium, of at most eight capitals, digits and
                underscores each (PS3.10 section 8.2).

        Raises:
            NotDicom: the file cannot be read.
        """
        try:
            ds = dcmread(BytesIO(head), stop_before_pixels=True, force=True)
        except (InvalidDicomError, OSError, ValueError, NotImplementedError) as error:
            raise NotDicom from error
        source = _Source(ds)
        if not source.text("SOPInstanceUID"):
            raise NotDicom
        patient = self._parent(("PATIENT", source.text("PatientID")), None, source, _PATIENT)
        study_key = (*patient.key, source.text("StudyInstanceUID"))
        study = self._parent(("STUDY", *study_key), patient, source, (*_STUDY, *_STUDY_IDS))
        series_key = (*study_key, source.text("SeriesInstanceUID"))
        series = self._parent(("SERIES", *series_key), study, source, _SERIES)
        kind, elements = _kind_of(source.text("SOPClassUID"))
        record = self._record(("", *series_key, *path), kind, source, elements)
        record.ds.ReferencedFileID = list(path)
        record.ds.ReferencedSOPClassUIDInFile = source.text("SOPClassUID")
        record.ds.ReferencedSOPInstanceUIDInFile = source.text("SOPInstanceUID")
        syntax = getattr(ds, "file_meta", Dataset()).get("TransferSyntaxUID")
        record.ds.ReferencedTransferSyntaxUIDInFile = syntax or UID("1.2.840.10008.1.2")
        series.below.append(record)

    def to_bytes(self) -> bytes:
        """The file, as PS3.10 has it."""
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
        meta.MediaStorageSOPInstanceUID = generate_uid(prefix=None)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds = Dataset()
        ds.FileSetID = "REPERTORY"
        ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
        ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
        ds.FileSetConsistencyFlag = 0
        ds.DirectoryRecordSequence = []
        records = list(_in_order(self._roots))
        # Offsets are numbers of a fixed length: written once with none, all positions are known.
        start = _length_of_meta(meta) + _length_of(ds)
        for record in records:
            record.offset = start
            start += _HEADER + _length_of(record.ds)
        for record, following in _neighbours(self._roots):
            record.ds.OffsetOfTheNextDirectoryRecord = following.offset if following else 0
            below = record.below
            record.ds.OffsetOfReferencedLowerLevelDirectoryEntity = below[0].offset if below else 0
        if self._roots:
            ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = self._roots[0].offset
            ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = self._roots[-1].offset
        ds.DirectoryRecordSequence = [record.ds for record in records]
        ds.file_meta = meta
        file = BytesIO()
        dcmwrite(file, ds, enforce_file_format=True)
        return file.getvalue()

    def _parent(
        self,
        key: tuple[str, ...],
        above: "_Record | None",
        source: "_Source",
        elements: tuple[str, ...],
    ) -> "_Record":
        record = self._known.get(key)
        if record is None:
            record = self._known[key] = self._record(key[1:], key[0], source, elements)
            (self._roots if above is None else above.below).append(record)
        return record

    def _record(
        self, key: tuple[str, ...], kind: str, source: "_Source", elements: tuple[str, ...]
    ) -> "_Record":
        item = Dataset()
        item.OffsetOfTheNextDirectoryRecord = 0
        item.RecordInUseFlag = _IN_USE
        item.OffsetOfReferencedLowerLevelDirectoryEntity = 0
        item.DirectoryRecordType = kind
        wanted = (*elements, *(_EXTENDED.get(kind, ()) if self._extended else ()))
        for name in ("SpecificCharacterSet", *wanted):
            _copy(source, item, name)
        for name in elements:
            if name not in item and not name.endswith("Sequence"):
                setattr(item, name, "")  # the standard wants it there, even if it is empty
        return _Record(key, item)


class _Record:
    def __init__(self, key: tuple[str, ...], ds: Dataset) -> None:
        self.key = key
        self.ds = ds
        self.below: list[_Record] = []
        self.offset = 0


def _kind_of(sop_class: str) -> tuple[str, tuple[str, ...]]:
    for prefix, kind, elements in _KINDS:
        if sop_class == prefix or (prefix.endswith(".") and sop_class.startswith(prefix)):
            return kind, elements
    return "IMAGE", _INSTANCE


class _Source:
    """A data set whose values may be unreadable."""

    def __init__(self, ds: Dataset) -> None:
        self._ds = ds

    def text(self, name: str) -> str:
        """A value as text, empty where it is missing or cannot be read."""
        value = self._value(name)
        return "" if value is None else str(value)

    def element(self, name: str) -> "DataElement | None":
        """The element, if there is one that can be read."""
        return None if self._value(name) is None else self._ds[name]

    def _value(self, name: str) -> Any:
        try:
            return self._ds.get(name)
        except Exception:  # noqa: BLE001 - pydicom raises all kinds; the value cannot be read
            return None


def _copy(source: "_Source", item: Dataset, name: str) -> None:
    element = source.element(name)
    if element is None:
        return
    probe = Dataset()
    probe[element.tag] = element
    try:
        _length_of(probe)
    except Exception:  # noqa: BLE001 - a value that cannot be written is left out, the file is not
        return
    item[element.tag] = element


def _in_order(records: "list[_Record]") -> "Iterator[_Record]":
    for record in records:
        yield record
        yield from _in_order(record.below)


def _neighbours(records: "list[_Record]") -> "Iterator[tuple[_Record, _Record | None]]":
    for number, record in enumerate(records, start=1):
        yield record, records[number] if number < len(records) else None
        yield from _neighbours(record.below)


def _length_of(ds: Dataset) -> int:
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    write_dataset(buffer, ds)
    return len(buffer.getvalue())


def _length_of_meta(meta: FileMetaDataset) -> int:
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=True)
    return _PREAMBLE + len(buffer.getvalue())
