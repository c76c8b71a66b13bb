"""Reconstructing: what the index says of an instance and its parents follows its file again."""

from collections.abc import Collection, Mapping

from repertory.errors import RevisionConflict, UnknownItem, UnknownResource
from repertory.model import Attachment, ContentType, Level, ResourceId, ResourceIds, Summary
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group, Lineage
from repertory.storage.index.operations.listing import find
from repertory.storage.index.operations.parents import find_series
from repertory.storage.index.operations.recompressing import find_file, put_file, resize
from repertory.storage.index.operations.refreshing import refresh, refresh_copy
from repertory.storage.index.packing import pack_attachment, pack_metadata, pack_tags

OBSOLETE = (ContentType.DICOM_AS_JSON, ContentType.DICOM_UNTIL_PIXEL_DATA)
"""Files that an Orthanc kept beside the DICOM file, and that nothing here reads."""


def record_reconstruction(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    signatures: Mapping[Level, str],
    ids: ResourceIds,
    summary: Summary,
    levels: Collection[Level],
    replaces: str,
    attachment: Attachment | None,
    *,
    beside: bool = True,
    known: dict[ResourceId, Lineage] | None = None,
) -> None:
    """Refresh an instance and its parents, at these levels, from its file ``replaces``.

    ``attachment`` takes the place of the file, which is released; ``None`` leaves it. Nothing is
    logged, and stable resources stay stable. ``beside`` says whether to look for files that an
    Orthanc kept beside it; ``known`` holds the series that were found in this transaction.

    Raises:
        UnknownResource: there is no such instance.
        UnknownItem: it has no file.
        RevisionConflict: its file is another one by now.
        BadParameter: something cannot be kept as it is. Nothing was written, in all these cases.
    """
    group.settle()
    number, series, _ = find(db, Level.INSTANCE, ids.instance)
    lineage = _lineage(db, ids.series, known if known is not None else {})
    if lineage is None or lineage.series != series:
        raise UnknownResource
    old = find_file(db, number, ContentType.DICOM)
    if old is None:
        raise UnknownItem
    if old.uuid != replaces:
        raise RevisionConflict("The file was replaced in the meantime.")
    new = pack_attachment(attachment) if attachment is not None else None
    _refuse_what_cannot_be_kept(summary)
    group.writing = True
    numbers = {
        Level.PATIENT: lineage.patient,
        Level.STUDY: lineage.study,
        Level.SERIES: lineage.series,
        Level.INSTANCE: number,
    }
    for level in levels:
        refresh(db, level, numbers[level], summary, signatures)
    if Level.PATIENT in levels and Level.STUDY not in levels:
        refresh_copy(db, lineage.study, summary)
    if new is not None:
        resize(db, number, *put_file(db, group, number, old, new))
    if beside and Level.INSTANCE in levels:
        for content_type in OBSOLETE:
            obsolete = find_file(db, number, content_type)
            if obsolete is not None:
                resize(db, number, *put_file(db, group, number, obsolete, None))


def _lineage(db: Database, id_: ResourceId, known: dict[ResourceId, Lineage]) -> Lineage | None:
    lineage = known.get(id_) or find_series(db, id_)
    if lineage is not None:
        known[id_] = lineage
    return lineage


def _refuse_what_cannot_be_kept(summary: Summary) -> None:
    for level in Level:
        pack_tags(summary.main_tags.get(level, {}))
    pack_metadata({"": (summary.transfer_syntax, 0), "-": (summary.sop_class_uid, 0)})
