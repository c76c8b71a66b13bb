"""An observer who looks into the index after each commit, and at each file that goes.

What it sees is checked at once, so that a run ends where something went wrong, not later.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from repertory.jobs import JobState
from repertory.model import ChangeType, Level, ResourceId
from repertory.storage.areas.objects import GATHERING
from repertory.storage.index.packing import pack_id, unpack_id, unpack_uuid
from repertory.testing.simulation.declarations import Declarations
from repertory.testing.simulation.tiers import BUCKET, FIRST, FOLDERS


class Violation(AssertionError):
    """An invariant does not hold."""

    def __init__(self, invariant: str, what: str) -> None:
        super().__init__(what)
        self.invariant = invariant


class Books:
    """What the index says of files and stability, now and before."""

    def __init__(self, defects: list[BaseException], *, stable_age: float) -> None:
        self._defects = defects
        self._stable_age = stable_age
        self._unstable_at: dict[int, float] = {}
        self._database: apsw.Connection | None = None
        self._files = Path()
        self._stable_at: dict[int, tuple[int, bool]] = {}
        self._last_change = 0
        self._removed: dict[str, str] = {}
        self.owned: frozenset[str] = frozenset()
        self.released: frozenset[str] = frozenset()
        self.trashed: frozenset[str] = frozenset()
        self.copies: frozenset[str] = frozenset()
        """Files that are on their way to another disk, or may be."""
        self._disks: dict[str, str] = {}
        self.ever: set[str] = set()
        self.orphans: set[str] = set()
        """Files that may lie there without a row: something ended, or failed, in between."""
        self.doubtful: set[str] = set()
        """Files that came to the object store, though the archive was told that they had not."""
        self.in_bucket: Callable[[], set[str]] = set
        """The files in the object store."""
        self.stable = 0
        self.held: frozenset[str] | None = None
        """While somebody copies: the files that must stay."""
        self.may_go: Callable[[], bool] = lambda: True
        """Whether what waits to be removed may be."""
        self.declared = Declarations()
        self.logged: dict[int, tuple[int, ResourceId]] = {}
        """The log of changes, deletions among them, by number."""
        self.due: set[int] = set()
        """What nobody outside has heard of yet."""
        self.is_refused: Callable[[int], bool] = lambda _: False
        self._last_logged = 0
        self._told: Counter[int] = Counter()

    def look_at(self, files: Path) -> None:
        """Look at the files of a process that begins."""
        self._files = files
        self._removed.clear()

    def open(self, database: Path) -> None:
        """Look at the index that a process has just opened."""
        self.close()
        self._database = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        self._read()
        self.ever |= self.owned | self.released | self.trashed | self.copies
        self._note_changes()

    @property
    def is_open(self) -> bool:
        """Whether there is an index to look into."""
        return self._database is not None

    def close(self) -> None:
        """Look no more."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def violate(self, invariant: str, what: str) -> Violation:
        """A violation, told at once: the archive would catch it with the other errors."""
        violation = Violation(invariant, what)
        self._defects.append(violation)
        return violation

    def _all(self, sql: str, *values: int) -> list[tuple[Any, ...]]:
        assert self._database is not None  # noqa: S101 - `open` comes first
        return self._database.execute(sql, values).fetchall()

    def _read(self) -> None:
        owned = self._all(
            "SELECT uuid, location FROM attachments"
            " UNION ALL SELECT uuid, location FROM job_outputs"
        )
        released = self._all("SELECT uuid, location FROM released")
        trashed = self._all("SELECT uuid, location FROM trashed_attachments")
        copies = self._all("SELECT uuid, location FROM copies")
        counted = Counter(uuid for uuid, _ in (*owned, *released, *trashed, *copies))
        again = [uuid for uuid, count in counted.items() if count > 1]
        if again:
            raise self.violate("one owner", f"{len(again)} files are in the books twice")
        self.owned, self.released, self.trashed, self.copies = (
            frozenset(unpack_uuid(uuid) for uuid, _ in rows)
            for rows in (owned, released, trashed, copies)
        )
        folders = {number: FOLDERS[name] for number, name in self._places()}
        self._disks = {unpack_uuid(uuid): folders[number] for uuid, number in (*owned, *trashed)}

    def _places(self) -> list[tuple[Any, ...]]:
        return [it for it in self._all("SELECT number, name FROM places") if it[1] in FOLDERS]

    def lies_at(self, uuid: str) -> list[str]:
        """The disks on which a file is in its place, the object store among them."""
        disks = [
            disk
            for disk in FOLDERS.values()
            if (self._files / disk / uuid[:2] / uuid[2:4] / uuid).exists()
        ]
        return [*disks, BUCKET] if uuid in self.in_bucket() else disks

    def disk_of(self, uuid: str) -> str:
        """The disk on which a file should be."""
        return self._disks[uuid]

    def note_commit(self) -> None:
        """Compare with the books before."""
        if self._database is None:
            return
        before = self.owned | self.released | self.trashed | self.copies
        disks = self._disks
        self._read()
        for uuid in sorted(self._disks):
            if disks.get(uuid) != (disk := self._disks[uuid]) and disk not in self.lies_at(uuid):
                raise self.violate("file before row", f"{uuid} was recorded, but is not there")
        for uuid in sorted(before - self.owned - self.released - self.trashed - self.copies):
            if self.lies_at(uuid):
                raise self.violate("removed before forgotten", f"{uuid} is in no book any more")
        self.ever |= self.owned | self.released | self.copies
        self._note_changes()

    def note_removal(self, uuid: str) -> None:
        """A file in its place is about to be removed."""
        if self._database is None:
            return
        if uuid in self.owned or uuid in self.trashed:
            raise self.violate("no other removed", f"{uuid} goes, but a resource owns it")
        if self._was_removed(uuid):
            raise self.violate("removed once", f"{uuid} is removed a second time")
        if self.held is not None and uuid in self.held:
            raise self.violate("held back", f"{uuid} goes while somebody copies it")
        if self.lies_at(uuid):
            if uuid in self.released and not self.may_go():
                raise self.violate("nothing goes in a pause", f"{uuid} goes all the same")
            self._removed[uuid] = self._remover()

    def _was_removed(self, uuid: str) -> bool:
        """Whether a file was removed already by somebody who should know."""
        return uuid in self._removed

    def _remover(self) -> str:
        """Who removes files."""
        return ""

    def note_failed_removal(self, uuid: str) -> None:
        """A file could not be removed; nobody tries again unless it was released."""
        if uuid not in self.released:
            self.orphans.add(uuid)

    def note_doubt(self, uuid: str) -> None:
        """A file came to the object store, and nobody knows."""
        self.orphans.add(uuid)
        self.doubtful.add(uuid)

    def check_doubts(self) -> None:
        """The process has begun anew: what nobody knew of is found, and gone."""
        unowned = self.doubtful - self.owned - self.trashed
        if left := sorted(unowned & self.in_bucket()):
            raise self.violate("doubts are settled", f"{left} came, and are nobody's")

    def note_loose_ends(self) -> None:
        """The process ends, or a commit failed: files on their way to a row may stay without."""
        loose = self.files() - self.owned - self.released - self.trashed
        self.orphans |= {uuid for uuid in loose if uuid not in self.ever}

    def note_job_over(self, id_: str) -> None:
        """Somebody is told that a job has succeeded."""
        if self._database is None:
            return
        found = self._database.execute("SELECT state FROM jobs WHERE id = ?", (id_,)).fetchone()
        if found is not None and found[0] != JobState.SUCCESS.value:
            raise self.violate("over is over", f"a job is told to be over, and is {found[0]}")

    def check_backlog(self) -> None:
        """What waits to be removed is counted right."""
        kept = self._all("SELECT released_files, released_size FROM totals")
        counted = self._all("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM released")
        if kept != counted:
            raise self.violate("counters are right", f"{kept} files wait, counted {counted}")

    def check_disks(self) -> None:
        """Each file lies on one disk, and that is the one that the index names."""
        for uuid in sorted(self._disks):
            if (found := self.lies_at(uuid)) != [self._disks[uuid]]:
                what = f"{uuid} should be on the {self._disks[uuid]} disk, and is on {found}"
                raise self.violate("each file once", what)

    def check_staging(self, disk: str) -> None:
        """The process has begun: what the last one was writing on a disk is settled."""
        pattern = f"{FIRST}/{GATHERING}/*" if disk == BUCKET else f"{disk}/.staging/*/*"
        if left := sorted(it.name for it in self._files.glob(pattern) if it.is_file()):
            raise self.violate("leftovers are settled", f"{left} were being written")

    def files(self) -> set[str]:
        """The files in their places, and those that are still being written."""
        return self.in_bucket() | {
            path.name
            for pattern in ("*/??/??/*", "*/.staging/*/*", "*/.staging/*/*/*", f"*/{GATHERING}/*")
            for path in self._files.glob(pattern)
            if path.is_file()
            if path.parent.name != GATHERING or path.stat().st_size  # others are notes
        }

    def find(self, level: Level, id_: ResourceId) -> int | None:
        """The number of a resource; ``None`` where there is none."""
        if self._database is None:
            return None
        found = self._database.execute(
            "SELECT id FROM resources WHERE public_id = ? AND level = ?",
            (pack_id(id_), int(level)),
        ).fetchone()
        return found[0] if found else None

    def told(self, resource: int | None) -> int:
        """How often it was told that a resource is stable."""
        return self._told[resource] if resource is not None else 0

    def _note_log(self) -> None:
        """What there is to be told to those outside."""
        rows = self._all(
            "SELECT seq, type, public_id FROM changes"
            " JOIN resources ON resources.id = changes.resource WHERE seq > ?1"
            " UNION ALL SELECT seq, type, public_id FROM kept_changes WHERE seq > ?1"
            " UNION ALL SELECT seq, 4096, public_id FROM deletions WHERE seq > ?1",
            self._last_logged,
        )
        for seq, kind, digest in rows:
            self._last_logged = max(self._last_logged, seq)
            self.logged[seq] = (kind, unpack_id(digest))
            self.due.add(seq)

    def note_heard(self, number: int, kind: int, id_: ResourceId) -> None:
        """Somebody outside hears of an event."""
        if self.logged.get(number) != (kind, id_):
            self.violate("no other events", f"{number} is {self.logged.get(number)}, not {kind}")
        earlier = [one for one in self.due if one < number and not self.is_refused(one)]
        if earlier:
            self.violate("events in order", f"{number} came before {min(earlier)}")
        self.due.discard(number)

    def _note_changes(self) -> None:
        rows = self._all(
            "SELECT changes.seq, changes.type, changes.resource, changes.date, tallies.activity,"
            " tallies.unstable_at IS NULL, resources.level, resources.public_id FROM changes"
            " JOIN resources ON resources.id = changes.resource"
            " JOIN tallies ON tallies.resource = changes.resource"
            " WHERE changes.seq > ? AND changes.type IN (12, 13, 14) ORDER BY changes.seq",
            self._last_change,
        )
        for seq, kind, resource, date, activity, is_stable, level, digest in rows:
            place = (Level(level), unpack_id(digest))
            self._last_change = seq
            self.stable += 1
            what = f"{ChangeType(kind).word} of {resource}"
            # An instance that came in the same transaction, but after, hides the activity.
            known, was_stable = self._stable_at.get(resource, (0, True))
            again = self.declared.may_come_again(place)
            if known == activity and (was_stable or not is_stable) and not again:
                raise self.violate("stable once", f"{what} came twice")
            self._stable_at[resource] = (activity, bool(is_stable))
            self._told[resource] += 1
            quiet = date + 1 - self.declared.since(resource, self._unstable_at.get(resource, 0.0))
            if quiet < self._stable_age and not self.declared.may_come_early(place):
                raise self.violate("stable not too early", f"{what} came after {quiet} seconds")
        self._unstable_at = dict(
            self._all("SELECT resource, unstable_at FROM tallies WHERE unstable_at IS NOT NULL")
        )
        self._note_log()
