"""Bringing back what is in the trash.

What is there again wins: it keeps its file, its labels and what users wrote. What is missing comes
back under the numbers that it had, so that the order of arrival is what it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from repertory.errors import IndexFailed
from repertory.items import is_user_number
from repertory.model import ChangeType, ContentType, Level, ResourceIds, ResourceRef
from repertory.storage.index.database import Database, Row
from repertory.storage.index.operations import trashing
from repertory.storage.index.operations.group import COUNT_RELEASED, INSERT_RELEASED, Group
from repertory.storage.index.operations.recounting import correct_tallies
from repertory.storage.index.operations.recycling import Recycler
from repertory.storage.index.operations.signing import count_restored
from repertory.storage.index.packing import (
    ATTACHMENT_COLUMNS,
    pack_metadata,
    unpack_entries,
    unpack_id,
)
from repertory.storage.index.policy import StorePolicy
from repertory.trash import Arrival, RestoreReceipt

_COLUMNS = trashing.RESOURCE_COLUMNS.split(", ")
LIST_RESOURCES = (
    "SELECT trashed_resources.is_ancestor, resources.id, trashed_resources.last_update,"  # noqa: S608
    " trashed_resources.activity, trashed_resources.unstable_at, trashed_resources.stable_age,"
    f" trashed_resources.unprotected_at, {', '.join('trashed_resources.' + c for c in _COLUMNS)}"
    " FROM trashed_resources LEFT JOIN resources"
    " ON resources.public_id = trashed_resources.public_id"
    " AND resources.level = trashed_resources.level"
    " WHERE trash = ? ORDER BY trashed_resources.level, trashed_resources.id"
)
INSERT_RESOURCE = (
    f"INSERT INTO resources ({trashing.RESOURCE_COLUMNS})"  # noqa: S608
    f" VALUES ({', '.join('?' * len(_COLUMNS))})"
)
INSERT_TALLY = (
    "INSERT INTO tallies (resource, studies, series, instances, disk_size, uncompressed_size,"
    " dicom_disk_size, dicom_uncompressed_size, last_update, activity, unstable_at, stable_age,"
    " unprotected_at) VALUES (?, 0, 0, 0, 0, 0, 0, 0, ?, ?, ?, ?, ?)"
)
LIST_FILES = (
    f"SELECT resource, {ATTACHMENT_COLUMNS}, damage FROM trashed_attachments"  # noqa: S608
    " WHERE trash = ? ORDER BY resource, content_type"
)
INSERT_FILE = (
    f"INSERT INTO attachments (resource, {ATTACHMENT_COLUMNS})"  # noqa: S608
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
ADD_TO_TOTALS = (
    "UPDATE totals SET patients = patients + ?, studies = studies + ?, series = series + ?,"
    " instances = instances + ?, disk_size = disk_size + ?,"
    " uncompressed_size = uncompressed_size + ?"
)
_ARRIVALS = {
    Level.PATIENT: ChangeType.NEW_PATIENT,
    Level.STUDY: ChangeType.NEW_STUDY,
    Level.SERIES: ChangeType.NEW_SERIES,
    Level.INSTANCE: ChangeType.NEW_INSTANCE,
}


def restore(  # noqa: PLR0917 - the database, the group, then what is to be done
    db: Database,
    group: Group,
    recycler: Recycler,
    name: str,
    policy: StorePolicy,
    now: float,
) -> RestoreReceipt:
    """Bring back an entry of the trash.

    Raises:
        UnknownItem: there is no such entry; nothing was written.
        LimitReached: there is no room for another patient; nothing was written.
    """
    entry = trashing.find_entry(db, name)
    group.settle()
    resources = _resources(db, entry[0])
    if resources and resources[0].there is None:
        recycler.make_room(policy, 0, patient=None, now=now)
    group.writing = True
    return _Restoring(db, group, entry, resources, now).run()


@dataclass(frozen=True, slots=True)
class _Trashed:
    """A resource in the trash; ``there`` is the number of the same one in the index, if any."""

    is_ancestor: bool
    there: int | None
    tally: tuple[float | int | None, ...]
    columns: tuple[Any, ...]

    @property
    def number(self) -> int:
        return int(self.columns[0])

    @property
    def digest(self) -> bytes:
        return bytes(self.columns[1])

    @property
    def level(self) -> Level:
        return Level(self.columns[2])

    @property
    def parent(self) -> int | None:
        return None if self.columns[3] is None else int(self.columns[3])


def _resources(db: Database, entry: int) -> list[_Trashed]:
    return [
        _Trashed(bool(row[0]), row[1], row[2:7], row[7:])
        for row in db.all(LIST_RESOURCES, (entry,))
    ]


class _Restoring:
    """One entry on its way back. ``places`` are the numbers of its resources, by their old ones."""

    def __init__(
        self, db: Database, group: Group, entry: Row, resources: Sequence[_Trashed], now: float
    ) -> None:
        self._db = db
        self._group = group
        self._entry = entry
        self._resources = resources
        self._now = now
        self._places: dict[int, int] = {}
        self._back: list[_Trashed] = []
        self._disk = self._plain = 0

    def run(self) -> RestoreReceipt:
        number, level, digest = self._entry[:3]
        files, size = self._entry[-2:]
        for resource in self._resources:
            self._put_back(resource)
        self._put_back_files(number)
        self._put_back_labels(number)
        self._log()
        self._count()
        trashing.forget(self._db, number, files, size)
        kept = sum(it.level is Level.INSTANCE and it.there is not None for it in self._resources)
        return RestoreReceipt(
            resource=ResourceRef(Level(level), unpack_id(digest)),
            restored=sum(it.level is Level.INSTANCE for it in self._back),
            kept=kept,
            arrivals=self._arrivals(),
        )

    def _put_back(self, it: _Trashed) -> None:
        if it.there is not None:
            self._places[it.number] = it.there
            if not it.is_ancestor:
                self._complete(it.there, it)
            return
        parent = None if it.parent is None else self._places.get(it.parent)
        if parent is None and it.level is not Level.PATIENT:
            raise IndexFailed("The index is damaged: a resource in the trash has lost its parent.")
        self._places[it.number] = it.number
        self._back.append(it)
        self._db.execute(INSERT_RESOURCE, (*it.columns[:3], parent, *it.columns[4:]))
        count_restored(self._db, it.level, unpack_entries(it.columns[-1]))
        if it.level is not Level.INSTANCE:
            last_update, activity, unstable_at, stable_age, unprotected_at = it.tally
            since = None if unstable_at is None else self._now
            self._db.execute(
                INSERT_TALLY,
                (
                    it.number,
                    last_update or 0.0,
                    activity or 0,
                    since,
                    stable_age or 0.0,
                    unprotected_at or 0,
                ),
            )

    def _complete(self, number: int, it: _Trashed) -> None:
        """Give what is there again the users' metadata that it lacks, and its protection."""
        row = self._db.one("SELECT metadata FROM resources WHERE id = ?", (number,))
        here = unpack_entries(row[0]) if row else {}
        lost = {
            name: entry
            for name, entry in unpack_entries(it.columns[-1]).items()
            if name not in here and is_user_number(int(name))
        }
        self._db.execute(
            "UPDATE resources SET metadata = ?,"
            " is_protected = CASE WHEN is_protected > ? THEN is_protected ELSE ? END WHERE id = ?",
            (pack_metadata({**here, **lost}), it.columns[4], it.columns[4], number),
        )

    def _put_back_files(self, entry: int) -> None:
        back = {it.number for it in self._back}
        taken: dict[int, set[int]] = {}
        for resource, *file, damage in self._db.all(LIST_FILES, (entry,)):
            number, content_type = self._places[resource], file[0]
            if resource not in back:
                if number not in taken:
                    rows = self._db.all(
                        "SELECT content_type FROM attachments WHERE resource = ?", (number,)
                    )
                    taken[number] = {row[0] for row in rows}
                # What belongs to a DICOM file does not belong to another one.
                belongs = is_user_number(content_type) or ContentType.DICOM not in taken[number]
                if content_type in taken[number] or not belongs:
                    self._release(file)
                    continue
            self._db.execute(INSERT_FILE, (number, *file))
            if damage is not None:
                self._db.execute(
                    "INSERT INTO damaged (resource, content_type, damage) VALUES (?, ?, ?)",
                    (number, content_type, damage),
                )
            self._group.count_files(file[7], 1, file[4])
            self._disk += file[4]
            self._plain += file[2]

    def _release(self, file: Sequence[Any]) -> None:
        self._db.execute(INSERT_RELEASED, (file[1], file[0], file[4], self._now, file[7]))
        self._db.execute(COUNT_RELEASED, (1, file[4]))

    def _put_back_labels(self, entry: int) -> None:
        copied = {it.number for it in self._resources if it.is_ancestor and it.there is not None}
        self._db.execute_many(
            "INSERT INTO labels (resource, label) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [
                (self._places[resource], label)
                for resource, label in self._db.all(
                    "SELECT resource, label FROM trashed_labels WHERE trash = ?", (entry,)
                )
                if resource not in copied
            ],
        )

    def _log(self) -> None:
        for it in sorted(self._back, key=lambda it: (-it.level, it.number)):
            self._group.log(_ARRIVALS[it.level], it.number, self._now)

    def _count(self) -> None:
        counts = [sum(it.level is level for it in self._back) for level in Level]
        self._db.execute(ADD_TO_TOTALS, (*counts, self._disk, self._plain))
        patients = [self._places[it.number] for it in self._resources if it.level is Level.PATIENT]
        correct_tallies(self._db, self._group, patients)
        if self._back:
            above = [it.there for it in self._resources if it.there is not None]
            condition, value = self._db.among("resource", above)
            self._db.execute(
                f"UPDATE tallies SET last_update = ? WHERE {condition}",  # noqa: S608 - our own names
                (self._now, value),
            )

    def _arrivals(self) -> tuple[Arrival, ...]:
        """An instance of each series that was not stable."""
        by_number = {it.number: it for it in self._resources}
        found: dict[int, Arrival] = {}
        for it in self._back:
            series = by_number.get(it.parent or 0)
            if it.level is not Level.INSTANCE or series is None or series.number in found:
                continue
            _, activity, unstable_at, *_ = series.tally
            if series.there is not None or unstable_at is None:
                continue
            study = by_number[series.parent or 0]
            patient = by_number[study.parent or 0]
            ids = [unpack_id(one.digest) for one in (patient, study, series, it)]
            found[series.number] = Arrival(ids=ResourceIds(*ids), activity=int(activity or 0))
        return tuple(sorted(found.values(), key=lambda arrival: arrival.activity))
