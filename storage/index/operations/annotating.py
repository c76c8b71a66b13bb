"""Metadata that is written, read and deleted one by one (spec, Attachments and metadata)."""

from repertory.errors import UnknownItem
from repertory.items import MetadataValue, Revision
from repertory.model import ChangeType, Level, Metadata, ResourceId, ResourceRef
from repertory.storage.index.database import Database
from repertory.storage.index.operations.describing import METADATA
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.listing import find
from repertory.storage.index.operations.revisions import check, revision_of
from repertory.storage.index.packing import pack_metadata, stamp, unpack_entries

SET_METADATA = "UPDATE resources SET metadata = ? WHERE id = ?"

Entries = dict[str, tuple[str, int]]


def _read(db: Database, resource: int) -> Entries:
    packed, last_update = db.one(METADATA, (resource,)) or ("{}", None)
    entries = unpack_entries(packed)
    if last_update is not None:
        entries[str(int(Metadata.LAST_UPDATE))] = (stamp(last_update), 0)
    return entries


def _value(entry: tuple[str, int]) -> MetadataValue:
    return MetadataValue(entry[0], revision_of(*entry))


def _write(db: Database, group: Group, resource: int, entries: Entries, now: float) -> None:
    kept = {
        number: entries[number]
        for number in sorted(entries, key=int)
        if int(number) != Metadata.LAST_UPDATE  # that one is kept in `tallies`
    }
    packed = pack_metadata(kept)
    group.writing = True
    db.execute(SET_METADATA, (packed, resource))
    group.log(ChangeType.UPDATED_METADATA, resource, now)


def list_metadata(db: Database, level: Level, id_: ResourceId) -> dict[int, str]:
    """All metadata of a resource, in ascending order of the numbers."""
    entries = _read(db, find(db, level, id_)[0])
    return {int(number): entries[number][0] for number in sorted(entries, key=int)}


def describe_metadata(
    db: Database, level: Level, id_: ResourceId, number: int
) -> MetadataValue | None:
    """One metadata of a resource; ``None`` where it has none of that number."""
    entry = _read(db, find(db, level, id_)[0]).get(str(number))
    return None if entry is None else _value(entry)


def set_metadata(
    db: Database,
    group: Group,
    resource: ResourceRef,
    number: int,
    value: str,
    *,
    expected: Revision | None,
    now: float,
) -> MetadataValue:
    """Write a metadata, and log it.

    Raises:
        UnknownResource: there is no such resource.
        RevisionConflict: another revision than ``expected`` is there.
        BadParameter: the value cannot be kept as it is.
    """
    row = find(db, resource.level, resource.id)[0]
    entries = _read(db, row)
    old = entries.get(str(number))
    check(expected, None if old is None else revision_of(*old))
    new = (value, 0 if old is None else old[1] + 1)
    entries[str(number)] = new
    _write(db, group, row, entries, now)
    return _value(new)


def delete_metadata(
    db: Database,
    group: Group,
    resource: ResourceRef,
    number: int,
    *,
    expected: Revision | None,
    now: float,
) -> None:
    """Delete a metadata, and log it.

    Raises:
        UnknownResource: there is no such resource.
        UnknownItem: it has no such metadata.
        RevisionConflict: another revision than ``expected`` is there.
    """
    row = find(db, resource.level, resource.id)[0]
    entries = _read(db, row)
    old = entries.pop(str(number), None)
    if old is None:
        raise UnknownItem
    check(expected, revision_of(*old))
    _write(db, group, row, entries, now)
