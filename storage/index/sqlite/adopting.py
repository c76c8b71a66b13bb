"""Making an index of ours from Orthanc's: statements that read the one and write the other.

Everything is moved by SQLite itself, a slice of numbers at a time; Python is only asked to
normalize identifiers. See ``schema.sql``, and Orthanc's PrepareDatabase.sql.
"""

import calendar
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from repertory.errors import CannotStart
from repertory.model import ChangeType, Level, Totals
from repertory.storage.index.normalization import SEARCHED, normalized
from repertory.storage.index.orthanc import OrthancIndex
from repertory.storage.index.packing import LARGEST
from repertory.storage.index.sqlite import adopting_statements as sql
from repertory.storage.index.sqlite.schema import prepare
from repertory.storage.main_tags import MAIN_DICOM_TAGS

FIRST_INSTANCE = 1 << 28
"""Instances are numbered from the number after this one on."""

PATIENT_ID = "0010,0020"
SLICE = 20_000
"""How many resources are moved at a time."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """The index that was made, and what did not add up in Orthanc's."""

    totals: Totals
    changes: int
    doubts: tuple[str, ...]


def make(source: OrthancIndex, path: Path, progress: Progress) -> Made:
    """Make our index at ``path``.

    Raises:
        CannotStart: Orthanc's index cannot be taken over, and why.
        apsw.Error: it cannot be read, or ours cannot be written.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    with closing(apsw.Connection(str(path), flags=flags)) as connection:
        connection.create_scalar_function("normalized", _normalized, 1, deterministic=True)
        connection.create_scalar_function("whole", _whole, 1, deterministic=True)
        connection.create_scalar_function("seconds", _seconds, 1, deterministic=True)
        # Nobody reads it before it is complete, and half of it is thrown away.
        connection.pragma("journal_mode", "OFF")
        connection.pragma("synchronous", "OFF")
        connection.pragma("cache_size", -262_144)
        connection.pragma("temp_store", "MEMORY")
        prepare(connection)
        connection.execute("ATTACH ? AS orthanc", (source.uri,))
        connection.execute("BEGIN")
        made = _Maker(connection, progress).make()
        connection.execute("COMMIT")
    return made


class _Maker:
    """Makes one index."""

    def __init__(self, connection: apsw.Connection, progress: Progress) -> None:
        self._db = connection
        self._progress = progress

    def make(self) -> Made:
        """Everything, in order: indexes last, for it is quicker to sort once."""
        db = self._db
        self._refuse_strangers()
        indexes = self._rows(
            "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        )
        for name, _ in indexes:
            db.execute(f"DROP INDEX main.{name}")
        db.execute(sql.NUMBER_THEM)
        for level in Level:
            self._move_resources(level)
        self._move_rest()
        self._progress("indexes", 0, len(indexes))
        for number, (_, statement) in enumerate(indexes, start=1):
            db.execute(statement)
            self._progress("indexes", number, len(indexes))
        self._add_up()
        return Made(
            Totals(*self._rows(sql.READ_TOTALS)[0]),
            self._one("SELECT COUNT(*) FROM changes"),
            tuple(self._doubts()),
        )

    def _rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(statement, values).fetchall()

    def _one(self, statement: str, *values: Any) -> int:
        return int(self._rows(statement, *values)[0][0])

    def _has(self, schema: str, table: str, column: str = "") -> bool:
        """Whether a table is there, with a column: both sides have grown over their versions."""
        rows = self._rows("SELECT lower(name) FROM pragma_table_info(?, ?)", table, schema)
        return bool(rows) and (not column or (column.lower(),) in rows)

    def _refuse_strangers(self) -> None:
        if self._has("orthanc", "AttachedFiles", "customData") and self._one(
            "SELECT COUNT(*) FROM orthanc.AttachedFiles WHERE length(customData) > 0"
        ):
            raise CannotStart(
                "Files of this Orthanc are kept by a storage plugin; they cannot be adopted."
            )
        if self._one("SELECT COUNT(*) FROM orthanc.AttachedFiles WHERE compressionType > 2"):
            raise CannotStart("Files of this Orthanc are compressed in a way that is not known.")

    def _move_resources(self, level: Level) -> None:
        db = self._db
        patient_tags = ", ".join(f"'{t}'" for t in MAIN_DICOM_TAGS.by_level[Level.PATIENT])
        wanted = dict(SEARCHED[level])
        own = ""
        values = [_searched_value(tag, "n.old") for tag in wanted]
        if level is Level.STUDY:
            above = SEARCHED[Level.PATIENT]
            values += [_searched_value(tag, "n.parent") for tag in above]
            wanted.update(above)
            own = sql.OWN_TAGS_OF_STUDY.format(patient_tags=patient_tags)
        own = (
            sql.OWN_TAGS_OF_STUDY.format(patient_tags=patient_tags) if level is Level.STUDY else ""
        )
        statement = sql.RESOURCES.format(
            columns="".join(f", {column}" for column in wanted.values()),
            own_tags=own,
            revision="revision" if self._has("orthanc", "Metadata", "revision") else "0",
            values="".join(values),
            level=int(level),
        )
        total = self._one("SELECT COUNT(*) FROM numbers WHERE level = ?", int(level))
        bounds = [
            row[0]
            for row in self._rows(
                "SELECT old FROM (SELECT old, row_number() OVER (ORDER BY old) AS n FROM numbers"
                " WHERE level = ?) WHERE n % ? = 0 OR n = ? ORDER BY old",
                int(level),
                SLICE,
                total,
            )
        ]
        done, last = 0, 0
        for bound in bounds:
            db.execute(statement, (last, bound))
            done += db.changes()
            last = bound
            self._progress(level.plural, done, total)

    def _move_rest(self) -> None:
        db = self._db
        has_revisions = self._has("orthanc", "AttachedFiles", "revision")
        self._step(
            "attachments", sql.ATTACHMENTS.format(revision="revision" if has_revisions else "0")
        )
        db.execute(sql.PROPERTIES)
        if self._has("orthanc", "Labels"):
            self._step("labels", sql.LABELS)
        known = ", ".join(str(int(kind)) for kind in ChangeType if kind < ChangeType.DELETED)
        self._step("changes", sql.CHANGES.format(types=known))
        if self._has("orthanc", "ExportedResources"):
            self._step("exports", sql.EXPORTS)
            db.execute(
                "INSERT INTO main.sqlite_sequence (name, seq) SELECT 'exports', seq"
                " FROM orthanc.sqlite_sequence WHERE name = 'ExportedResources' AND NOT EXISTS"
                " (SELECT 1 FROM main.sqlite_sequence WHERE name = 'exports')"
            )
            db.execute(
                "UPDATE main.sqlite_sequence SET seq = max(seq, ifnull((SELECT seq"
                " FROM orthanc.sqlite_sequence WHERE name = 'ExportedResources'), 0))"
                " WHERE name = 'exports'"
            )

    def _step(self, what: str, statement: str) -> None:
        self._progress(what, 0, 0)
        self._db.execute(statement)
        done = self._db.changes()
        self._progress(what, done, done)

    def _add_up(self) -> None:
        db = self._db
        db.execute(sql.OWN_SIZES)
        now = int(time.time())
        below = sql.BELOW_SERIES
        for level, studies, series in (
            (Level.SERIES, "0", "COUNT(*)"),
            (Level.STUDY, "COUNT(*)", "SUM(t.series)"),
            (Level.PATIENT, "", ""),
        ):
            db.execute(sql.TALLIES.format(below=below, level=int(level)), (now,))
            below = sql.BELOW.format(studies=studies, series=series, level=int(level))
        db.execute(sql.ARRIVALS)
        db.execute(sql.TOTALS)
        self._keep_recycling_order()

    def _keep_recycling_order(self) -> None:
        """Give each patient a place after the one before it in Orthanc's order."""
        place = 0
        moved = []
        for patient, activity in self._rows(sql.RECYCLING_ORDER):
            if activity > place:
                place = activity
            else:
                place += 1
                moved.append((place, patient))
        self._db.executemany("UPDATE tallies SET unprotected_at = ? WHERE resource = ?", moved)
        self._db.execute("UPDATE totals SET last_instance = max(last_instance, ?)", (place,))

    def _doubts(self) -> list[str]:
        """What does not add up: between their numbers and ours, and within theirs."""
        doubts = []
        for level in Level:
            theirs = self._one(
                "SELECT COUNT(*) FROM orthanc.Resources WHERE resourceType = ?", int(level)
            )
            ours = self._one("SELECT COUNT(*) FROM resources WHERE level = ?", int(level))
            if theirs != ours:
                doubts.append(f"Orthanc has {theirs} {level.plural}, and {ours} were adopted.")
        empty = self._one(
            "SELECT COUNT(*) FROM resources WHERE level < 4"
            " AND NOT EXISTS (SELECT 1 FROM tallies WHERE resource = resources.id)"
        )
        if empty:
            raise CannotStart(
                f"Orthanc's index is damaged: {empty} patients, studies or series are empty."
            )
        if self._one(
            "SELECT COUNT(*) FROM resources AS r LEFT JOIN resources AS p ON p.id = r.parent"
            " WHERE r.level > 1 AND (p.id IS NULL OR p.level <> r.level - 1)"
        ):
            raise CannotStart("Orthanc's index is damaged: resources have lost their parents.")
        lost = self._one(
            "SELECT COUNT(*) FROM resources WHERE level = 4 AND NOT EXISTS (SELECT 1"
            " FROM attachments WHERE resource = resources.id AND content_type = 1)"
        )
        if lost:
            doubts.append(f"{lost} instances have no DICOM file in Orthanc's index.")
        if self._has("orthanc", "GlobalIntegers"):
            for key, word in ((0, "disk_size"), (1, "uncompressed_size")):
                rows = self._rows("SELECT value FROM orthanc.GlobalIntegers WHERE key = ?", key)
                ours = self._one(f"SELECT {word} FROM totals")  # noqa: S608 - our own names
                if rows and rows[0][0] != ours:
                    doubts.append(
                        f"Orthanc counts {rows[0][0]} bytes ({word}), its files have {ours}."
                    )
        return doubts


def _searched_value(tag: str, owner: str) -> str:
    group, element = (int(part, 16) for part in tag.split(","))
    default = ", ''" if tag == PATIENT_ID else ""
    return sql.SEARCHED_VALUE.format(owner=owner, group=group, element=element, default=default)


def _normalized(*values: Any) -> str | None:
    """An identifier as it is searched; SQLite calls it."""
    return None if values[0] is None else normalized(values[0])


def _whole(*values: Any) -> int | None:
    """The number that a text is, if a column can hold it; SQLite calls it."""
    try:
        number = int(values[0])
    except (TypeError, ValueError):
        return None
    return number if abs(number) <= LARGEST else None


def _seconds(*values: Any) -> int:
    """The time of Orthanc's way to write it, since the epoch; 0 for what is none."""
    try:
        return calendar.timegm(time.strptime(values[0][:15], "%Y%m%dT%H%M%S"))
    except (TypeError, ValueError):
        return 0
