"""An observer who looks into the index after each commit, and at each file that goes.

What it sees is checked at once, so that a run ends where something went wrong, not later.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import apsw

from repertory.jobs import JobState
from repertory.model import ChangeType
from repertory.storage.index.packing import unpack_uuid


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
        self._removed: set[str] = set()
        self.owned: frozenset[str] = frozenset()
        self.released: frozenset[str] = frozenset()
        self.ever: set[str] = set()
        self.orphans: set[str] = set()
        """Files that may lie there without a row: something ended, or failed, in between."""
        self.stable = 0
        self.held: frozenset[str] | None = None
        """While somebody copies: the files that must stay."""

    def look_at(self, files: Path) -> None:
        """Look at the files of a process that begins."""
        self._files = files
        self._removed.clear()

    def open(self, database: Path) -> None:
        """Look at the index that a process has just opened."""
        self.close()
        self._database = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
        self.owned, self.released = self._read()
        self.ever |= self.owned | self.released
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

    def _violated(self, invariant: str, what: str) -> Violation:
        # Told at once: the archive would catch it with the other errors.
        violation = Violation(invariant, what)
        self._defects.append(violation)
        return violation

    def _all(self, sql: str, *values: int) -> list[tuple[Any, ...]]:
        assert self._database is not None  # noqa: S101 - `open` comes first
        return self._database.execute(sql, values).fetchall()

    def _read(self) -> tuple[frozenset[str], frozenset[str]]:
        owned = self._all("SELECT uuid FROM attachments")
        released = self._all("SELECT uuid FROM released")
        again = [uuid for uuid, count in Counter([*owned, *released]).items() if count > 1]
        if again:
            raise self._violated("one owner", f"{len(again)} files are in the books twice")
        return (
            frozenset(unpack_uuid(uuid) for (uuid,) in owned),
            frozenset(unpack_uuid(uuid) for (uuid,) in released),
        )

    def lies_there(self, uuid: str) -> bool:
        """Whether a file is in its place."""
        return (self._files / uuid[:2] / uuid[2:4] / uuid).exists()

    def note_commit(self) -> None:
        """Compare with the books before."""
        if self._database is None:
            return
        before, waiting = self.owned, self.released
        self.owned, self.released = self._read()
        for uuid in sorted(self.owned - before):
            if not self.lies_there(uuid):
                raise self._violated("file before row", f"{uuid} was recorded, but is not there")
        for uuid in sorted((before | waiting) - self.owned - self.released):
            if self.lies_there(uuid):
                raise self._violated("removed before forgotten", f"{uuid} is in no book any more")
        self.ever |= self.owned | self.released
        self._note_changes()

    def note_removal(self, uuid: str) -> None:
        """A file in its place is about to be removed."""
        if self._database is None:
            return
        if uuid in self.owned:
            raise self._violated("no other removed", f"{uuid} goes, but a resource owns it")
        if uuid in self._removed:
            raise self._violated("removed once", f"{uuid} is removed a second time")
        if self.held is not None and uuid in self.held:
            raise self._violated("held back", f"{uuid} goes while somebody copies it")
        if self.lies_there(uuid):
            self._removed.add(uuid)

    def note_failed_removal(self, uuid: str) -> None:
        """A file could not be removed; nobody tries again unless it was released."""
        if uuid not in self.released:
            self.orphans.add(uuid)

    def note_loose_ends(self) -> None:
        """The process ends, or a commit failed: files on their way to a row may stay without."""
        loose = self.files() - self.owned - self.released
        self.orphans |= {uuid for uuid in loose if uuid not in self.ever}

    def note_job_over(self, id_: str) -> None:
        """Somebody is told that a job has succeeded."""
        if self._database is None:
            return
        found = self._database.execute("SELECT state FROM jobs WHERE id = ?", (id_,)).fetchone()
        if found is not None and found[0] != JobState.SUCCESS.value:
            raise self._violated("over is over", f"a job is told to be over, and is {found[0]}")

    def check_backlog(self) -> None:
        """What waits to be removed is counted right."""
        kept = self._all("SELECT released_files, released_size FROM totals")
        counted = self._all("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM released")
        if kept != counted:
            raise self._violated("counters are right", f"{kept} files wait, counted {counted}")

    def check_staging(self) -> None:
        """The process has begun: what the last one was writing is settled."""
        if left := sorted(path.name for path in self._files.glob(".staging/*")):
            raise self._violated("leftovers are settled", f"{left} were being written")

    def files(self) -> set[str]:
        """The files in their places, and those that are still being written."""
        return {
            path.name for pattern in ("??/??/*", ".staging/*") for path in self._files.glob(pattern)
        }

    def _note_changes(self) -> None:
        rows = self._all(
            "SELECT changes.seq, changes.type, changes.resource, changes.date, tallies.activity,"
            " tallies.unstable_at IS NULL FROM changes"
            " JOIN tallies ON tallies.resource = changes.resource"
            " WHERE changes.seq > ? AND changes.type IN (12, 13, 14) ORDER BY changes.seq",
            self._last_change,
        )
        for seq, kind, resource, date, activity, is_stable in rows:
            self._last_change = seq
            self.stable += 1
            what = f"{ChangeType(kind).word} of {resource}"
            # An instance that came in the same transaction, but after, hides the activity.
            known, was_stable = self._stable_at.get(resource, (0, True))
            if known == activity and (was_stable or not is_stable):
                raise self._violated("stable once", f"{what} came twice")
            self._stable_at[resource] = (activity, bool(is_stable))
            quiet = date + 1 - self._unstable_at.get(resource, 0.0)
            if quiet < self._stable_age:
                raise self._violated("stable not too early", f"{what} came after {quiet} seconds")
        self._unstable_at = dict(
            self._all("SELECT resource, unstable_at FROM tallies WHERE unstable_at IS NOT NULL")
        )
