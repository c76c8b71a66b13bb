"""The real SQLite index, whose commits are points between steps and may fail."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw

from repertory.errors import ArchiveFull, IndexFailed
from repertory.storage.index.sqlite.connection import SqliteDatabase
from repertory.storage.index.sqlite.engine import FILE_NAME, SqliteEngine
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
        self.on_commit: Callable[[], None] = lambda: None
        self.on_failure: Callable[[], None] = lambda: None

    def strike(self) -> bool:
        """Whether this commit fails; then nothing of it is done, as SQLite has it."""
        if self.scheduler.current is None:
            return False
        is_struck = self.is_full or (self.rate > 0 and self.random.random() < self.rate)
        self.faults += is_struck
        return is_struck


class WritingDatabase(SqliteDatabase):
    """The writer's connection."""

    def __init__(self, path: Path, faults: IndexFaults, sizes: list[int]) -> None:
        # What reaches the medium, and when, is simulated: the real disk need not be waited for.
        super().__init__(path, readonly=False, synchronous="OFF")
        self._faults = faults
        self._log = path.with_name(path.name + "-wal")
        self._sizes = sizes

    def commit(self) -> None:
        """Commit; before and after it the process may end."""
        faults = self._faults
        faults.scheduler.pause("the index, which commits")
        if faults.strike():
            faults.scheduler.note("the commit fails")
            faults.on_failure()
            raise ArchiveFull if faults.is_full else IndexFailed
        super().commit()
        self._sizes[0] = self._log.stat().st_size if self._log.exists() else 0
        faults.on_commit()
        faults.scheduler.note("the index has committed")
        faults.scheduler.pause("the index, which has committed")


class SimulatedEngine(SqliteEngine):
    """A ``SqliteEngine`` that can be left behind as a process that died leaves its files."""

    writer_class: type[DatabaseWriter] = DatabaseWriter

    def __init__(self, folder: Path, faults: IndexFaults, *, like: SqliteEngine) -> None:
        super().__init__(folder, signatures=like._signatures, tag_names=like._tag_names)  # noqa: SLF001
        self._folder = folder
        self._faults = faults
        self._sizes = [0]
        self._databases: list[SqliteDatabase] = []

    def _connect(self, *, readonly: bool) -> SqliteDatabase:
        database: SqliteDatabase
        if readonly:
            database = SqliteDatabase(self._path, readonly=True)
        else:
            database = WritingDatabase(self._path, self._faults, self._sizes)
        self._databases.append(database)
        return database

    def writer(self) -> DatabaseWriter:
        """The one writer; of another class where a mutant wants it."""
        if self.writer_class is DatabaseWriter:
            return super().writer()
        self._writer = self.writer_class(self._connect(readonly=False), signatures=self._signatures)
        return self._writer

    def leave_behind(self, target: Path, *, power_cut: bool) -> None:
        """Copy the files as they are; what was not committed may be torn by a power cut."""
        target.mkdir(parents=True)
        for path in sorted(self._folder.glob(f"{FILE_NAME}*")):
            if path.suffix != ".db-shm":
                shutil.copyfile(path, target / path.name)
        log = target / f"{FILE_NAME}-wal"
        if power_cut and log.exists():
            size = log.stat().st_size
            sure = min(self._sizes[0], size)
            with log.open("r+b") as file:
                file.truncate(self._faults.random.randint(sure, size))

    def abandon(self) -> None:
        """Let go of everything, as the kernel does for a process that died."""
        for database in self._databases:
            try:
                database.connection.close(force=True)
            except apsw.Error:
                continue
        self._lock.release()
        self._open = False
