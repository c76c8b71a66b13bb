"""Sizes and numbers, kept rather than counted."""

from repertory.model import Level, ResourceId, ResourceStatistics, Totals
from repertory.storage.index.database import Database
from repertory.storage.index.operations.deleting import SUM_SIZES
from repertory.storage.index.operations.listing import find

OF_PARENT = (
    "SELECT studies, series, instances, disk_size, uncompressed_size,"
    " dicom_disk_size, dicom_uncompressed_size FROM tallies WHERE resource = ?"
)
TOTALS = "SELECT patients, studies, series, instances, disk_size, uncompressed_size FROM totals"


def describe_statistics(db: Database, level: Level, id_: ResourceId) -> ResourceStatistics:
    """Sizes of a resource with all below it; the numbers count the resource itself."""
    number = find(db, level, id_)[0]
    if level is Level.INSTANCE:
        sizes = db.one(SUM_SIZES + "resource = ?", (number,)) or (0, 0, 0, 0)
        return ResourceStatistics(0, 0, 1, *sizes)
    row = db.one(OF_PARENT, (number,)) or (0,) * 7
    studies, series, instances = row[:3]
    return ResourceStatistics(
        studies + (level is Level.STUDY), series + (level is Level.SERIES), instances, *row[3:]
    )


def describe_totals(db: Database) -> Totals:
    """Sizes and numbers of the whole archive."""
    return Totals(*(db.one(TOTALS) or (0,) * 6))
