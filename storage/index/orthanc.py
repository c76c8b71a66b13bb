"""Orthanc's index as a file: whether it may be read, and reading it without changing it."""

import os
import shutil
import sys
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import apsw

from repertory.errors import CannotStart

FILE_NAME = "index"
VERSION = 6
"""The version of Orthanc's schema since its version 0.9.5."""

TABLES = frozenset(
    {"resources", "maindicomtags", "metadata", "attachedfiles", "changes", "globalproperties"}
)

_HEADER = b"SQLite format 3\0"
# Where SQLite locks a file, and how many bytes (its "os.h": PENDING_BYTE to the shared range).
_LOCK_START, _LOCK_LENGTH = 0x40000000, 512


class OrthancIndex:
    """Orthanc's index, held so that no Orthanc can start with it.

    ``uri`` is what to attach: the file itself, as one that nobody changes; or a copy, if Orthanc
    was killed and has left a log beside it.
    """

    def __init__(self, folder: Path, workshop: Path) -> None:
        """Name the folder of the index, and one where a copy may be put."""
        self._path = folder / FILE_NAME
        self._copy = workshop / "orthanc-index"
        self._descriptor = -1
        self.uri = ""

    def __enter__(self) -> Self:
        """Hold the index.

        Raises:
            CannotStart: it cannot be adopted, and why.
        """
        try:
            self._descriptor = os.open(self._path, os.O_RDONLY)
        except FileNotFoundError as error:
            raise CannotStart(
                "There is no index of an Orthanc: name the folder that has a file 'index'"
                " (--index). An Orthanc with a database server has none."
            ) from error
        try:
            self._lock()
            self._choose()
            self._recognise()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def _lock(self) -> None:
        """Take the shared lock that a running Orthanc, which holds all exclusively, denies."""
        if sys.platform == "win32":
            return  # there, the file of a running Orthanc cannot be opened at all
        import fcntl  # noqa: PLC0415 - not on Windows

        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB, _LOCK_LENGTH, _LOCK_START)
        except OSError as error:
            raise CannotStart(
                "Orthanc is running, or another program uses its index: stop it first."
            ) from error

    def _choose(self) -> None:
        path = self._path.absolute()
        wal = path.with_name(f"{path.name}-wal")
        journal = path.with_name(f"{path.name}-journal")
        extra = [file for file in (wal, journal) if file.exists() and file.stat().st_size]
        if extra:
            # To read what the log holds is to merge it: that is done to a copy.
            # Through our descriptor: to close another one of this file would end the lock.
            with self._copy.open("wb") as copy, os.fdopen(os.dup(self._descriptor), "rb") as whole:
                whole.seek(0)
                shutil.copyfileobj(whole, copy, 1 << 20)
            for file in extra:
                suffix = file.name.removeprefix(path.name)
                shutil.copyfile(file, self._copy.with_name(self._copy.name + suffix))
            self.uri = f"file:{quote(str(self._copy.absolute()))}"
            self._lock()  # the descriptor that was closed has ended it
        else:
            self.uri = f"file:{quote(str(path))}?immutable=1"

    def _recognise(self) -> None:
        if os.pread(self._descriptor, len(_HEADER), 0) != _HEADER:
            raise CannotStart("The file 'index' is not a SQLite database.")
        flags = apsw.SQLITE_OPEN_READWRITE if "?" not in self.uri else apsw.SQLITE_OPEN_READONLY
        try:
            connection = apsw.Connection(self.uri, flags=flags | apsw.SQLITE_OPEN_URI)
            with closing(connection):
                names = {r[0] for r in connection.execute("SELECT lower(name) FROM sqlite_schema")}
                known = names >= TABLES
                sql = "SELECT value FROM GlobalProperties WHERE property = 1"
                rows = connection.execute(sql).fetchall() if known else []
        except apsw.Error as error:
            raise CannotStart("Orthanc's index is damaged, or cannot be read.") from error
        finally:
            self._lock()  # the connection was of the same file, and has ended it
        if not known:
            raise CannotStart("The file 'index' is not the index of an Orthanc.")
        version = rows[0][0] if rows else "unknown"
        if version != str(VERSION):
            raise CannotStart(_advice(str(version)))


def _advice(version: str) -> str:
    if version.isdecimal() and int(version) < VERSION:
        return (
            f"Orthanc's index has schema version {version}, which is older than {VERSION}: start"
            " an Orthanc of version 0.9.5 or newer once with the option --upgrade, stop it, and"
            " adopt the folder then."
        )
    return f"Orthanc's index has schema version {version}; only version {VERSION} is known."
