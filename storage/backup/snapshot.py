"""A snapshot of the index: taking it from under a running server, and what it lists."""

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from repertory.errors import ArchiveFull, CannotStart, IndexFailed
from repertory.places import FILE_SYSTEM
from repertory.storage.index.packing import unpack_uuid
from repertory.storage.index.sqlite.schema import recognise

PAGES = 2_000
"""How many pages are copied at a time."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

_BUSY_MS = 10_000


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as the index knows it: its size and MD5 sum as stored (None where none is kept).

    ``location`` is the number of the storage that it lies in.
    """

    uuid: str
    size: int
    md5: bytes | None
    location: int = 0
    content_type: int = 0


def take(index: Path, to: Path, progress: Progress) -> None:
    """Copy the index as it is at one moment; a server may go on writing it.

    Raises:
        CannotStart: it is not ours, or empty.
        ArchiveFull: there is no room for the copy.
        IndexFailed: it could not be read, or the copy not be written.
    """
    try:
        with (
            closing(apsw.Connection(str(index), flags=apsw.SQLITE_OPEN_READONLY)) as source,
            closing(apsw.Connection(str(to))) as target,
        ):
            source.set_busy_timeout(_BUSY_MS)
            target.pragma("synchronous", "OFF")
            # Within a transaction that reads, the copy need not begin anew when the server writes.
            source.execute("BEGIN")
            if recognise(source) == 0:
                raise CannotStart("The index is empty: the archive has not been started yet.")
            with target.backup("main", source, "main") as copy:
                while not copy.step(PAGES):
                    progress("index pages", copy.page_count - copy.remaining, copy.page_count)
            # Nobody writes it again: no log beside it.
            target.pragma("journal_mode", "DELETE")
    except apsw.FullError as error:
        raise ArchiveFull("The disk that is copied to is full.") from error
    except apsw.Error as error:
        raise IndexFailed("The index could not be copied.") from error


def _open(path: Path) -> apsw.Connection:
    uri = f"file:{quote(str(path.absolute()))}?immutable=1"
    return apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _all_files(connection: apsw.Connection) -> str:
    """The statement that lists the files; those in the trash are needed to restore it."""
    # Snapshots of older versions know of one storage.
    location = "location" if connection.table_exists("main", "places") else "0"
    files = f"SELECT uuid, compressed_size, compressed_md5, {location}, content_type FROM {{}}"  # noqa: S608
    tables = ["attachments"]
    # Snapshots of older versions have no trash.
    if connection.table_exists("main", "trashed_attachments"):
        tables.append("trashed_attachments")
    return " UNION ALL ".join(files.format(table) for table in tables)


def files_of(path: Path, without: Collection[str] = ()) -> Iterator[StoredFile]:
    """The files that a snapshot lists, a patient's after another's.

    Args:
        path: the snapshot.
        without: the names of storages whose files are left out.

    Raises:
        IndexFailed: it could not be read.
    """
    names = storages_of(path) if without else {}
    left_out = {number for number, name in names.items() if name in without}
    try:
        with closing(_open(path)) as connection:
            rows: Iterable[Any] = connection.execute(_all_files(connection))
            for uuid, size, md5, location, content_type in rows:
                if location not in left_out:
                    yield StoredFile(unpack_uuid(uuid), size, md5, location, content_type)
    except apsw.Error as error:
        raise IndexFailed("The snapshot of the index could not be read.") from error


def storages_of(path: Path) -> dict[int, str]:
    """The names of the storages that a snapshot's files lie in, by their numbers.

    Raises:
        IndexFailed: it could not be read.
    """
    try:
        with closing(_open(path)) as connection:
            if not connection.table_exists("main", "places"):
                return {0: FILE_SYSTEM}
            rows: list[Any] = connection.execute("SELECT number, name FROM places").fetchall()
            names: dict[int, str] = dict(rows)
            files = _all_files(connection)
            used: list[Any] = connection.execute(
                f"SELECT DISTINCT location FROM ({files})"  # noqa: S608
            ).fetchall()
            return {number: names[number] for (number,) in used}
    except apsw.Error as error:
        raise IndexFailed("The snapshot of the index could not be read.") from error


def gather(path: Path, without: Collection[str] = ()) -> None:
    """Note in an index that files lie in the StorageDirectory, where a restore puts them.

    Args:
        path: the index.
        without: the names of storages whose files stay where they are.

    Raises:
        IndexFailed: it could not be written.
    """
    try:
        with closing(apsw.Connection(str(path))) as connection:
            if not connection.table_exists("main", "places"):
                return
            with connection:
                stays = "location IN (SELECT number FROM places WHERE name IN (%s))"
                stays %= ", ".join("?" * len(without))
                for table in ("attachments", "trashed_attachments"):
                    connection.execute(
                        f"UPDATE {table} SET location = 0 WHERE NOT {stays}",  # noqa: S608
                        tuple(without),
                    )
                connection.execute(
                    "UPDATE places SET files = (SELECT COUNT(*) FROM attachments"
                    " WHERE location = number), size = (SELECT ifnull(SUM(compressed_size), 0)"
                    " FROM attachments WHERE location = number)"
                )
    except apsw.Error as error:
        raise IndexFailed("The index that was put back could not be written.") from error


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a snapshot lists: ``size`` in bytes, as stored."""

    instances: int
    files: int
    size: int


def measure(path: Path) -> Extent:
    """How much a snapshot lists.

    Raises:
        IndexFailed: it could not be read.
    """
    try:
        with closing(_open(path)) as connection:
            rows: list[Any] = connection.execute(
                "SELECT (SELECT instances FROM totals), COUNT(*), ifnull(SUM(compressed_size), 0)"  # noqa: S608
                f" FROM ({_all_files(connection)})"
            ).fetchall()
    except apsw.Error as error:
        raise IndexFailed("The snapshot of the index could not be read.") from error
    return Extent(*rows[0])


def is_sound(path: Path) -> bool:
    """Whether SQLite finds no fault in it."""
    try:
        with closing(_open(path)) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    except apsw.Error:
        return False


def md5_of(path: Path) -> str:
    """The MD5 sum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
