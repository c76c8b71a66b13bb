"""Bringing what the index says of a resource in line with its file."""

from collections.abc import Mapping
from typing import Any

from repertory.model import Level, Metadata, Summary
from repertory.storage.index.database import Database, Row
from repertory.storage.index.normalization import SEARCHED
from repertory.storage.index.operations import metadata
from repertory.storage.index.operations.parents import pack_main_tags, searched
from repertory.storage.index.packing import (
    LARGEST,
    pack_metadata,
    pack_tags,
    unpack_both_tags,
    unpack_entries,
)
from repertory.storage.main_tags import lacks

FIND_METADATA = "SELECT metadata FROM resources WHERE id = ?"
# A study has its own identifiers of its patient.
SEARCHED_AT = {level: tuple(SEARCHED[level].values()) for level in Level}
SEARCHED_AT[Level.STUDY] += SEARCHED_AT[Level.PATIENT]
WRITTEN_AT = {level: ("main_tags", "metadata", *SEARCHED_AT[level]) for level in Level}
WRITTEN_AT[Level.INSTANCE] += ("index_in_series",)
"""The columns that follow from a file; with the metadata, more than the file tells."""

FIND_WRITTEN = {
    level: f"SELECT {', '.join(columns)} FROM resources WHERE id = ?"  # noqa: S608 - of constants
    for level, columns in WRITTEN_AT.items()
}
REFRESH = {
    level: "UPDATE resources SET {} WHERE id = ?".format(  # noqa: S608 - of constants
        ", ".join(f"{column} = ?" for column in columns)
    )
    for level, columns in WRITTEN_AT.items()
}
REFRESH_TEXTS = "UPDATE resources SET main_tags = ?, metadata = ? WHERE id = ?"
"""Where it is searched by the same as before: to set these columns costs their indexes a write."""

FIND_TAGS = "SELECT main_tags FROM resources WHERE id = ?"
REFRESH_COPY = (
    "UPDATE resources SET main_tags = ?, patient_id = ?, patient_name = ?, patient_birth_date = ?"
    " WHERE id = ?"
)
FIND_COPIES = "SELECT id, main_tags FROM resources WHERE parent = ? AND level = 2"
SET_TAGS = "UPDATE resources SET main_tags = ? WHERE id = ?"


class Refreshing:
    """Brings resources in line with their files, in one transaction.

    What is to be written of series and instances waits for ``flush``: nothing here reads it.
    """

    def __init__(self, db: Database, signatures: Mapping[Level, str]) -> None:
        self._db = db
        self._signatures = signatures
        self._waiting: dict[str, list[tuple[Any, ...]]] = {}

    def refresh(
        self, level: Level, number: int, summary: Summary, *, written: Row | None = None
    ) -> None:
        """Write a resource's main tags, its searched columns and what of its metadata follows.

        What users wrote, how the resource came here and when stays as it is. Where all is as it
        should be, nothing is written. ``written`` are its columns ``WRITTEN_AT``, if known.

        Raises:
            BadParameter: something cannot be kept as it is; nothing was written.
        """
        row = written or self._db.one(FIND_WRITTEN[level], (number,))
        kept = unpack_entries(row[1] if row else "{}")
        columns = searched(summary, level)
        if level is Level.STUDY:
            columns += searched(summary, Level.PATIENT)
        if level is Level.INSTANCE:
            columns.append(place_of(summary))
        signature = self._signatures.get(level)
        tags = pack_main_tags(summary, level)
        texts = (tags, pack_metadata(metadata.recomputed(kept, level, summary, signature)))
        if row is None or list(row[2:]) != columns:
            self._write(level, REFRESH[level], (*texts, *columns, number))
        elif row[:2] != texts:
            self._write(level, REFRESH_TEXTS, (*texts, number))
        if level is Level.PATIENT:
            _complete_copies(self._db, number, summary, kept)

    def _write(self, level: Level, sql: str, values: tuple[Any, ...]) -> None:
        if level in (Level.SERIES, Level.INSTANCE):
            self._waiting.setdefault(sql, []).append(values)
        else:
            self._db.execute_many(sql, [values])

    def flush(self) -> None:
        """Write what waits."""
        waiting, self._waiting = self._waiting, {}
        for sql, rows in waiting.items():
            self._db.execute_many(sql, rows)


def refresh(
    db: Database,
    level: Level,
    number: int,
    summary: Summary,
    signatures: Mapping[Level, str],
) -> None:
    """Refresh one resource at once; see ``Refreshing.refresh``."""
    refreshing = Refreshing(db, signatures)
    refreshing.refresh(level, number, summary)
    refreshing.flush()


def refresh_copy(db: Database, study: int, summary: Summary) -> None:
    """Write what a study keeps of its patient."""
    row = db.one(FIND_TAGS, (study,)) or ("{}",)
    tags, _ = unpack_both_tags(row[0])
    packed = pack_tags(tags, summary.main_tags.get(Level.PATIENT, {}))
    db.execute(REFRESH_COPY, (packed, *searched(summary, Level.PATIENT), study))


def _complete_copies(
    db: Database, patient: int, summary: Summary, before: Mapping[str, tuple[str, int]]
) -> None:
    """Give the studies the patient's tags that were not kept when they came.

    Their own files may say otherwise, but only those of a study that is refreshed are read.
    """
    entry = before.get(str(int(Metadata.MAIN_DICOM_TAGS_SIGNATURE)))
    signature = entry[0] if entry else None
    tags = summary.main_tags.get(Level.PATIENT, {})
    new = {tag: value for tag, value in tags.items() if lacks(signature, Level.PATIENT, tag)}
    if not new:
        return
    for study, packed in db.all(FIND_COPIES, (patient,)):
        own, of_patient = unpack_both_tags(packed)
        if of_patient is not None:
            db.execute(SET_TAGS, (pack_tags(own, {**new, **of_patient}), study))


def place_of(summary: Summary) -> int | None:
    """The IndexInSeries, if a column can hold it."""
    place = summary.index_in_series
    return None if place is None or abs(place) > LARGEST else place
