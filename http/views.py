"""What the actors answer, as Orthanc's objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from repertory.actors.messages.finding import FoundResource
from repertory.errors import BadParameter
from repertory.http.tag_views import TAG_WRITERS
from repertory.model import (
    Attachment,
    Change,
    ChangePage,
    DeletionReceipt,
    Level,
    Metadata,
    ResourceDescription,
    ResourceId,
    ResourceRef,
    ResourceStatistics,
    StoreReceipt,
    TagForm,
    Totals,
)

MEGABYTE = 1 << 20

Object = dict[str, Any]

DEFAULT_CONTENT = frozenset(
    {"MainDicomTags", "RequestedTags", "Status", "Parent", "Children", "Labels", "IsStable"}
    | {"IsProtected", "Legacy"}
)
"""The contents of an expanded object where the request names none.

Legacy, which cannot be asked for, is what Orthanc shows there of metadata and files.
"""

_CONTENT_WORDS = (DEFAULT_CONTENT - {"Legacy"}) | {"Metadata", "Attachments"}
_METADATA_WORDS = {int(item): item.word for item in Metadata}
_CHILDREN = {Level.PATIENT: "Studies", Level.STUDY: "Series", Level.SERIES: "Instances"}
_PARENTS = {
    Level.STUDY: "ParentPatient",
    Level.SERIES: "ParentStudy",
    Level.INSTANCE: "ParentSeries",
}


def path_of(level: Level, id_: ResourceId) -> str:
    """The path of a resource: ``/studies/…``."""
    return f"/{level.plural}/{id_}"


def content_words(words: Iterable[str]) -> frozenset[str]:
    """The contents that a request names, or the default ones.

    Raises:
        BadParameter: one of them is unknown.
    """
    named = frozenset(words)
    unknown = named - _CONTENT_WORDS
    if unknown:
        raise BadParameter(
            f"Unknown value in response-content; it may be {', '.join(sorted(_CONTENT_WORDS))}."
        )
    return named or DEFAULT_CONTENT


class Resources:
    """Writes descriptions of resources, all in the form that one request asks for.

    Args:
        form: how tags are written; ``SIMPLIFIED`` names them.
        content: the contents that are wanted.
        metadata_names: the user's names of metadata, by number.
    """

    def __init__(
        self,
        *,
        form: TagForm = TagForm.SIMPLIFIED,
        content: frozenset[str] = DEFAULT_CONTENT,
        metadata_names: Mapping[int, str] | None = None,
    ) -> None:
        self._write_tags = TAG_WRITERS[form]
        self._content = content
        self._metadata_names = metadata_names or {}

    def many(self, descriptions: Iterable[ResourceDescription]) -> list[Object]:
        """The objects of several resources."""
        return [self.one(description) for description in descriptions]

    def found(self, found: Iterable[FoundResource]) -> list[Object]:
        """The objects of several resources, each with the tags that were requested."""
        return [self.one(it.description, it.requested) for it in found]

    def one(self, it: ResourceDescription, requested: Mapping[str, Any] | None = None) -> Object:
        """The object of one resource, with the tags that were requested, if any were."""
        view: Object = {"ID": it.id, "Type": it.level.word}
        self._add_tags(view, it)
        if requested is not None:
            view["RequestedTags"] = dict(requested)
        self._add_family(view, it)
        self._add_status(view, it)
        content = self._content
        if "Labels" in content:
            view["Labels"] = list(it.labels)
        if "Metadata" in content:
            view["Metadata"] = {
                self._metadata_name(number): it.metadata[number] for number in sorted(it.metadata)
            }
        if "Attachments" in content:
            view["Attachments"] = [attachment(file) for file in it.attachments]
        return view

    def _add_tags(self, view: Object, it: ResourceDescription) -> None:
        if "MainDicomTags" in self._content:
            write, names = self._write_tags, it.tag_names
            view["MainDicomTags"] = write(it.main_tags, it.main_sequences, names)
            if it.level is Level.STUDY:
                view["PatientMainDicomTags"] = write(it.patient_tags, it.patient_sequences, names)

    def _add_family(self, view: Object, it: ResourceDescription) -> None:
        if "Children" in self._content and it.level is not Level.INSTANCE:
            view[_CHILDREN[it.level]] = list(it.children)
        if "Parent" in self._content and it.level is not Level.PATIENT:
            view[_PARENTS[it.level]] = it.parent

    def _add_status(self, view: Object, it: ResourceDescription) -> None:
        content, metadata = self._content, it.metadata
        if "Legacy" in content:
            self._add_legacy(view, it)
        if it.level is Level.INSTANCE:
            return
        if "IsStable" in content:
            view["IsStable"] = it.is_stable
        if "IsProtected" in content and it.level is Level.PATIENT:
            view["IsProtected"] = it.is_protected
        if "Status" in content and it.level is Level.SERIES:
            expected = metadata.get(Metadata.EXPECTED_NUMBER_OF_INSTANCES)
            view["ExpectedNumberOfInstances"] = _number(expected)
            view["Status"] = it.series_status

    def _metadata_name(self, number: int) -> str:
        return _METADATA_WORDS.get(number) or self._metadata_names.get(number, str(number))

    def _add_legacy(self, view: Object, it: ResourceDescription) -> None:
        metadata = it.metadata
        for number in (Metadata.MODIFIED_FROM, Metadata.ANONYMIZED_FROM):
            if number in metadata:
                view[number.word] = metadata[number]
        if it.level is not Level.INSTANCE:
            if Metadata.LAST_UPDATE in metadata:
                view["LastUpdate"] = metadata[Metadata.LAST_UPDATE]
            return
        file = it.attachment
        if file is not None:
            view["FileSize"] = file.uncompressed_size
            view["FileUuid"] = file.uuid
            if file.damage:
                view["Damage"] = file.damage
        view["IndexInSeries"] = _number(metadata.get(Metadata.INDEX_IN_SERIES))


def _number(text: str | None) -> int | None:
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def attachment(it: Attachment) -> Object:
    """The ``info`` of an attachment; ``Damage`` where the file was found to be damaged."""
    damage = {"Damage": it.damage} if it.damage else {}
    return {
        "Uuid": it.uuid,
        "ContentType": it.content_type,
        "UncompressedSize": it.uncompressed_size,
        "UncompressedMD5": it.uncompressed_md5,
        "CompressedSize": it.compressed_size,
        "CompressedMD5": it.compressed_md5,
        **damage,
    }


def store_receipt(it: StoreReceipt) -> Object:
    """What an upload answers."""
    ids = it.ids
    repaired = {"Repaired": True} if it.repaired else {}
    return {
        "ID": ids.instance,
        "ParentPatient": ids.patient,
        "ParentSeries": ids.series,
        "ParentStudy": ids.study,
        "Path": path_of(Level.INSTANCE, ids.instance),
        "Status": it.status.value,
        **repaired,
    }


def reference(it: ResourceRef) -> Object:
    """A resource that is only pointed at."""
    return {"ID": it.id, "Path": path_of(it.level, it.id), "Type": it.level.word}


def deletion_receipt(it: DeletionReceipt) -> Object:
    """What a deletion answers."""
    ancestor = it.remaining_ancestor
    return {"RemainingAncestor": None if ancestor is None else reference(ancestor)}


def change_page(it: ChangePage) -> Object:
    """What ``/changes`` answers."""
    view: Object = {
        "Changes": [change(line) for line in it.changes],
        "Done": it.done,
        "Last": it.last,
    }
    if it.first is not None:
        view["First"] = it.first
    return view


def change(it: Change) -> Object:
    """One change."""
    return {
        "ChangeType": it.type.word,
        "Date": it.date,
        "ID": it.id,
        "Path": path_of(it.level, it.id),
        "ResourceType": it.level.word,
        "Seq": it.seq,
    }


def statistics(level: Level, it: ResourceStatistics) -> Object:
    """The sizes of a resource, and the numbers of what is below it."""
    view: Object = {}
    _add_size(view, "DiskSize", it.disk_size)
    _add_size(view, "UncompressedSize", it.uncompressed_size)
    _add_size(view, "DicomDiskSize", it.dicom_disk_size)
    _add_size(view, "DicomUncompressedSize", it.dicom_uncompressed_size)
    if level < Level.STUDY:
        view["CountStudies"] = it.studies
    if level < Level.SERIES:
        view["CountSeries"] = it.series
    if level < Level.INSTANCE:
        view["CountInstances"] = it.instances
    return view


def totals(it: Totals) -> Object:
    """The sizes and numbers of the whole archive."""
    view: Object = {
        "CountPatients": it.patients,
        "CountStudies": it.studies,
        "CountSeries": it.series,
        "CountInstances": it.instances,
    }
    _add_size(view, "TotalDiskSize", it.disk_size)
    _add_size(view, "TotalUncompressedSize", it.uncompressed_size)
    return view


def _add_size(view: Object, name: str, size: int) -> None:
    view[name] = str(size)
    view[name + "MB"] = size // MEGABYTE
