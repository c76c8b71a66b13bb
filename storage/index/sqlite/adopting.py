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

import apsw

from repertory.errors import CannotStart
from repertory.model import ChangeType, Level, Totals
from repertory.storage.index.normalization import SEARCHED, normalized
from repertory.storage.index.orthanc import OrthancIndex
from repertory.storage.index.packing import LARGEST
from repertory.storage.index.sqlite.schema import prepare
from repertory.storage.main_tags import MAIN_DICOM_TAGS

FIRST_INSTANCE = 1 << 28
"""Instances are numbered from the number after this one on."""

PATIENT_ID = "0010,0020"
SLICE = 20_000
"""How many resources are moved at a time."""

SAMPLE_FILES = (
    "SELECT lower(substr(h, 1, 8) || '-' || substr(h, 9, 4) || '-' || substr(h, 13, 4) || '-'"
    " || substr(h, 17, 4) || '-' || substr(h, 21)), compressed_size FROM"
    " (SELECT hex(uuid) AS h, compressed_size, row_number() OVER () AS n FROM attachments)"
    " WHERE (n - 1) % ? = 0"
)

NUMBER_THEM = """
CREATE TEMP TABLE numbers (old INTEGER PRIMARY KEY, new INTEGER NOT NULL, level INTEGER NOT NULL,
    parent INTEGER);
INSERT INTO numbers SELECT internalId,
    row_number() OVER (PARTITION BY resourceType = 4 ORDER BY internalId)
    + CASE WHEN resourceType = 4 THEN 268435456 ELSE 0 END,
    resourceType, parentId FROM orthanc.Resources ORDER BY internalId;
"""

RESOURCES = """
INSERT INTO resources (id, public_id, level, parent, is_protected, index_in_series,
    main_tags, metadata{columns})
SELECT n.new, unhex(r.publicId, '-'), n.level, p.new,
    n.level = 1 AND NOT EXISTS
        (SELECT 1 FROM orthanc.PatientRecyclingOrder WHERE patientId = n.old),
    CASE WHEN n.level = 4 THEN
        (SELECT whole(value) FROM orthanc.Metadata WHERE id = n.old AND type = 1) END,
    (SELECT json_group_object(printf('%04x,%04x', tagGroup, tagElement), value
        ORDER BY tagGroup, tagElement)
     FROM orthanc.MainDicomTags AS t WHERE id = n.old AND value IS NOT NULL{own_tags}),
    (SELECT json_group_object(CAST(type AS TEXT), json_array(value, {revision}) ORDER BY type)
     FROM orthanc.Metadata WHERE id = n.old AND value IS NOT NULL AND (n.level = 4 OR type <> 7))
    {values}
FROM numbers AS n JOIN orthanc.Resources AS r ON r.internalId = n.old
LEFT JOIN numbers AS p ON p.old = n.parent
WHERE n.level = {level} AND n.old > ? AND n.old <= ? ORDER BY n.old
"""
# A study's rows repeat its patient's tags, and those of our own patients are not its own either.
OWN_TAGS_OF_STUDY = """
    AND NOT EXISTS (SELECT 1 FROM orthanc.MainDicomTags AS above WHERE above.id = n.parent
        AND above.tagGroup = t.tagGroup AND above.tagElement = t.tagElement)
    AND printf('%04x,%04x', tagGroup, tagElement) NOT IN ({patient_tags})"""
# What a file lacks, Orthanc may still have as an identifier (an empty PatientID).
SEARCHED_VALUE = """,
    normalized(coalesce((SELECT value FROM orthanc.MainDicomTags WHERE id = {owner}
        AND tagGroup = {group} AND tagElement = {element}),
      (SELECT value FROM orthanc.DicomIdentifiers WHERE id = {owner}
        AND tagGroup = {group} AND tagElement = {element}){default}))"""

ATTACHMENTS = """
INSERT INTO attachments (resource, content_type, uuid, uncompressed_size, uncompressed_md5,
    compressed_size, compressed_md5, compression, revision)
SELECT n.new, f.fileType, unhex(f.uuid, '-'), f.uncompressedSize,
    nullif(unhex(f.uncompressedMD5), x''), f.compressedSize, nullif(unhex(f.compressedMD5), x''),
    f.compressionType, {revision}
FROM numbers AS n JOIN orthanc.AttachedFiles AS f ON f.id = n.old ORDER BY n.new, f.fileType
"""
LABELS = """
INSERT INTO labels (resource, label)
SELECT n.new, l.label FROM orthanc.Labels AS l JOIN numbers AS n ON n.old = l.id ORDER BY 1, 2
"""
CHANGES = """
INSERT INTO changes (seq, type, resource, date)
SELECT c.seq, c.changeType, n.new, seconds(c.date)
FROM orthanc.Changes AS c JOIN numbers AS n ON n.old = c.internalId
WHERE c.changeType IN ({types}) ORDER BY c.seq
"""
EXPORTS = """
INSERT INTO exports (seq, level, public_id, remote, date, patient_id, study_uid, series_uid, sop_uid)
SELECT seq, resourceType, unhex(publicId, '-'), ifnull(remoteModality, ''), seconds(date),
    ifnull(patientId, ''), ifnull(studyInstanceUid, ''), ifnull(seriesInstanceUid, ''),
    ifnull(sopInstanceUid, '')
FROM orthanc.ExportedResources ORDER BY seq
"""

OWN_SIZES = """
CREATE TEMP TABLE sizes (resource INTEGER PRIMARY KEY, disk INTEGER, plain INTEGER,
    dicom_disk INTEGER, dicom_plain INTEGER);
INSERT INTO sizes SELECT resource, SUM(compressed_size), SUM(uncompressed_size),
    ifnull(SUM(compressed_size) FILTER (WHERE content_type = 1), 0),
    ifnull(SUM(uncompressed_size) FILTER (WHERE content_type = 1), 0)
FROM attachments GROUP BY resource;
CREATE TEMP TABLE updates (resource INTEGER PRIMARY KEY, at INTEGER);
INSERT INTO updates SELECT n.new, seconds(m.value) FROM orthanc.Metadata AS m
    JOIN numbers AS n ON n.old = m.id WHERE m.type = 7 AND n.level < 4;
"""
# From the series up: each level adds up the one below it.
TALLIES = """
INSERT INTO tallies (resource, studies, series, instances, disk_size, uncompressed_size,
    dicom_disk_size, dicom_uncompressed_size, last_update, activity, unstable_at)
SELECT r.id, below.studies, below.series, below.instances, below.disk + ifnull(own.disk, 0),
    below.plain + ifnull(own.plain, 0), below.dicom_disk + ifnull(own.dicom_disk, 0),
    below.dicom_plain + ifnull(own.dicom_plain, 0), ifnull(updates.at, ?), below.activity, NULL
FROM resources AS r JOIN ({below}) AS below ON below.parent = r.id
LEFT JOIN sizes AS own ON own.resource = r.id
LEFT JOIN updates ON updates.resource = r.id
WHERE r.level = {level}
"""
BELOW_SERIES = """
SELECT i.parent AS parent, 0 AS studies, 0 AS series, COUNT(*) AS instances,
    ifnull(SUM(s.disk), 0) AS disk, ifnull(SUM(s.plain), 0) AS plain,
    ifnull(SUM(s.dicom_disk), 0) AS dicom_disk, ifnull(SUM(s.dicom_plain), 0) AS dicom_plain,
    MAX(i.id) AS activity
FROM resources AS i LEFT JOIN sizes AS s ON s.resource = i.id
WHERE i.level = 4 GROUP BY i.parent"""
BELOW = """
SELECT c.parent AS parent, {studies} AS studies, {series} AS series, SUM(t.instances) AS instances,
    SUM(t.disk_size) AS disk, SUM(t.uncompressed_size) AS plain,
    SUM(t.dicom_disk_size) AS dicom_disk, SUM(t.dicom_uncompressed_size) AS dicom_plain,
    MAX(t.activity) AS activity
FROM resources AS c JOIN tallies AS t ON t.resource = c.id
WHERE c.level = {level} GROUP BY c.parent"""

TOTALS = """
UPDATE totals SET
    patients = (SELECT COUNT(*) FROM resources WHERE level = 1),
    studies = (SELECT COUNT(*) FROM resources WHERE level = 2),
    series = (SELECT COUNT(*) FROM resources WHERE level = 3),
    instances = (SELECT COUNT(*) FROM resources WHERE level = 4),
    disk_size = (SELECT ifnull(SUM(compressed_size), 0) FROM attachments),
    uncompressed_size = (SELECT ifnull(SUM(uncompressed_size), 0) FROM attachments),
    last_parent = (SELECT ifnull(MAX(id), 0) FROM resources WHERE level < 4),
    last_instance = (SELECT ifnull(MAX(id), 268435456) FROM resources WHERE level = 4),
    last_change = max((SELECT ifnull(MAX(seq), 0) FROM orthanc.Changes),
        ifnull((SELECT seq FROM orthanc.sqlite_sequence WHERE name = 'Changes'), 0))
"""
READ_TOTALS = "SELECT patients, studies, series, instances, disk_size, uncompressed_size FROM totals"

RECYCLING_ORDER = """
SELECT n.new, t.activity FROM orthanc.PatientRecyclingOrder AS o
JOIN numbers AS n ON n.old = o.patientId JOIN tallies AS t ON t.resource = n.new ORDER BY o.seq
"""

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
        with connection:
            return _Maker(connection, progress).make()


class _Maker:
    """Makes one index."""

    def __init__(self, connection: apsw.Connection, progress: Progress) -> None:
        self._db = connection
        self._progress = progress

    def make(self) -> Made:
        """Everything, in order: indexes last, for it is quicker to sort once."""
        db = self._db
        self._refuse_strangers()
        indexes = db.execute(
            "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        for name, _ in indexes:
            db.execute(f"DROP INDEX main.{name}")
        db.execute(NUMBER_THEM)
        for level in Level:
            self._move_resources(level)
        self._move_rest()
        self._progress("indexes", 0, len(indexes))
        for number, (_, sql) in enumerate(indexes, start=1):
            db.execute(sql)
            self._progress("indexes", number, len(indexes))
        self._add_up()
        return Made(
            Totals(*db.execute(READ_TOTALS).fetchall()[0]),
            self._one("SELECT COUNT(*) FROM changes"),
            tuple(self._doubts()),
        )

    def _one(self, sql: str, *values: int) -> int:
        return int(self._db.execute(sql, values).fetchall()[0][0])

    def _has(self, schema: str, table: str, column: str = "") -> bool:
        """Whether a table is there, with a column: both sides have grown over their versions."""
        rows = self._db.execute(
            "SELECT lower(name) FROM pragma_table_info(?, ?)", (table, schema)
        ).fetchall()
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
        values = [_searched_value(tag, "n.old") for tag in wanted]
        if level is Level.STUDY:
            above = SEARCHED[Level.PATIENT]
            values += [_searched_value(tag, "n.parent") for tag in above]
            wanted.update(above)
        own = OWN_TAGS_OF_STUDY.format(patient_tags=patient_tags) if level is Level.STUDY else ""
        sql = RESOURCES.format(
            columns="".join(f", {column}" for column in wanted.values()),
            own_tags=own,
            revision="revision" if self._has("orthanc", "Metadata", "revision") else "0",
            values="".join(values),
            level=int(level),
        )
        total = self._one("SELECT COUNT(*) FROM numbers WHERE level = ?", int(level))
        bounds = [
            row[0]
            for row in db.execute(
                "SELECT old FROM (SELECT old, row_number() OVER (ORDER BY old) AS n FROM numbers"
                " WHERE level = ?) WHERE n % ? = 0 OR n = ? ORDER BY old",
                (int(level), SLICE, total),
            )
        ]
        done, last = 0, 0
        for bound in bounds:
            db.execute(sql, (last, bound))
            done += db.changes()
            last = bound
            self._progress(level.plural, done, total)

    def _move_rest(self) -> None:
        db = self._db
        has_revisions = self._has("orthanc", "AttachedFiles", "revision")
        self._step("attachments", ATTACHMENTS.format(revision="revision" if has_revisions else "0"))
        if self._has("orthanc", "Labels"):
            self._step("labels", LABELS)
        known = ", ".join(str(int(kind)) for kind in ChangeType if kind < ChangeType.DELETED)
        self._step("changes", CHANGES.format(types=known))
        if self._has("main", "exports") and self._has("orthanc", "ExportedResources"):
            self._step("exports", EXPORTS)
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

    def _step(self, what: str, sql: str) -> None:
        self._progress(what, 0, 0)
        self._db.execute(sql)
        done = self._db.changes()
        self._progress(what, done, done)

    def _add_up(self) -> None:
        db = self._db
        db.execute(OWN_SIZES)
        now = int(time.time())
        below = BELOW_SERIES
        for level, studies, series in (
            (Level.SERIES, "0", "COUNT(*)"),
            (Level.STUDY, "COUNT(*)", "SUM(t.series)"),
            (Level.PATIENT, "", ""),
        ):
            db.execute(TALLIES.format(below=below, level=int(level)), (now,))
            below = BELOW.format(studies=studies, series=series, level=int(level))
        db.execute(TOTALS)
        if self._has("main", "totals", "last_shown"):
            db.execute("UPDATE totals SET last_shown = last_change")
        if self._has("main", "tallies", "unprotected_at"):
            self._keep_recycling_order()

    def _keep_recycling_order(self) -> None:
        """Give each patient a place after the one before it in Orthanc's order."""
        place = 0
        moved = []
        for patient, activity in self._db.execute(RECYCLING_ORDER).fetchall():
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
                rows = self._db.execute(
                    "SELECT value FROM orthanc.GlobalIntegers WHERE key = ?", (key,)
                ).fetchall()
                ours = self._one(f"SELECT {word} FROM totals")
                if rows and rows[0][0] != ours:
                    doubts.append(
                        f"Orthanc counts {rows[0][0]} bytes ({word}), its files have {ours}."
                    )
        return doubts


def _searched_value(tag: str, owner: str) -> str:
    group, element = (int(part, 16) for part in tag.split(","))
    default = ", ''" if tag == PATIENT_ID else ""
    return SEARCHED_VALUE.format(owner=owner, group=group, element=element, default=default)


def _normalized(value: str | None) -> str | None:
    return None if value is None else normalized(value)


def _whole(text: str) -> int | None:
    """The number that a text is, if a column can hold it."""
    try:
        number = int(text)
    except (TypeError, ValueError):
        return None
    return number if abs(number) <= LARGEST else None


def _seconds(text: str) -> int:
    """Seconds since the epoch of Orthanc's way to write a date, UTC; 0 for what is none."""
    try:
        parts = time.strptime(text[:15], "%Y%m%dT%H%M%S")
    except (TypeError, ValueError):
        return 0
    return int(calendar.timegm(parts))
