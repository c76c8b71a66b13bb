"""What the changes of one group add up to.

Every instance changes the counters, sizes and dates of its series, study and patient, and those
of the whole archive. Within a group they are added up here and written once, by ``flush``: at the
end of the group, and before any change that reads them. Rows that nobody reads within a group
wait here as well, to be written in one go.
"""

from repertory.errors import IndexFailed
from repertory.model import Attachment, ChangeType
from repertory.storage.index.database import Database, Question
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    LARGEST,
    AttachmentRow,
    pack_attachment,
)

INSERT_ATTACHMENT = (
    f"INSERT INTO attachments (resource, {ATTACHMENT_COLUMNS})"  # noqa: S608 - a constant
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_CHANGE = "INSERT INTO changes (seq, type, resource, date) VALUES (?, ?, ?, ?)"
INSERT_RELEASED = (
    "INSERT INTO released (uuid, content_type, size, released_at, location) VALUES (?, ?, ?, ?, ?)"
)
COUNT_FILES = "UPDATE places SET files = files + ?, size = size + ? WHERE number = ?"
COUNT_RELEASED = (
    "UPDATE totals SET released_files = released_files + ?, released_size = released_size + ?"
)
INSERT_TALLY = (
    "INSERT INTO tallies (studies, series, instances, disk_size, uncompressed_size,"
    " dicom_disk_size, dicom_uncompressed_size, last_update, activity, stable_age, unstable_at,"
    " resource) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
UPDATE_TALLY = (
    "UPDATE tallies SET studies = studies + ?, series = series + ?, instances = instances + ?,"
    " disk_size = disk_size + ?, uncompressed_size = uncompressed_size + ?,"
    " dicom_disk_size = dicom_disk_size + ?,"
    " dicom_uncompressed_size = dicom_uncompressed_size + ?,"
    " last_update = ?, activity = ?,"
    " stable_age = CASE WHEN unstable_at IS NULL OR stable_age < ? THEN ? ELSE stable_age END,"
    " unstable_at = ? WHERE resource = ?"
)
READ_NUMBERS = "SELECT last_parent, last_instance, last_change, last_shown FROM totals"
READ_KEPT = "SELECT MIN(seq) FROM kept_changes"
READ_TARGETS = "SELECT name, position FROM targets WHERE is_enabled = 1"
READ_HELD = "SELECT name, held FROM nodes WHERE held IS NOT NULL"
SHARED = (READ_TARGETS, READ_HELD)
UPDATE_TOTALS = (
    "UPDATE totals SET patients = patients + ?, studies = studies + ?, series = series + ?,"
    " instances = instances + ?, disk_size = disk_size + ?,"
    " uncompressed_size = uncompressed_size + ?,"
    " last_parent = ?, last_instance = ?, last_change = ?, last_shown = ?"
)


class Lineage:
    """A series and its parents, by their numbers.

    ``expected`` is the series' ExpectedNumberOfInstances. ``places`` are the IndexInSeries of its
    instances, once they were asked for, and ``flawed`` tells whether two have the same.
    ``fresh`` is a series that was made just now, for the instance that comes next.
    """

    __slots__ = ("expected", "flawed", "fresh", "patient", "places", "series", "study")

    def __init__(
        self, patient: int, study: int, series: int, expected: int | None, *, fresh: bool
    ) -> None:
        self.patient = patient
        self.study = study
        self.series = series
        self.expected = expected
        self.fresh = fresh
        self.places: set[int] | None = None
        self.flawed = False


class News:
    """What came into one series during a group.

    ``at`` and ``quiet_since`` are when the last instance came: on the wall clock, and on the
    timeline of ``tallies.unstable_at``. ``age`` is the longest StableAge of those that came.
    """

    __slots__ = (
        "activity",
        "age",
        "at",
        "disk_size",
        "instances",
        "lineage",
        "new_patient",
        "new_series",
        "new_study",
        "quiet_since",
        "uncompressed_size",
    )

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage
        self.new_patient = False
        self.new_study = False
        self.new_series = False
        self.instances = 0
        self.disk_size = 0
        self.uncompressed_size = 0
        self.activity = 0
        self.age = 0.0
        self.at = 0.0
        self.quiet_since = 0.0


class Tally:
    """What a group changes of one row of ``tallies``."""

    __slots__ = (
        "activity",
        "age",
        "at",
        "disk_size",
        "instances",
        "new",
        "quiet_since",
        "series",
        "studies",
        "uncompressed_size",
    )

    def __init__(self) -> None:
        self.new = False
        self.studies = 0
        self.series = 0
        self.instances = 0
        self.disk_size = 0
        self.uncompressed_size = 0
        self.activity = 0
        self.age = 0.0
        self.at = 0.0
        self.quiet_since = 0.0

    def add(self, news: News, *, new: bool) -> None:
        """Add what came into a series that is this resource or lies below it."""
        self.new |= new
        self.instances += news.instances
        self.disk_size += news.disk_size
        self.uncompressed_size += news.uncompressed_size
        self.age = max(self.age, news.age)
        if news.activity > self.activity:
            self.activity = news.activity
            self.at = news.at
            self.quiet_since = news.quiet_since

    def values(self, resource: int) -> tuple[int | float, ...]:
        """The values of ``INSERT_TALLY``, and of ``UPDATE_TALLY``, which compares the age first."""
        age = (self.age,) if self.new else (self.age, self.age)
        return (
            self.studies,
            self.series,
            self.instances,
            self.disk_size,
            self.uncompressed_size,
            # What is recorded is the DICOM file; other attachments come by other ways.
            self.disk_size,
            self.uncompressed_size,
            self.at,
            self.activity,
            *age,
            self.quiet_since,
            resource,
        )


class Group:
    """The changes of one transaction, and the last numbers that were given.

    ``now`` is when it began, in seconds since the epoch; 0 where nobody told.
    ``writing`` is set by an operation before its first write: from there on, an error of any
    kind leaves traces that only a rollback removes.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self.now = 0.0
        self.writing = False
        self.last_parent = 0
        self.last_instance = 0
        self.last_change = 0
        self.last_shown = 0
        self.holds: dict[str, int] = {}
        """Who reads the log, and up to where each has read it (``following.py``)."""
        self.node = ""
        """The name of this node, where several share the index."""
        self.oldest_kept: int | None = None
        self._targets: dict[str, int] = dict(db.all(READ_TARGETS))
        self.holds.update(self._targets)
        self._held_elsewhere = LARGEST
        self._held_told: int | None = None
        self.forget()

    def forget(self) -> None:
        """Drop what was added up, and read again which numbers were given."""
        self._attachments: list[tuple[int, *AttachmentRow]] = []
        self._changes: list[tuple[int, int, int, int]] = []
        self._news: dict[int, News] = {}
        self._places: dict[int, list[int]] = {}
        self.writing = False
        asked = (READ_NUMBERS, READ_KEPT, *(SHARED if self.node else ()))
        totals, kept, *shared = self._db.gather([Question(sql) for sql in asked])
        if not totals:
            raise IndexFailed("The index is damaged: it has lost its totals.")
        self.last_parent, self.last_instance, self.last_change, self.last_shown = totals[0]
        self._flushed_change = self.last_change
        self.oldest_kept = kept[0][0] if kept else None
        if shared:
            self._note_shared(dict(shared[0]), dict(shared[1]))

    def join(self, node: str) -> None:
        """Be one of several nodes that share the index from now on."""
        self.node = node
        targets, held = self._db.gather([Question(sql) for sql in SHARED])
        self._note_shared(dict(targets), dict(held))

    def _note_shared(self, targets: dict[str, int], held: dict[str, int]) -> None:
        """Take down who else needs the log, and since when."""
        for name in self._targets.keys() - targets.keys():
            self.holds.pop(name, None)
        self._targets = targets
        self.holds.update(targets)
        self._held_told = held.pop(self.node, None)
        self._held_elsewhere = min(held.values(), default=LARGEST)

    @property
    def floor(self) -> int:
        """The number up to which nobody needs the log any more, here or at another node."""
        return min(min(self.holds.values(), default=LARGEST), self._held_elsewhere)

    def held_here(self) -> int | None:
        """The number after which those need the log who read it in the memory of this node."""
        here = (place for name, place in self.holds.items() if name not in self._targets)
        return min(here, default=None)

    def tell_hold(self) -> None:
        """Let other nodes know at once if more of the log is needed here than they know."""
        held = self.held_here()
        if self.node and held is not None and (self._held_told or LARGEST) > held:
            self.writing = True
            self._db.execute("UPDATE nodes SET held = ? WHERE name = ?", (held, self.node))
            self._held_told = held

    def note_kept(self) -> None:
        """Find out whether anything that left the log is kept for those who read it."""
        row = self._db.one(READ_KEPT)
        self.oldest_kept = row[0] if row else None

    def attach(self, resource: int, attachment: AttachmentRow) -> None:
        """Give a new resource its attachment."""
        self._attachments.append((resource, *attachment))
        self.count_files(attachment[7], 1, attachment[4])

    def count_files(self, location: int, files: int, size: int) -> None:
        """Count files that came to a storage, or with negative numbers left it."""
        place = self._places.get(location)
        if place is None:
            self._places[location] = [files, size]
        else:
            place[0] += files
            place[1] += size

    def log(self, change: ChangeType, resource: int, now: float) -> None:
        """Log a change of a resource."""
        self.last_change += 1
        self.last_shown = self.last_change
        self._changes.append((self.last_change, change, resource, int(now)))

    def release(self, attachment: Attachment) -> None:
        """List a file that no resource owns."""
        row = pack_attachment(attachment)
        self.release_row(row[1], row[0], row[4], row[7])

    def release_row(self, uuid: bytes, content_type: int, size: int, location: int) -> None:
        """The same, of a file of which no more than this is known."""
        self.writing = True
        released = (uuid, content_type, size, self.now, location)
        self._db.execute_many(INSERT_RELEASED, [released])
        self._db.execute_many(COUNT_RELEASED, [(1, size)])

    def news_of(self, lineage: Lineage) -> News:
        """What came into a series during this group, to be added to."""
        news = self._news.get(lineage.series)
        if news is None:
            news = self._news[lineage.series] = News(lineage)
        return news

    def pending(self) -> tuple[int, int]:
        """Patients and bytes on disk that are not in ``totals`` yet."""
        news = self._news.values()
        return sum(one.new_patient for one in news), sum(one.disk_size for one in news)

    def settle(self) -> None:
        """Write everything that waits, for an operation that reads it and may still refuse.

        What is written is of changes that stand: to refuse leaves no trace of its own.
        """
        self.flush()
        self.writing = False

    def flush(self) -> None:
        """Write everything that waits."""
        self.flush_files()
        if self._changes:
            self._db.execute_many(INSERT_CHANGE, self._changes)
            self._changes = []
        if self._news or self._flushed_change != self.last_change:
            news = list(self._news.values())
            self._news = {}
            self._write_tallies(news)
            self._write_totals(news)
        if self._places:
            rows = [(files, size, place) for place, (files, size) in self._places.items()]
            self._db.execute_many(COUNT_FILES, rows)
            self._places = {}

    def flush_files(self) -> None:
        """Write the files that wait, for a change that reads them."""
        self.writing = True
        if self._attachments:
            self._db.execute_many(INSERT_ATTACHMENT, self._attachments)
            self._attachments = []

    def _write_tallies(self, all_news: list[News]) -> None:
        tallies: dict[int, Tally] = {}
        for news in all_news:
            lineage = news.lineage
            series = tallies.setdefault(lineage.series, Tally())
            study = tallies.setdefault(lineage.study, Tally())
            patient = tallies.setdefault(lineage.patient, Tally())
            series.add(news, new=news.new_series)
            study.add(news, new=news.new_study)
            patient.add(news, new=news.new_patient)
            study.series += news.new_series
            patient.series += news.new_series
            patient.studies += news.new_study
        new = [tally.values(number) for number, tally in tallies.items() if tally.new]
        old = [tally.values(number) for number, tally in tallies.items() if not tally.new]
        if new:
            self._db.execute_many(INSERT_TALLY, new)
        if old:
            self._db.execute_many(UPDATE_TALLY, old)

    def _write_totals(self, all_news: list[News]) -> None:
        totals = (
            sum(news.new_patient for news in all_news),
            sum(news.new_study for news in all_news),
            sum(news.new_series for news in all_news),
            sum(news.instances for news in all_news),
            sum(news.disk_size for news in all_news),
            sum(news.uncompressed_size for news in all_news),
            self.last_parent,
            self.last_instance,
            self.last_change,
            self.last_shown,
        )
        self._db.execute_many(UPDATE_TOTALS, [totals])
        self._flushed_change = self.last_change
