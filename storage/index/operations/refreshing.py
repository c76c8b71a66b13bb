"""Bringing what the index says of a resource in line with its file."""

from collections.abc import Mapping

from repertory.model import Level, Summary
from repertory.storage.index.database import Database
from repertory.storage.index.normalization import SEARCHED
from repertory.storage.index.operations import metadata
from repertory.storage.index.operations.parents import searched
from repertory.storage.index.packing import LARGEST, pack_metadata, pack_tags, unpack_entries

FIND_METADATA = "SELECT metadata FROM resources WHERE id = ?"
REFRESH = {
    level: "UPDATE resources SET main_tags = ?, metadata = ?, {} WHERE id = ?".format(  # noqa: S608
        ", ".join(f"{column} = ?" for column in SEARCHED[level].values())
        + (", index_in_series = ?" if level is Level.INSTANCE else "")
    )
    for level in Level
}
REFRESH_STUDIES = (
    "UPDATE resources SET patient_id = ?, patient_name = ?, patient_birth_date = ?"
    " WHERE parent = ? AND level = 2"
)


def refresh(
    db: Database,
    level: Level,
    number: int,
    summary: Summary,
    signatures: Mapping[Level, str],
) -> None:
    """Write a resource's main tags, its searched columns and what of its metadata follows from it.

    What users wrote, how the resource came here and when stays as it is.

    Raises:
        BadParameter: something cannot be kept as it is; nothing was written.
    """
    row = db.one(FIND_METADATA, (number,)) or ("{}",)
    kept = unpack_entries(row[0])
    columns = searched(summary, level)
    place = (place_of(summary),) if level is Level.INSTANCE else ()
    values = (
        pack_tags(summary.main_tags.get(level, {})),
        pack_metadata(metadata.recomputed(kept, level, summary, signatures.get(level))),
        *columns,
        *place,
    )
    db.execute(REFRESH[level], (*values, number))
    if level is Level.PATIENT:
        db.execute(REFRESH_STUDIES, (*columns, number))


def place_of(summary: Summary) -> int | None:
    """The IndexInSeries, if a column can hold it."""
    place = summary.index_in_series
    return None if place is None or abs(place) > LARGEST else place
