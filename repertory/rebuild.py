"""Making the index anew from the files.

The new index grows in a folder of its own beside the old one, and takes its place when it is
complete: until then nothing is lost, and a run that was interrupted is gone on with.
"""

import os
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from repertory.building import file_engine_of, index_folder, main_tags_of
from repertory.conf.databases import database_of
from repertory.conf.settings import Settings
from repertory.errors import (
    CannotStart,
    FileCorrupted,
    FileLost,
    MissingTag,
    NotDicom,
    RepertoryError,
    StorageFailed,
    StorageUnavailable,
)
from repertory.model import Attachment, Origin, OriginKind, StoreStatus, Summary
from repertory.rebuild_sources import Source, sources_of
from repertory.storage.identifiers import resource_ids
from repertory.storage.index.packing import pack_uuid, unpack_uuid
from repertory.storage.index.sqlite.engine import FILE_NAME, LOCK_NAME, SqliteEngine
from repertory.storage.index.sqlite.lock import FolderLock
from repertory.storage.index.writer import DatabaseWriter

WORK_FOLDER = ".rebuilding"
GROUP = 500
PAGE = 10_000
AHEAD = 16
"""Files for each thread that are read before they are needed."""

Described = tuple[Summary, Attachment]

_ENTRY = struct.Struct(">Q16sIQ")
"""A file that was found: microseconds since the epoch, UUID, number of the storage, and size."""


@dataclass
class Rebuilt:
    """What became of the files, by UUID; ``backup`` is the name that the old index has now."""

    recorded: int = 0
    recorded_before: int = 0
    skipped: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    backup: str = ""


class Rebuild:
    """One run. ``tell`` hears of what is being done, how many files of how many."""

    def __init__(
        self,
        settings: Settings,
        *,
        threads: int,
        checksums: bool = False,
        tell: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    ) -> None:
        self._settings = settings
        self._main_tags = main_tags_of(settings)
        self._folder = index_folder(settings)
        self._work = self._folder / WORK_FOLDER
        self._sources: dict[int, Source] = {}
        self._keep_md5 = settings.store_md5_for_attachments
        self._checksums = checksums
        self._threads = max(threads, 1)
        self._tell = tell
        self._rebuilt = Rebuilt()

    def run(self) -> Rebuilt:
        """Make the index, and put it in its place.

        Raises:
            CannotStart: a server runs on these folders, or they are not there.
            StorageFailed: an object store does not answer; what was recorded is gone on with.
        """
        database = database_of(self._settings)
        if database is not None:
            raise CannotStart(
                f"The index is in {database[0]}, and one is made anew in a file alone: restore the"
                " database from a backup of its own."
            )
        sources = tuple(sources_of(self._settings))
        for source in sources:
            source.open()
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(self._folder / LOCK_NAME)
        lock.acquire()
        try:
            self._build(sources)
            self._exchange()
        finally:
            lock.release()
            for source in sources:
                source.area.close()
        return self._rebuilt

    def _build(self, sources: tuple[Source, ...]) -> None:
        # What a crash undoes is done again: no need to wait for the disk at each group.
        engine = file_engine_of(
            self._settings, self._main_tags, folder=self._work, synchronous="NORMAL"
        )
        engine.open()
        try:
            writer = engine.writer()
            try:
                self._number(writer, sources)
                self._record(writer, self._find(self._known(engine)))
            finally:
                writer.close()
        finally:
            engine.close()

    def _number(self, writer: DatabaseWriter, sources: tuple[Source, ...]) -> None:
        """Give the storages their numbers in the new index."""
        writer.begin()
        places = writer.add_places([source.name for source in sources])
        writer.commit()
        numbers = {place.name: place.number for place in places}
        self._sources = {numbers[source.name]: source for source in sources}

    def _known(self, engine: SqliteEngine) -> set[bytes]:
        """The files that an interrupted run has recorded."""
        known: set[bytes] = set()
        reader = engine.reader()
        try:
            after = (0, 0)
            while page := reader.list_files(after, 0, 256, PAGE):
                known.update(file.uuid for file in page)
                after = page[-1][:2]
        finally:
            reader.close()
        self._rebuilt.recorded_before = len(known)
        return known

    def _find(self, known: set[bytes]) -> list[bytes]:
        """All files, the oldest first: when each was modified, its UUID, its place and its size."""
        found: list[bytes] = []
        for number, source in self._sources.items():
            source.finish_staged()
            for folder in range(256):
                self._tell(f"looking for files in {source.name}", folder, 256)
                now = time.time()
                for uuid, file in source.area.survey(folder).files.items():
                    packed = pack_uuid(uuid)
                    if packed not in known:
                        microseconds = max(int((now - file.age) * 1e6), 0)
                        found.append(_ENTRY.pack(microseconds, packed, number, max(file.size, 0)))
        found.sort()
        return found

    def _record(self, writer: DatabaseWriter, files: list[bytes]) -> None:
        in_group = 0
        for done, (file, described) in enumerate(self._describe(files)):
            self._tell("recording", done, len(files))
            microseconds, packed, number, _ = _ENTRY.unpack(file)
            uuid = unpack_uuid(packed)
            if isinstance(described, NotDicom | MissingTag):
                self._rebuilt.skipped.append(uuid)
                continue
            if isinstance(described, BaseException):
                self._rebuilt.unreadable.append(uuid)
                continue
            if not in_group:
                writer.begin()
            in_group += 1
            summary, attachment = described
            attachment = replace(attachment, location=number)
            self._enter(writer, uuid, summary, attachment, at=microseconds / 1e6)
            if in_group == GROUP:
                writer.commit()
                in_group = 0
        if in_group:
            writer.commit()

    def _enter(
        self,
        writer: DatabaseWriter,
        uuid: str,
        summary: Summary,
        attachment: Attachment,
        *,
        at: float,
    ) -> None:
        try:
            receipt = writer.record_instance(
                ids=resource_ids(summary.identity),
                summary=summary,
                attachment=attachment,
                origin=Origin(kind=OriginKind.UNKNOWN),
                now=at,
                release_duplicate=False,
            )
        except RepertoryError:
            if writer.is_void:
                raise
            self._rebuilt.unreadable.append(uuid)
            return
        if receipt.status is StoreStatus.SUCCESS:
            self._rebuilt.recorded += 1
        elif receipt.stored is None or receipt.stored.uuid != uuid:
            self._rebuilt.duplicates.append(uuid)

    def _describe(self, files: list[bytes]) -> Iterator[tuple[bytes, Described | BaseException]]:
        """The files described, in their order; several are read at a time."""
        ahead: deque[tuple[bytes, Future[Described]]] = deque()
        with ThreadPoolExecutor(self._threads) as pool:
            try:
                for file in files:
                    ahead.append((file, pool.submit(self._describe_one, file)))
                    if len(ahead) >= self._threads * AHEAD:
                        yield _outcome(*ahead.popleft())
                while ahead:
                    yield _outcome(*ahead.popleft())
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _describe_one(self, file: bytes) -> Described:
        _, packed, number, size = _ENTRY.unpack(file)
        source = self._sources[number]
        # Of what lies in a bucket, sums cost the whole file.
        keep_md5 = self._keep_md5 and (source.local is not None or self._checksums)
        return source.describe(
            unpack_uuid(packed), size, keep_md5=keep_md5, main_tags=self._main_tags
        )

    def _exchange(self) -> None:
        """Give the old index another name, and put the new one in its place."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
        backup = f"{Path(FILE_NAME).stem}-before-{stamp}.db"
        number = 1
        while (self._folder / backup).exists():
            number += 1
            backup = f"{Path(FILE_NAME).stem}-before-{stamp}-{number}.db"
        # A log that was not merged belongs to the file, under the file's name.
        for suffix in ("-wal", "-shm", ""):
            old = self._folder / (FILE_NAME + suffix)
            if old.exists():
                old.rename(self._folder / (backup + suffix))
                self._rebuilt.backup = backup
        (self._work / FILE_NAME).rename(self._folder / FILE_NAME)
        for left in self._work.iterdir():
            left.unlink()
        self._work.rmdir()
        _synchronize(self._folder)


def _outcome(file: bytes, described: Future[Described]) -> tuple[bytes, Described | BaseException]:
    try:
        return file, described.result()
    except StorageUnavailable:
        raise  # it would be the same with all others
    except (NotDicom, MissingTag, FileCorrupted, FileLost, StorageFailed, OSError) as error:
        return file, error


def _synchronize(folder: Path) -> None:
    """Let what was renamed in a folder survive a power cut."""
    if os.name == "nt":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise CannotStart("The folder of the index could not be synchronized.") from error
    finally:
        os.close(descriptor)
