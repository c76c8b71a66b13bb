"""The real SQLite index, whose commits are points between steps and may fail.

Nodes share it as they share a database server: who writes waits for its turn, and whoever does so
next is told that others have written since.
"""

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import apsw

from repertory.errors import ArchiveFull, IndexBusy, IndexFailed, NoReplyInTime
from repertory.storage.index.database import Row
from repertory.storage.index.server.engine import ServerEngine
from repertory.storage.index.sqlite.connection import SqliteDatabase
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
from repertory.storage.index.sqlite.lock import FolderLock
from repertory.storage.index.writer import DatabaseWriter
from repertory.testing.simulation.scheduler import Scheduler


class IndexFaults:
    """How the index misbehaves, over all lives of the process."""

    def __init__(self, scheduler: Scheduler, random: Random) -> None:
        self.rate = 0.0
        self.is_full = False
        self.faults = 0
        self.scheduler = scheduler
        self.random = random
        self.failed_at = 0.0
        self.size = 0
        """Of the write-ahead log, when something was committed last."""
        self.on_commit: Callable[[WritingDatabase], None] = lambda _: None
        self.on_failure: Callable[[], None] = lambda: None

    def strike(self) -> bool:
        """Whether this commit fails; then nothing of it is done, as SQLite has it."""
        if self.scheduler.current is None:
            return False
        is_struck = self.is_full or (self.rate > 0 and self.random.random() < self.rate)
        self.faults += is_struck
        self.failed_at = self.scheduler.clock.elapsed if is_struck else self.failed_at
        return is_struck

    def leave_behind(self, folder: Path, target: Path, *, power_cut: bool) -> None:
        """Copy the files as they are; what was not committed may be torn by a power cut."""
        target.mkdir(parents=True)
        for path in sorted(folder.glob(f"{FILE_NAME}*")):
            if path.suffix != ".db-shm":
                shutil.copyfile(path, target / path.name)
        log = target / f"{FILE_NAME}-wal"
        if power_cut and log.exists():
            size = log.stat().st_size
            sure = min(self.size, size)
            with log.open("r+b") as file:
                file.truncate(self.random.randint(sure, size))


class Turns:
    """Who writes to an index that several share, and how often anybody has."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.writer: SqliteDatabase | None = None
        self.commits = 0

    def wait(self) -> None:
        """Wait until nobody writes."""
        self.scheduler.pause("its turn to write", lambda: self.writer is None)

    def end(self, database: SqliteDatabase) -> None:
        """Let others write."""
        if self.writer is database:
            self.writer = None


class WritingDatabase(SqliteDatabase):
    """The writer's connection."""

    def __init__(self, path: Path, faults: IndexFaults) -> None:
        # What reaches the medium, and when, is simulated: the real disk need not be waited for.
        super().__init__(path, readonly=False, synchronous="OFF")
        self._faults = faults
        self._log = path.with_name(path.name + "-wal")

    def commit(self) -> None:
        """Commit; before and after it the process may end."""
        faults = self._faults
        faults.scheduler.pause("the index, which commits")
        if faults.strike():
            faults.scheduler.note("the commit fails")
            faults.on_failure()
            raise ArchiveFull if faults.is_full else self._failure()
        super().commit()
        faults.size = self._log.stat().st_size if self._log.exists() else 0
        self._note_commit()
        faults.on_commit(self)
        faults.scheduler.note("the index has committed")
        faults.scheduler.pause("the index, which has committed")

    def _failure(self) -> Exception:
        return IndexFailed()

    def _note_commit(self) -> None:
        """Nobody else has to know."""


class SharedDatabase(WritingDatabase):
    """The same, where several nodes write: a server could lose the connection, or end it."""

    def __init__(self, path: Path, faults: IndexFaults, turns: Turns) -> None:
        super().__init__(path, faults)
        self._turns = turns
        self._commits = 0
        self._seen: int | None = None
        self._is_lost = False

    def begin(self, *, is_repeatable: bool = False) -> bool:  # noqa: ARG002 - it is not asked
        """Wait for its turn; whether others have written since the last one."""
        self._turns.wait()
        self._is_lost = False
        super().begin()
        self._turns.writer = self
        others = self._turns.commits - self._commits
        before, self._seen = self._seen, others
        return before != others

    def rollback(self) -> None:
        """End the transaction."""
        super().rollback()
        self._turns.end(self)

    def commit(self) -> None:
        """Commit; who asked may not get to know of it."""
        self._need_session()
        super().commit()
        if self._faults.strike():
            self._faults.scheduler.note("the answer to the commit is lost")
            self._faults.on_failure()  # files may stay that turned out to be there already
            raise NoReplyInTime

    def hang_up(self) -> None:
        """End a transaction of a node that does not say anything any more."""
        if self._turns.writer is self:
            self.rollback()
            self._is_lost = True

    def execute(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run a statement."""
        self._need_session()
        return super().execute(sql, values)

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        self._need_session()
        super().execute_many(sql, rows)

    def all(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """The whole answer."""
        self._need_session()
        return super().all(sql, values)

    def _need_session(self) -> None:
        if self._is_lost:
            raise IndexBusy

    def _failure(self) -> Exception:
        # A connection that breaks is replaced, and the group made anew.
        return IndexBusy() if self._faults.random.random() < _BROKEN else IndexFailed()

    def _note_commit(self) -> None:
        self._turns.commits += 1
        self._commits += 1
        self._turns.end(self)


class NoLock(FolderLock):
    """In the place of the lock of an index that one process alone has."""

    def acquire(self) -> None:
        """Let everybody in."""

    def release(self) -> None:
        """There is nothing to give back."""


class SimulatedEngine(SqliteEngine):
    """A ``SqliteEngine`` that can be left behind as a process that died leaves its files.

    With ``turns`` it is one of several on the same file, as on a server.
    """

    writer_class: type[DatabaseWriter] = DatabaseWriter

    def __init__(
        self,
        folder: Path,
        faults: IndexFaults,
        *,
        like: SqliteEngine | ServerEngine,
        turns: Turns | None = None,
    ) -> None:
        super().__init__(folder, signatures=like._signatures, tag_names=like._tag_names)  # noqa: SLF001
        self._faults = faults
        self._turns = turns
        self._databases: list[SqliteDatabase] = []
        if turns is not None:
            self.is_local = False
            self._lock = NoLock(folder)

    def open(self) -> None:
        """Look that nobody writes just now: a server would wait."""
        if self._turns is not None:
            self._turns.wait()
        else:
            self._faults.size = 0  # the log of the life before goes into the file
        super().open()

    def _connect(self, *, readonly: bool) -> SqliteDatabase:
        database: SqliteDatabase
        if readonly:
            database = SqliteDatabase(self._path, readonly=True)
        elif self._turns is not None:
            database = SharedDatabase(self._path, self._faults, self._turns)
        else:
            database = WritingDatabase(self._path, self._faults)
        self._databases.append(database)
        return database

    def writer(self) -> DatabaseWriter:
        """The one writer; of another class where a mutant wants it."""
        if self.writer_class is DatabaseWriter:
            return super().writer()
        self._writer = self.writer_class(self._connect(readonly=False), signatures=self._signatures)
        return self._writer

    @property
    def latest_writer(self) -> DatabaseWriter | None:
        """The writer that there is, or was."""
        return self._writer

    def hang_up(self) -> None:
        """End what the writer has begun, as a server does with those who fell silent."""
        for database in self._databases:
            if isinstance(database, SharedDatabase):
                database.hang_up()

    def abandon(self) -> None:
        """Let go of everything, as the kernel does for a process that died."""
        for database in self._databases:
            if self._turns is not None:
                self._turns.end(database)
            try:
                database.connection.close(force=True)
            except apsw.Error:
                continue
        self._lock.release()
        self._open = False


_BROKEN = 0.5
"""How many of the failures of a commit are those of a connection, where nodes share a server."""
