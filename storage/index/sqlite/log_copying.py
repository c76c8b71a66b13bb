"""Copying SQLite's log to its file while the writer goes on.

By itself SQLite has the commit that finds the log long copy all of it: tens of milliseconds in
which no other change is made. Here a thread copies most of it, by a connection of its own. What
has come meanwhile the writer copies with its next commit; the change after that begins it anew.
"""

import threading
from pathlib import Path

import apsw
import structlog

log = structlog.get_logger(__name__)

_PARTS = 64
"""After so small a part more of the log, what was written meanwhile is copied once more."""


class LogCopier:
    """Sees to it that the log of one writer does not grow for ever."""

    def __init__(self, path: Path, connection: apsw.Connection, *, pages: int) -> None:
        """Take over from SQLite.

        Args:
            path: the file of the database.
            connection: the writer's, which it is until ``close``.
            pages: how long the log grows before it is copied.
        """
        self._path = path
        self._connection = connection
        self._limit = pages
        self._due = pages
        self._again = 0
        self._last = 0
        self._thread: threading.Thread | None = None
        connection.set_wal_hook(self._committed)

    def wait(self) -> None:
        """Wait for what is being copied just now."""
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Wait, and look after the log no more: whoever closes the index last folds it in."""
        self._connection.set_wal_hook(None)
        self.wait()

    def _committed(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """Called within each commit, when it is done: what goes wrong here does not undo it."""
        try:
            self._look(pages)
        except Exception as error:  # noqa: BLE001 - raised, it would be the commit's
            _tell(error)
        return apsw.SQLITE_OK

    def _look(self, pages: int) -> None:
        if pages < self._last:  # it has begun anew
            self._due, self._again = self._limit, 0
        self._last = pages
        if self._thread is not None:
            if self._thread.is_alive():
                return
            self._thread = None
            self._due = pages + self._limit
            self._again = pages
        if pages >= self._due:
            self._thread = threading.Thread(target=self._copy, name="index-log", daemon=True)
            self._thread.start()
        elif self._again and pages >= self._again:
            # Whoever reads just then keeps the log from beginning anew: once more after a few.
            self._again = pages + max(self._limit // _PARTS, 1)
            self._connection.wal_checkpoint()

    def _copy(self) -> None:
        try:
            connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                connection.pragma("schema_version")  # before it has read, it knows of no log
                connection.wal_checkpoint()
            finally:
                connection.close()
        except apsw.Error as error:
            _tell(error)


def _tell(error: Exception) -> None:
    # Nothing is lost: the log is read as well, and the next commits try again.
    log.warning("index_log_not_copied", reason=type(error).__name__)
