"""The index in one SQLite file, in a folder that one process owns."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw
import structlog

from repertory.errors import CannotStart, IndexFailed
from repertory.model import Level
from repertory.storage.index.held import FIND_UNFINISHED, REFUSAL
from repertory.storage.index.reader import DatabaseReader
from repertory.storage.index.sqlite.connection import (
    ATTACHED_CACHE_KIB,
    READER_CACHE_KIB,
    SHARED_WRITER_CACHE_KIB,
    WRITER_CACHE_KIB,
    SqliteDatabase,
    translated,
)
from repertory.storage.index.sqlite.held import HeldSqliteIndex
from repertory.storage.index.sqlite.lock import FolderLock
from repertory.storage.index.sqlite.schema import prepare, recognise
from repertory.storage.index.writer import DatabaseWriter

log = structlog.get_logger(__name__)

FILE_NAME = "repertory.db"
LOCK_NAME = "repertory.lock"
RESTORING_NAME = "repertory.restoring"
"""What lies beside the index until a backup is put back completely."""


@contextmanager
def _explained() -> Iterator[None]:
    """Say what an error of SQLite means to whoever starts an archive."""
    try:
        yield
    except apsw.NotADBError as error:
        raise CannotStart("The index is not a SQLite database.") from error
    except apsw.CorruptError as error:
        raise CannotStart("The index is damaged.") from error
    except apsw.FullError as error:
        raise CannotStart("There is no room left for the index.") from error
    except apsw.Error as error:
        raise CannotStart("The index cannot be opened.") from error


class SqliteEngine:
    """An ``IndexEngine`` on SQLite, in write-ahead logging.

    ``synchronous`` is ``FULL`` (what was committed survives a power cut) or ``NORMAL`` (it
    survives a crash of the process). ``identifier`` names this server to others that would share
    the index; empty: the name that the index got when it was made. ``signatures`` are the lists
    of main DICOM tags that each level's resources are recorded with (metadata
    MainDicomTagsSignature). ``tag_names`` are the names of main DICOM tags that are not Orthanc's
    own. ``is_shared`` says that other processes read it, too, so that there are many readers:
    each keeps fewer pages in memory, and so does the writer.
    """

    name = "SQLite"
    is_local = True

    def __init__(
        self,
        folder: Path,
        *,
        synchronous: str = "FULL",
        identifier: str = "",
        signatures: Mapping[Level, str] | None = None,
        tag_names: Mapping[str, str] | None = None,
        is_shared: bool = False,
    ) -> None:
        self._path = folder / FILE_NAME
        self._lock = FolderLock(folder / LOCK_NAME)
        self._synchronous = synchronous
        self._identifier = identifier
        self._signatures = dict(signatures or {})
        self._tag_names = dict(tag_names or {})
        self._open = False
        self._reader_cache = ATTACHED_CACHE_KIB if is_shared else READER_CACHE_KIB
        self._writer_cache = SHARED_WRITER_CACHE_KIB if is_shared else WRITER_CACHE_KIB
        self._writer: DatabaseWriter | None = None

    def open(self) -> None:
        """Lock the index for this process, create or migrate its schema."""
        self._take()
        try:
            self._refuse_half_migrated()
        except BaseException:
            self._lock.release()
            raise
        self._open = True

    def find_version(self) -> int:
        """The version of the schema, 0 where there is no index; nothing is made or changed.

        Raises:
            CannotStart: what lies there is not our index, or cannot be read.
        """
        if not self._path.exists():
            return 0
        with _explained():
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                return recognise(connection)
            finally:
                connection.close()

    def hold(self) -> HeldSqliteIndex:
        """Lock the index for a migration; its schema is made where there is none.

        Raises:
            CannotStart: it cannot be used, and why.
        """
        self._take()
        try:
            db = SqliteDatabase(self._path, readonly=False, synchronous=self._synchronous)
        except apsw.Error as error:
            self._lock.release()
            raise CannotStart("The index cannot be opened.") from error
        return HeldSqliteIndex(db, self._lock.release)

    def _take(self) -> None:
        if self._open:
            raise CannotStart("The index is open already.")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._refuse_half_restored()
            self._path.touch()
        except OSError as error:
            self._lock.release()
            raise CannotStart(
                f"The index cannot be opened ({error.strerror}): check the options StorageDirectory"
                " and IndexDirectory."
            ) from error
        try:
            self._prepare()
        except BaseException:
            self._lock.release()
            raise

    def attach(self) -> None:
        """Read an index that another process of the same archive has opened, and keeps open.

        Nothing is locked, made or migrated; there are readers alone, and ``detach`` ends it.

        Raises:
            CannotStart: it is not there, or cannot be read.
        """
        self._open = True
        self._reader_cache = ATTACHED_CACHE_KIB
        try:
            self.reader().close()
        except IndexFailed as error:
            self._open = False
            raise CannotStart("The index cannot be read by another process.") from error

    def detach(self) -> None:
        """Give out no more readers; what was given out is closed before."""
        self._open = False

    def _refuse_half_restored(self) -> None:
        if self._path.with_name(RESTORING_NAME).exists():
            self._lock.release()
            raise CannotStart(
                "A backup was not put back completely: run 'repertory restore' again."
            )

    def _refuse_half_migrated(self) -> None:
        with _explained():
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            try:
                unfinished = connection.execute(FIND_UNFINISHED).fetchall()
            finally:
                connection.close()
        if unfinished:
            raise CannotStart(REFUSAL)

    def _prepare(self) -> None:
        with _explained():
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                # Recognised before anything is written: a foreign file stays as it is.
                prepare(connection)
                connection.execute("SELECT * FROM totals, properties LIMIT 1").fetchall()
                mode = connection.pragma("journal_mode", "WAL")
            finally:
                connection.close()
        if mode != "wal":
            raise CannotStart("The index must lie on a local disk: its folder allows no log.")

    def writer(self) -> DatabaseWriter:
        """The one writer, for the calling thread."""
        if self._writer is not None and not self._writer.is_closed:
            raise IndexFailed("The index has its writer already.")
        db = self._connect(readonly=False)
        try:
            self._writer = DatabaseWriter(db, signatures=self._signatures)
        except BaseException:
            db.close()
            raise
        return self._writer

    def reader(self) -> DatabaseReader:
        """A reader, for the calling thread."""
        return DatabaseReader(
            self._connect(readonly=True),
            engine=self.name,
            identifier=self._identifier,
            signatures=self._signatures,
            tag_names=self._tag_names,
        )

    def _connect(self, *, readonly: bool) -> SqliteDatabase:
        if not self._open:
            raise IndexFailed("The index is not open.")
        try:
            return SqliteDatabase(
                self._path,
                readonly=readonly,
                synchronous=self._synchronous,
                cache=self._reader_cache if readonly else self._writer_cache,
                copies_aside=not readonly,
            )
        except apsw.Error as error:
            raise translated(error) from error

    def close(self) -> None:
        """Let go of the index; readers and the writer are closed before."""
        if not self._open:
            return
        self._open = False
        try:
            # A reader that went last could not fold the log into the file.
            SqliteDatabase(self._path, readonly=False).close()
        except apsw.Error as error:
            # The log stays beside the file, and the next start reads it.
            log.warning("index_log_kept", reason=type(error).__name__)
        finally:
            self._lock.release()
