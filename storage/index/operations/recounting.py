"""Counting anew what the index keeps as counters, and correcting what is wrong."""

from collections import defaultdict
from collections.abc import Sequence

from repertory.integrity import Recount, WrongCounter
from repertory.model import Level
from repertory.storage.index.database import Database
from repertory.storage.index.operations.group import Group
from repertory.storage.index.operations.placing import recount_places
from repertory.storage.index.packing import unpack_id

COUNTERS = (
    "studies",
    "series",
    "instances",
    "disk_size",
    "uncompressed_size",
    "dicom_disk_size",
    "dicom_uncompressed_size",
)
"""The columns of ``tallies`` that count, in the order in which rows are compared here."""

TOTALS = (
    "patients",
    "studies",
    "series",
    "instances",
    "disk_size",
    "uncompressed_size",
    "released_files",
    "released_size",
    "trashed_files",
    "trashed_size",
)

PLACES = "places."
"""What the names of the counters of storages begin with; their number follows."""

_KEPT = f"SELECT resource, {', '.join(COUNTERS)} FROM tallies WHERE "  # noqa: S608 - constants
_SIZES = (
    "SELECT resource, SUM(compressed_size), SUM(uncompressed_size),"
    " SUM(CASE WHEN content_type = 1 THEN compressed_size ELSE 0 END),"
    " SUM(CASE WHEN content_type = 1 THEN uncompressed_size ELSE 0 END)"
    " FROM attachments WHERE {} GROUP BY resource"
)
_INSTANCES = (
    "SELECT resources.parent, COUNT(DISTINCT resources.id),"
    " COALESCE(SUM(attachments.compressed_size), 0),"
    " COALESCE(SUM(attachments.uncompressed_size), 0),"
    " COALESCE(SUM(CASE WHEN content_type = 1 THEN attachments.compressed_size END), 0),"
    " COALESCE(SUM(CASE WHEN content_type = 1 THEN attachments.uncompressed_size END), 0)"
    " FROM resources LEFT JOIN attachments ON attachments.resource = resources.id"
    " WHERE {} GROUP BY resources.parent"
)
_SET_TALLY = (
    "INSERT INTO tallies (studies, series, instances, disk_size, uncompressed_size,"  # noqa: S608
    " dicom_disk_size, dicom_uncompressed_size, last_update, activity, unstable_at, resource)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, NULL, ?) ON CONFLICT (resource) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in COUNTERS)
)


class Family:
    """Some patients with their studies and series, and what all of these should count."""

    def __init__(self, db: Database, patients: Sequence[int]) -> None:
        self.levels: dict[int, tuple[Level, bytes]] = {}
        self.counted: dict[int, list[int]] = {}
        self.top: dict[int, int] = {}
        self._db = db
        self._parents: dict[int, int] = {}
        condition, value = db.among("id", patients)
        rows = db.all(f"SELECT id, public_id FROM resources WHERE {condition}", (value,))  # noqa: S608
        for number, digest in rows:
            self._add(Level.PATIENT, number, digest, None)
        studies = self._add_children(Level.STUDY, [row[0] for row in rows])
        series = self._add_children(Level.SERIES, studies)
        self._add_own_sizes()
        self._add_instances(series)
        for number in series:
            self._pass_on(number, 1)
        for number in studies:
            self._pass_on(number, 0)

    def wrong(self) -> dict[int, list[tuple[str, int, int]]]:
        """By number, the counters that are wrong: name, kept and counted."""
        condition, value = self._db.among("resource", list(self.counted))
        kept = {row[0]: row[1:] for row in self._db.all(_KEPT + condition, (value,))}
        nothing = (0,) * len(COUNTERS)
        wrong: dict[int, list[tuple[str, int, int]]] = {}
        for number, counted in self.counted.items():
            row = kept.get(number, nothing)
            if number not in kept or list(row) != counted:
                wrong[number] = [
                    (name, old, new)
                    for name, old, new in zip(COUNTERS, row, counted, strict=True)
                    if old != new
                ]
        return wrong

    def _add(self, level: Level, number: int, digest: bytes, parent: int | None) -> None:
        self.levels[number] = (level, digest)
        self.counted[number] = [0] * len(COUNTERS)
        self.top[number] = number if parent is None else self.top[parent]
        if parent is not None:
            self._parents[number] = parent

    def _add_children(self, level: Level, parents: Sequence[int]) -> list[int]:
        condition, value = self._db.among("parent", parents)
        rows = self._db.all(
            f"SELECT id, public_id, parent FROM resources WHERE {condition}",  # noqa: S608
            (value,),
        )
        for number, digest, parent in rows:
            self._add(level, number, digest, parent)
        return [row[0] for row in rows]

    def _add_own_sizes(self) -> None:
        condition, value = self._db.among("resource", list(self.counted))
        for number, *sizes in self._db.all(_SIZES.format(condition), (value,)):
            self.counted[number][3:] = sizes

    def _add_instances(self, series: Sequence[int]) -> None:
        condition, value = self._db.among("resources.parent", series)
        for number, *numbers in self._db.all(_INSTANCES.format(condition), (value,)):
            counted = self.counted[number]
            for place, amount in enumerate(numbers, 2):
                counted[place] += amount

    def _pass_on(self, number: int, place: int) -> None:
        """Add what a resource counts, and the resource itself, to its parent."""
        parent = self.counted[self._parents[number]]
        for other, amount in enumerate(self.counted[number]):
            parent[other] += amount
        parent[place] += 1


def recount_tallies(db: Database, after: int, limit: int) -> Recount:
    """Count some patients anew, after the one with number ``after``."""
    rows = db.all(
        "SELECT id FROM resources WHERE level = 1 AND id > ? ORDER BY id LIMIT ?", (after, limit)
    )
    if not rows:
        return Recount(None, (), ())
    family = Family(db, [row[0] for row in rows])
    counters: list[WrongCounter] = []
    patients: dict[int, None] = defaultdict()
    for number, wrong in family.wrong().items():
        level, digest = family.levels[number]
        patients[family.top[number]] = None
        counters += [WrongCounter(level, unpack_id(digest), *values) for values in wrong]
    return Recount(rows[-1][0], tuple(counters), tuple(patients))


def correct_tallies(db: Database, group: Group, patients: Sequence[int]) -> int:
    """Correct the counters of patients and all below them; how many were wrong."""
    group.flush()
    family = Family(db, patients)
    corrected = 0
    for number, wrong in family.wrong().items():
        db.execute(_SET_TALLY, (*family.counted[number], number))
        corrected += len(wrong)
    return corrected


def recount_totals(db: Database) -> tuple[WrongCounter, ...]:
    """The counters of the whole archive that are wrong."""
    kept = db.one(f"SELECT {', '.join(TOTALS)} FROM totals") or (0,) * len(TOTALS)  # noqa: S608
    levels: dict[int, int] = dict(db.all("SELECT level, COUNT(*) FROM resources GROUP BY level"))
    sizes = db.one(
        "SELECT COALESCE(SUM(compressed_size), 0), COALESCE(SUM(uncompressed_size), 0)"
        " FROM attachments"
    ) or (0, 0)
    waiting = db.one("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM released") or (0, 0)
    trashed = db.one(
        "SELECT COUNT(*), COALESCE(SUM(compressed_size), 0) FROM trashed_attachments"
    ) or (0, 0)
    counted = (*(levels.get(int(level), 0) for level in Level), *sizes, *waiting, *trashed)
    wrong = [
        WrongCounter(None, None, name, old, new)
        for name, old, new in zip(TOTALS, kept, counted, strict=True)
        if old != new
    ]
    places = (
        WrongCounter(None, None, f"{PLACES}{number}.{name}", old, new)
        for number, name, old, new in recount_places(db)
    )
    return (*wrong, *places)


def correct_totals(db: Database, group: Group) -> int:
    """Correct the counters of the whole archive; how many were wrong."""
    group.flush()
    wrong = recount_totals(db)
    for counter in wrong:
        name = counter.counter
        if name.startswith(PLACES):
            number, name = name.removeprefix(PLACES).split(".")
            db.execute(
                f"UPDATE places SET {name} = ? WHERE number = ?",  # noqa: S608 - our own names
                (counter.counted, int(number)),
            )
        else:
            db.execute(f"UPDATE totals SET {name} = ?", (counter.counted,))  # noqa: S608
    return len(wrong)
