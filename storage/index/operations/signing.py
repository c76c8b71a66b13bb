"""Which main DICOM tags resources were recorded with, and how many of them with outdated ones.

Each resource has its list (metadata MainDicomTagsSignature); ``signatures`` counts those of other
lists than new resources get, so that a search knows at once whether some may lack a tag.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from repertory.items import Outdated
from repertory.model import Level, Metadata
from repertory.storage.index.database import Database
from repertory.storage.index.operations.finding.matching import signature_of

log = structlog.get_logger(__name__)

LIST_CURRENT = "SELECT level, signature FROM signatures WHERE outdated IS NULL"
LIST_OUTDATED = (
    "SELECT level, signature, outdated FROM signatures WHERE outdated > 0 ORDER BY level, signature"
)
FORGET = "DELETE FROM signatures WHERE level = ?"
COUNT = (
    "INSERT INTO signatures (level, signature, outdated)"  # noqa: S608 - our own names
    " SELECT found.level, found.signature, COUNT(*) FROM"
    f" (SELECT level, {signature_of('resources')} AS signature FROM resources WHERE level = ?)"
    " AS found WHERE found.signature <> ? GROUP BY found.level, found.signature"
)
ADD = (
    "INSERT INTO signatures (level, signature, outdated) VALUES (?, ?, 1)"
    " ON CONFLICT (level, signature) DO UPDATE SET outdated = signatures.outdated + 1"
)
"""Of the list that new resources get nothing is counted: NULL and 1 is NULL."""
ENTER = "INSERT INTO signatures (level, signature, outdated) VALUES (?, ?, NULL)"


def count_signatures(db: Database, signatures: Mapping[Level, str]) -> None:
    """Take note of the lists that new resources get, and count the others if these are new ones.

    It reads all resources of a level, hence only when the level's list has changed.
    """
    known: dict[int, str] = dict(db.all(LIST_CURRENT))
    changed = [it for it in Level if known.get(int(it)) != signatures.get(it, "")]
    if not changed:
        return
    db.begin()
    try:
        for level in changed:
            signature = signatures.get(level, "")
            db.execute(FORGET, (int(level),))
            db.execute(COUNT, (int(level), signature))
            db.execute(ENTER, (int(level), signature))
        db.commit()
    except BaseException:
        db.rollback()
        raise
    for it in list_outdated(db):
        log.warning("main_tags_changed", level=it.level.word, resources=it.resources)


def list_outdated(db: Database) -> tuple[Outdated, ...]:
    """The lists that resources have and new ones do not get, with how many have them."""
    return tuple(Outdated(Level(level), *rest) for level, *rest in db.all(LIST_OUTDATED))


def count_restored(db: Database, level: Level, metadata: Mapping[str, Sequence[Any]]) -> None:
    """Take note of the list that a resource brings back from the trash."""
    entry = metadata.get(str(int(Metadata.MAIN_DICOM_TAGS_SIGNATURE)))
    db.execute(ADD, (int(level), entry[0] if entry else ""))
