"""Files in an object store: S3, Azure Blob Storage, Google Cloud Storage, and their like."""

import threading
import time
import uuid as uuids
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from repertory.errors import CannotStart, FileLost, StorageFailed, StorageUnavailable
from repertory.integrity import Survey
from repertory.storage.areas import staging as folders
from repertory.storage.areas.bucket import Bucket
from repertory.storage.areas.calls import StoreCalls
from repertory.storage.areas.filesystem import not_local
from repertory.storage.areas.naming import ObjectNames
from repertory.storage.areas.object_errors import Trouble, failure, refuse_to_start
from repertory.storage.areas.object_listing import Listing

if TYPE_CHECKING:
    from obstore.store import ObjectStore

R = TypeVar("R")
log = structlog.get_logger(__name__)
AT_ONCE = 1000
"""How many objects are removed by one request, at most: S3 takes no more."""

GATHERING = ".gathering"
"""The local folder: none of a disk's, which would take what is noted there for its own."""

_NOTE = ".doubtful"

_MOST_PARTS = 9_000


class ObjectArea:
    """A bucket of an object store.

    A file is there as a whole or not at all. Bodies that arrive in pieces are gathered in a local
    folder first. Where nobody knows whether a file arrived (a time-out), its name is noted there,
    so that it is removed as soon as the store answers again, or by the next start.
    """

    local_path = not_local
    tells_clear_sizes = True
    """Whether ``survey`` leaves out what encryption adds: it does, by names or as new ones."""

    def __init__(
        self,
        bucket: Bucket,
        *,
        staging: Path,
        names: ObjectNames | None = None,
        untouched: bool = False,
        branch: str = "",
        living: folders.Living | None = None,
    ) -> None:
        """Name the store.

        Args:
        bucket: how to get at it.
        staging: the folder in which the local one lies, made where it is missing.
        names: how objects are named.
        untouched: whether a start writes nothing, and settles nothing.
        branch: the name of this node, where several share the local folder.
        living: who lives of them; without it, what lies in the folder is nobody's.
        """
        self._bucket = bucket
        self.tells_sums = bucket.tells_sums
        self._names = names or ObjectNames()
        self._untouched = untouched
        self._all_staging = staging / GATHERING
        self._staging = self._all_staging / branch
        self._branch = branch
        self._living = living
        self._store: ObjectStore | None = None
        self._hasty: ObjectStore | None = None
        self._doubtful: set[str] = set()
        self._lock = threading.Lock()
        self._listing: Listing | None = None

    @property
    def place(self) -> str:
        """The store, in words."""
        return self._bucket.place

    def open(self) -> None:
        """See whether the store can be read and written."""
        if not self._untouched:
            folders.make_staging(self._staging)
            if self._living is None:
                folders.take_over_branches(self._staging)
        bucket = self._bucket
        try:
            hasty = bucket.make(False)
            try:
                self._try(hasty)
            except Exception as error:
                missing = Trouble(error).no_place and not self._untouched
                if not missing or not bucket.prepare():
                    raise
                self._try(hasty)
            self._store, self._hasty = bucket.make(True), hasty
        except CannotStart:
            raise
        except Exception as error:  # noqa: BLE001 - of the library, which has many
            refuse_to_start(error, bucket.place, bucket.options)

    def _try(self, store: "ObjectStore") -> None:
        """Write, read and remove an object of no content; or list, where nothing may be written."""
        if self._untouched:
            folder = self._names.folder.rstrip("/") or None
            next(iter(self._calls.list(store, folder, chunk_size=1000)), None)
            return
        name = f"{self._names.folder}{uuids.uuid4()}.probe"
        self._calls.put(store, name, b"", use_multipart=False)
        self._calls.head(store, name)
        self._calls.delete(store, [name])

    def probe(self) -> None:
        """Write, read and remove an object of no content, without patience."""
        if self._hasty is None:
            raise StorageFailed("The storage area is closed.")
        try:
            self._try(self._hasty)
        except Exception as error:  # noqa: BLE001 - of the library, which has many
            found = failure(error, self.place, "Nothing could be written")
            if isinstance(found, FileLost):
                found = StorageUnavailable(f"{self.place} is not there.")
            raise found from None

    def close(self) -> None:
        """Let go of the connections."""
        self._store = self._hasty = None
        self._listing = None

    def leftovers(self) -> tuple[str, ...]:
        """The names in the local folder."""
        if self._untouched:
            return ()
        try:
            if self._living is not None:
                names = folders.gather_leftovers(self._all_staging, self._branch, self._living)
            else:
                # The folders in it are those of files that go to a disk.
                names = tuple(it.name for it in self._staging.iterdir() if not it.is_dir())
            return tuple(sorted({name.removesuffix(_NOTE) for name in names}))
        except OSError as error:
            raise StorageFailed("The staging folder could not be read.") from error

    def finish(self, uuid: str) -> None:
        """Drop the local copy: what the index knows had arrived."""
        self._unlink(uuid)

    def discard(self, uuid: str) -> None:
        """Remove the local copy, and what may have arrived of it."""
        self._remove_names(list(self._names.all_candidates(uuid)), "An incomplete file")
        self._unlink(uuid)

    def staging_path(self, uuid: str) -> Path:
        """A path in the local folder, for ``adopt``."""
        return self._staging / uuid

    def _note_path(self, uuid: str) -> Path:
        """Where a doubt is noted: not in the place of the local copy, which its maker removes."""
        return self._staging / f"{uuid}{_NOTE}"

    # Writing

    def create(self, uuid: str, content_type: int, content: bytes) -> str:
        """Store a new file.

        The entity tag of an object that came to S3 in one piece is its MD5 sum, unless the store
        encrypts it with a key of its customer (Amazon S3 API Reference, Object, ETag).
        """
        return self._put(uuid, content_type, content, len(content))

    def adopt(self, uuid: str, content_type: int, path: Path) -> None:
        """Send a local file, a large one in parts."""
        try:
            size = path.stat().st_size
            self._put(uuid, content_type, path, size)
        except OSError as error:
            raise StorageFailed("A staged file could not be read.") from error
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _put(self, uuid: str, content_type: int, content: bytes | Path, size: int) -> str:
        bucket = self._bucket
        part = max(bucket.part_size, size // _MOST_PARTS + 1)
        try:
            # Overwriting: a request that is tried again must not meet what it sent itself. Names
            # are new ones, whatever happens.
            done = self._calls.put(
                self._opened,
                self._names.new(uuid, content_type),
                content,
                attributes=dict(bucket.attributes) or None,
                tags=dict(bucket.tags) or None,
                use_multipart=size > part,
                chunk_size=part,
                max_concurrency=bucket.parts_at_once,
            )
        except Exception as error:  # noqa: BLE001 - of the library, which has many
            found = failure(error, bucket.place, f"The file {uuid} could not be stored")
            if isinstance(found, FileLost):
                found = StorageUnavailable(f"The file {uuid} could not be stored: {found}")
            if isinstance(found, StorageUnavailable):
                self._note_doubt(uuid)
            raise found from None
        if self._doubtful:
            self._settle_doubts()
        return (done["e_tag"] or "").strip('"')

    def _note_doubt(self, uuid: str) -> None:
        with self._lock:
            self._doubtful.add(uuid)
        with suppress(OSError):  # then a check of the archive finds it
            folders.note(self._note_path(uuid))

    def _settle_doubts(self) -> None:
        """The store works again: remove what may have arrived and was never recorded."""
        with self._lock:
            doubtful, self._doubtful = self._doubtful, set()
        for uuid in doubtful:
            try:
                self.discard(uuid)
            except StorageFailed:
                self._note_doubt(uuid)
            else:
                log.info("doubtful_object_removed", uuid=uuid)

    # Reading

    def read(
        self, uuid: str, content_type: int, start: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes from ``start``, at most ``length`` of them."""
        if length is not None and length <= 0:
            return b""
        with self._reading(uuid):
            return self._first(uuid, content_type, lambda name: self._get(name, start, length))

    def size(self, uuid: str, content_type: int) -> int:
        """How many bytes the file has."""
        with self._reading(uuid):
            return self._first(uuid, content_type, self._measure)

    def _first(self, uuid: str, content_type: int, look: Callable[[str], R]) -> R:
        """What is found under the first of the names that there is."""
        names = list(self._names.candidates(uuid, content_type))
        if content_type == 0:  # unknown also to whoever asks
            names += [name for name in self._names.all_candidates(uuid) if name not in names]
        for name in names[:-1]:
            with suppress(FileNotFoundError):
                return look(name)
        return look(names[-1])

    def _get(self, name: str, start: int, length: int | None) -> bytes:
        if start == 0 and length is None:
            return bytes(self._calls.get(self._opened, name).bytes())
        wanted: Any = {"offset": start} if length is None else (start, start + length)
        try:
            answer = self._calls.get(self._opened, name, options={"range": wanted})
            first, last = answer.range
            content = bytes(answer.bytes())
        except FileNotFoundError:
            raise
        except Exception as error:
            trouble = Trouble(error)
            if trouble.out_of_range:
                return b""
            if not trouble.range_ignored:
                raise
            # RFC 9110 section 14.2: a server may send everything whatever was asked for.
            whole = bytes(self._calls.get(self._opened, name).bytes())
            return whole[start:] if length is None else whole[start : start + length]
        if len(content) != last - first:
            raise StorageUnavailable(f"{self.place} sent less than it said.")
        return content

    def _measure(self, name: str) -> int:
        try:
            return int(self._calls.head(self._opened, name)["size"])
        except FileNotFoundError:
            # The answer has no body, so perhaps the bucket is gone: that does not lose its files.
            self._calls.get(self._opened, name).bytes()
            raise

    @contextmanager
    def _reading(self, uuid: str) -> Iterator[None]:
        try:
            yield
        except StorageFailed:
            raise
        except Exception as error:  # noqa: BLE001 - of the library, which has many
            raise failure(error, self.place, f"The file {uuid} could not be read") from None

    # Removing

    def remove(self, uuid: str, content_type: int) -> None:
        """Remove a file."""
        self.remove_many([(uuid, content_type)])

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove files, a thousand by one request where the store can."""
        names = [name for uuid, kind in files for name in self._names.candidates(uuid, kind)]
        what = f"The file {files[0][0]}" if len(files) == 1 else f"{len(files)} files"
        self._remove_names(names, what)

    def _remove_names(self, names: list[str], what: str) -> None:
        remaining = iter(names)
        while some := list(islice(remaining, AT_ONCE)):
            try:
                self._calls.delete(self._opened, some)
            except FileNotFoundError as error:
                # One was gone before, which ends the request of some stores.
                if Trouble(error).no_place:
                    raise failure(error, self.place, f"{what} could not be removed") from None
                for name in some:
                    self._remove_name(name, what)
            except Exception as error:  # noqa: BLE001 - of the library, which has many
                raise failure(error, self.place, f"{what} could not be removed") from None

    def _remove_name(self, name: str, what: str) -> None:
        try:
            with suppress(FileNotFoundError):
                self._calls.delete(self._opened, name)
        except Exception as error:  # noqa: BLE001 - of the library, which has many
            raise failure(error, self.place, f"{what} could not be removed") from None

    # Looking after files

    def names(self) -> Iterator[str]:
        """The UUIDs of all files."""
        with self._listed():
            yield from Listing(self._calls, self._opened, self._names).all()

    def survey(self, folder: int) -> Survey:
        """The files whose UUIDs begin with this byte.

        Whoever asks for one after the other has the bucket listed once.
        """
        with self._listed(), self._lock:
            listing = self._listing
            if listing is None or not listing.stands_at(folder, time.monotonic()):
                listing = Listing(self._calls, self._opened, self._names)
            self._listing = None
            survey = listing.survey(folder, time.monotonic())
            self._listing = listing
            return survey

    def set_aside(self, uuid: str) -> bool:
        """Give a file another name, below ``lost-and-found``."""
        moved = False
        for name in self._names.all_candidates(uuid):
            try:
                self._calls.copy(self._opened, name, self._names.aside(name))
                self._calls.delete(self._opened, name)
                moved = True
            except Exception as error:  # noqa: BLE001 - of the library, which has many
                found = failure(error, self.place, f"The file {uuid} could not be set aside")
                if not isinstance(found, FileLost):
                    raise found from None
        return moved

    @contextmanager
    def _listed(self) -> Iterator[None]:
        try:
            yield
        except StorageFailed:
            raise
        except Exception as error:  # noqa: BLE001 - of the library, which has many
            found = failure(error, self.place, "Files could not be listed")
            if isinstance(found, FileLost):
                found = StorageUnavailable(f"{self.place} is not there.")
            raise found from None

    @property
    def _calls(self) -> StoreCalls:
        return self._bucket.calls()

    @property
    def _opened(self) -> "ObjectStore":
        if self._store is None:
            raise StorageFailed("The storage area is closed.")
        return self._store

    def _unlink(self, uuid: str) -> None:
        try:
            self.staging_path(uuid).unlink(missing_ok=True)
            self._note_path(uuid).unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed("A staged file could not be removed.") from error
