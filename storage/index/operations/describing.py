"""Describing resources: any number of them with the same few statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from repertory.errors import UnknownItem, UnknownResource
from repertory.model import (
    Attachment,
    Level,
    Metadata,
    ResourceDescription,
    ResourceId,
)
from repertory.storage.index.database import Database, Question, Row
from repertory.storage.index.operations.checking import damages_of
from repertory.storage.index.operations.finding.matching import of_metadata
from repertory.storage.index.operations.parents import expected_number
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_id,
    stamp,
    unpack_attachment,
    unpack_both_tags,
    unpack_id,
    unpack_metadata,
    unpack_sequences,
    unpack_tags,
)

PARENTS = (
    "SELECT resources.id, resources.public_id, resources.main_tags, resources.metadata,"
    " parents.public_id, parents.main_tags, resources.is_protected, tallies.last_update,"
    " tallies.unstable_at, {} FROM resources"
    " JOIN tallies ON tallies.resource = resources.id"
    " LEFT JOIN resources AS parents ON parents.id = resources.parent"
    " WHERE "
)
INSTANCES = (
    "SELECT resources.id, resources.public_id, resources.main_tags, resources.metadata,"  # noqa: S608
    f" parents.public_id, {ATTACHMENT_COLUMNS} FROM resources"
    " LEFT JOIN attachments ON attachments.resource = resources.id"
    " AND attachments.content_type = 1"
    " JOIN resources AS parents ON parents.id = resources.parent"
    " WHERE "
)
CHILDREN = "SELECT parent, public_id, index_in_series FROM resources WHERE {} ORDER BY parent, id"
LABELS = "SELECT resource, label FROM labels WHERE {} ORDER BY resource, label"
PATIENT_SEQUENCES = of_metadata("parents", Metadata.MAIN_DICOM_SEQUENCES)
ANY_OTHERS = "SELECT 1 FROM attachments WHERE content_type <> 1 AND resource >= 0 LIMIT 1"
_FILE = ", ".join(f"files.{column.strip()}" for column in ATTACHMENT_COLUMNS.split(","))
OTHERS = (
    f"SELECT files.resource, {_FILE}, damaged.damage FROM attachments AS files"  # noqa: S608
    " LEFT JOIN damaged ON damaged.resource = files.resource"
    " AND damaged.content_type = files.content_type WHERE files.content_type <> 1 AND "
)
_BY_ID = "resources.public_id = ? AND resources.level = ?"
_FILE_OF_ONE = (
    " LEFT JOIN attachments AS files ON files.resource = resources.id AND files.content_type = ?"
    " LEFT JOIN damaged ON damaged.resource = files.resource"
    " AND damaged.content_type = files.content_type"
    f" WHERE {_BY_ID}"
)
FILE_BY_ID = (
    f"SELECT damaged.damage, {_FILE}, resources.metadata, tallies.last_update FROM resources"  # noqa: S608
    f" LEFT JOIN tallies ON tallies.resource = resources.id{_FILE_OF_ONE}"
)
FILE_ALONE = f"SELECT damaged.damage, {_FILE} FROM resources{_FILE_OF_ONE}"  # noqa: S608
_MORE = (
    "(SELECT COUNT(*) FROM labels WHERE labels.resource = resources.id)"
    " + (SELECT COUNT(*) FROM attachments AS files"
    " WHERE files.resource = resources.id AND files.content_type <> 1)"
)
_MARKED = "(SELECT COUNT(*) FROM damaged WHERE damaged.resource = resources.id)"
PARENT_BY_ID = PARENTS.replace("SELECT ", f"SELECT {_MORE}, ", 1).format("NULL") + _BY_ID
STUDY_BY_ID = PARENTS.replace("SELECT ", f"SELECT {_MORE}, ", 1).format(PATIENT_SEQUENCES) + _BY_ID
INSTANCE_BY_ID = INSTANCES.replace("SELECT ", f"SELECT {_MORE} + {_MARKED}, ", 1) + _BY_ID
"""What ``PARENTS`` and ``INSTANCES`` tell; first, how much there is that they do not."""
CHILDREN_BY_ID = (
    "SELECT parent, public_id, index_in_series FROM resources"
    " WHERE parent = (SELECT id FROM resources WHERE public_id = ? AND level = ?) ORDER BY id"
)

ATTACHMENT = (
    f"SELECT {ATTACHMENT_COLUMNS} FROM attachments"  # noqa: S608 - a constant
    " WHERE resource = ? AND content_type = ?"
)
METADATA = (
    "SELECT resources.metadata, tallies.last_update FROM resources"
    " LEFT JOIN tallies ON tallies.resource = resources.id WHERE resources.id = ?"
)

NO_NAMES: Mapping[str, str] = MappingProxyType({})


def describe(
    db: Database, level: Level, numbers: Sequence[int], names: Mapping[str, str] = NO_NAMES
) -> tuple[ResourceDescription, ...]:
    """The resources of one level with these numbers, in this order.

    ``names`` are those of main tags that are not Orthanc's own.
    """
    labels: dict[int, list[str]] = defaultdict(list)
    of_these, value = db.among("resource", numbers)
    of_those, _ = db.among("files.resource", numbers)
    are_these, _ = db.among("resources.id", numbers)
    questions = [
        Question(LABELS.format(of_these), (value,)),
        # Mostly there are none.
        Question(OTHERS + of_those, (value,), only_if=ANY_OTHERS),
    ]
    if level is Level.INSTANCE:
        questions.append(Question(INSTANCES + are_these, (value,)))
        questions.append(damages_of(db, numbers))
    else:
        nested = PATIENT_SEQUENCES if level is Level.STUDY else "NULL"
        questions.append(Question(PARENTS.format(nested) + are_these, (value,)))
        below_these, _ = db.among("parent", numbers)
        questions.append(Question(CHILDREN.format(below_these), (value,)))
    labelled, others, rows, more = db.gather(questions)
    for number, label in labelled:
        labels[number].append(label)
    files = _other_attachments(others)
    if level is Level.INSTANCE:
        damages = {(resource, content_type): damage for resource, content_type, damage in more}
        described = {
            row[0]: _instance(
                row,
                labels.get(row[0], ()),
                names,
                files.get(row[0], ()),
                damages.get((row[0], 1), ""),
            )
            for row in rows
        }
    else:
        children: dict[int, list[Row]] = defaultdict(list)
        for child in more:
            children[child[0]].append(child)
        described = {
            row[0]: _parent(
                level,
                row,
                children[row[0]],
                labels.get(row[0], ()),
                names,
                files.get(row[0], ()),
            )
            for row in rows
        }
    return tuple(described[number] for number in numbers)


def _other_attachments(rows: Iterable[Row]) -> dict[int, list[Attachment]]:
    """The attachments of each resource but the DICOM file, in ascending order of their types."""
    found: dict[int, list[Attachment]] = defaultdict(list)
    for resource, *columns, damage in rows:
        found[resource].append(unpack_attachment(tuple(columns), damage or ""))
    for attachments in found.values():
        # Sorted here, where it is of a handful: the database would sort them all.
        attachments.sort(key=attrgetter("content_type"))
    return found


def _instance(
    row: Row,
    labels: Iterable[str],
    names: Mapping[str, str],
    others: Sequence[Attachment],
    damage: str,
) -> ResourceDescription:
    _, digest, tags, packed, parent, *columns = row
    metadata = unpack_metadata(packed)
    attachments = tuple(others)
    if columns[0] is not None:
        attachments = _in_order(unpack_attachment(tuple(columns), damage), attachments)
    return ResourceDescription(
        level=Level.INSTANCE,
        id=unpack_id(digest),
        parent=unpack_id(parent),
        children=(),
        main_tags=unpack_tags(tags),
        patient_tags={},
        metadata=metadata,
        labels=tuple(labels),
        is_stable=True,
        attachments=attachments,
        tag_names=names,
        main_sequences=unpack_sequences(metadata.get(Metadata.MAIN_DICOM_SEQUENCES, "")),
    )


def _in_order(file: Attachment, others: tuple[Attachment, ...]) -> tuple[Attachment, ...]:
    if not others:
        return (file,)
    return tuple(sorted((file, *others), key=attrgetter("content_type")))


def _parent(  # noqa: PLR0917 - what ``describe`` has read of one resource
    level: Level,
    row: Row,
    children: Sequence[Row],
    labels: Iterable[str],
    names: Mapping[str, str],
    attachments: Iterable[Attachment],
) -> ResourceDescription:
    _, digest, tags, packed, parent, parent_tags, is_protected, last_update, *rest = row
    unstable_at, parent_sequences = rest
    metadata = _with_last_update(unpack_metadata(packed), last_update)
    is_study = level is Level.STUDY
    main_tags, patient_tags = unpack_both_tags(tags)
    if is_study and patient_tags is None:
        # It came before studies kept their own.
        patient_tags = unpack_tags(parent_tags)
    series_status = "Unknown"
    if level is Level.SERIES:
        expected = metadata.get(Metadata.EXPECTED_NUMBER_OF_INSTANCES, "")
        places = [child[2] for child in children if child[2] is not None]
        series_status = status_of(expected_number(expected), places)
    return ResourceDescription(
        level=level,
        id=unpack_id(digest),
        parent=unpack_id(parent) if parent is not None else None,
        children=tuple([unpack_id(child[1]) for child in children]),
        main_tags=main_tags,
        patient_tags=patient_tags or {},
        metadata=metadata,
        labels=tuple(labels),
        is_stable=unstable_at is None,
        is_protected=bool(is_protected),
        attachments=tuple(attachments),
        series_status=series_status,
        tag_names=names,
        main_sequences=unpack_sequences(metadata.get(Metadata.MAIN_DICOM_SEQUENCES, "")),
        patient_sequences=unpack_sequences(parent_sequences or "") if is_study else {},
    )


def _with_last_update(metadata: dict[int, str], last_update: float | None) -> dict[int, str]:
    if last_update is not None:
        metadata[int(Metadata.LAST_UPDATE)] = stamp(last_update)
    return dict(sorted(metadata.items()))


def status_of(expected: int | None, places: Sequence[int]) -> str:
    """A series' Status, from ExpectedNumberOfInstances and its instances' IndexInSeries."""
    if expected is None:
        return "Unknown"
    if places and (min(places) < 1 or max(places) > expected or len(set(places)) < len(places)):
        return "Inconsistent"
    return "Complete" if len(places) == expected else "Missing"


def describe_attachment(
    db: Database, level: Level, id_: ResourceId, content_type: int
) -> tuple[Attachment, dict[int, str]]:
    """An attachment and its resource's metadata; ``UnknownItem`` where there is none."""
    *file, packed, last_update = _file_row(db, FILE_BY_ID, level, id_, content_type)
    return _unpack_file(file), _with_last_update(unpack_metadata(packed), last_update)


def locate_file(db: Database, level: Level, id_: ResourceId, content_type: int) -> Attachment:
    """An attachment alone; errors as of ``describe_attachment``."""
    return _unpack_file(_file_row(db, FILE_ALONE, level, id_, content_type))


def _file_row(db: Database, sql: str, level: Level, id_: ResourceId, content_type: int) -> Row:
    """The row of one attachment: what damage it has, its columns, and what else is asked for."""
    digest = pack_id(id_)
    row = digest and db.one(sql, (int(content_type), digest, int(level)))
    if not row:
        raise UnknownResource
    if row[1] is None:
        raise UnknownItem
    return row


def _unpack_file(row: Sequence[Any]) -> Attachment:
    damage, *columns = row
    return unpack_attachment(tuple(columns), damage or "")


def describe_one(
    db: Database, level: Level, id_: ResourceId, names: Mapping[str, str] = NO_NAMES
) -> ResourceDescription:
    """The resource with this identifier; ``UnknownResource`` where there is none.

    As ``describe`` does it, in two statements for the many that have neither labels nor
    attachments besides the DICOM file.
    """
    digest = pack_id(id_)
    if digest is None:
        raise UnknownResource
    key = (digest, int(level))
    if level is Level.INSTANCE:
        row = db.one(INSTANCE_BY_ID, key)
        children: list[Row] = []
    else:
        statement = STUDY_BY_ID if level is Level.STUDY else PARENT_BY_ID
        rows, children = db.gather([Question(statement, key), Question(CHILDREN_BY_ID, key)])
        row = rows[0] if rows else None
    if not row:
        raise UnknownResource
    more, *columns = row
    if more:
        return describe(db, level, [columns[0]], names)[0]
    if level is Level.INSTANCE:
        return _instance(tuple(columns), (), names, (), "")
    return _parent(level, tuple(columns), children, (), names, ())
