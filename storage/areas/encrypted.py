"""Encryption at rest, around any storage area."""

import threading
import uuid as uuids
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from repertory.errors import ArchiveFull, StorageFailed
from repertory.integrity import Survey
from repertory.storage.areas import cipher
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.cipher import HEADER, OVERHEAD, FileKey, Keys
from repertory.storage.areas.filesystem import NO_ROOM

PIECE = 1 << 20
REMEMBERED = 4096
"""How many files' keys are kept, so that the next piece of a file takes one request."""

_LOOK = 132
"""So much of a file tells DICOM from what is encrypted under a key that is not there."""


class EncryptedArea:
    """Encrypts what goes into an area, and decrypts what comes out.

    Clear files may lie beside encrypted ones: these begin with a mark and the number of a key.
    Read as a whole, a file is compared with its tag; what is read in pieces is not, so whoever
    does that compares MD5 sums.
    """

    def __init__(self, area: StorageArea, keys: Keys) -> None:
        """Take the area and the keys."""
        self._area = area
        self._keys = keys
        self._known: OrderedDict[tuple[str, int], FileKey | None] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def inner(self) -> StorageArea:
        """The area that is around the files as they are."""
        return self._area

    def open(self) -> None:
        """Make the area ready."""
        self._area.open()

    def close(self) -> None:
        """Let go of it, and of the keys of files."""
        self._area.close()
        with self._lock:
            self._known.clear()

    def probe(self) -> None:
        """See whether files can be written."""
        self._area.probe()

    def leftovers(self) -> tuple[str, ...]:
        """The names of files that were being written."""
        return self._area.leftovers()

    def finish(self, uuid: str) -> None:
        """Put a leftover in its place; it may be clear, which does no harm."""
        self._area.finish(uuid)

    def discard(self, uuid: str) -> None:
        """Remove a leftover."""
        self._area.discard(uuid)

    def local_path(self, _uuid: str) -> str | None:
        """None: what lies there is encrypted."""
        return None

    def staging_path(self, uuid: str) -> Path:
        """Where ``adopt`` takes files from."""
        return self._area.staging_path(uuid)

    # Writing

    def create(self, uuid: str, content_type: int, content: bytes) -> str:
        """Store a new file."""
        if self._keys.current is None:
            return self._area.create(uuid, content_type, content)
        self._area.create(uuid, content_type, cipher.encrypted(self._keys, content))
        return ""

    def adopt(self, uuid: str, content_type: int, path: Path) -> None:
        """Take a local file over, encrypted in pieces."""
        if self._keys.current is not None:
            self._encrypt(path)
        self._area.adopt(uuid, content_type, path)

    def _encrypt(self, path: Path) -> None:
        """Put an encrypted file in the place of a clear one."""
        beside = self._area.staging_path(str(uuids.uuid4()))
        file = cipher.new_key(self._keys)
        encryption = cipher.Encryption(file)
        try:
            with path.open("rb", buffering=0) as clear, beside.open("xb") as target:
                target.write(file.header)
                while piece := clear.read(PIECE):
                    target.write(encryption.update(piece))
                target.write(encryption.finish())
            # Under the same name: whatever a crash leaves can be told by it.
            beside.replace(path)
        except OSError as error:
            for each in (beside, path):
                with suppress(OSError):
                    each.unlink(missing_ok=True)
            if error.errno in NO_ROOM:
                raise ArchiveFull("The disk is full.") from error
            raise StorageFailed("A file could not be encrypted.") from error

    # Reading

    def read(
        self, uuid: str, content_type: int, start: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes from ``start``, at most ``length`` of them."""
        if length is not None and length <= 0:
            return b""
        known, file = self._recall(uuid, content_type)
        if start == 0 and (not known or file is not None):
            return self._read_from_start(uuid, content_type, length)
        if not known:
            file = self._look(uuid, content_type)
        if file is None:
            return self._area.read(uuid, content_type, start, length)
        # Up to the tag: what lies behind the content is not read as content.
        wanted = None if length is None else length + cipher.TAG
        stored = self._area.read(uuid, content_type, HEADER + start, wanted)
        return cipher.decrypted_range(file, start, stored[: -cipher.TAG])

    def _read_from_start(self, uuid: str, content_type: int, length: int | None) -> bytes:
        """Read the key and the content by one request; a whole file is compared with its tag."""
        # One byte more tells whether that was all.
        wanted = None if length is None else max(length + OVERHEAD, _LOOK) + 1
        stored = self._area.read(uuid, content_type, 0, wanted)
        file = self._file_key(uuid, content_type, stored)
        if file is None:
            return stored if length is None else stored[:length]
        if wanted is None or len(stored) < wanted:
            content = cipher.decrypted(file, stored)
            return content if length is None else content[:length]
        return cipher.decrypted_range(file, 0, stored[HEADER:][:length])

    def size(self, uuid: str, content_type: int) -> int:
        """How many bytes the file has, before it is encrypted."""
        size = self._area.size(uuid, content_type)
        known, file = self._recall(uuid, content_type)
        if not known:
            file = self._look(uuid, content_type) if size >= OVERHEAD else None
        return size if file is None else size - OVERHEAD

    def key_number(self, uuid: str, content_type: int) -> int | None:
        """The number of the key that a file is encrypted under; ``None``: it is clear."""
        file = self._look(uuid, content_type)
        return None if file is None else file.number

    def _look(self, uuid: str, content_type: int) -> FileKey | None:
        return self._file_key(uuid, content_type, self._area.read(uuid, content_type, 0, _LOOK))

    def _file_key(self, uuid: str, content_type: int, beginning: bytes) -> FileKey | None:
        """What a file is encrypted with, ``None`` where it is not, by its first bytes."""
        number = cipher.number_of(beginning)
        file = None
        if number is not None and len(beginning) >= OVERHEAD:
            master = self._keys.by_number.get(number)
            if master is not None:
                file = cipher.key_in(beginning, master)
            elif beginning[128:132] != b"DICM":
                raise StorageFailed(
                    f"The file {uuid} is encrypted under the key {number}, which is not configured."
                )
        with self._lock:
            self._known[uuid, content_type] = file
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return file

    def _recall(self, uuid: str, content_type: int) -> tuple[bool, FileKey | None]:
        with self._lock:
            key = (uuid, content_type)
            return key in self._known, self._known.get(key)

    # Looking after files

    def remove(self, uuid: str, content_type: int) -> None:
        """Remove a file."""
        self.remove_many([(uuid, content_type)])

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove files."""
        with self._lock:
            for file in files:
                self._known.pop(file, None)
        self._area.remove_many(files)

    def names(self) -> Iterator[str]:
        """The UUIDs of all files."""
        return self._area.names()

    def survey(self, folder: int) -> Survey:
        """The files whose UUIDs begin with this byte.

        Where names do not tell which files are encrypted, all are taken for what new ones are:
        whoever finds another size than expected asks for the ``size``, which looks.
        """
        survey = self._area.survey(folder)
        if self._keys.current is None or getattr(self._area, "tells_clear_sizes", False):
            return survey
        files = {
            uuid: file._replace(size=max(file.size - OVERHEAD, 0))
            for uuid, file in survey.files.items()
        }
        return Survey(files, survey.foreign)

    @property
    def tells_sums(self) -> bool:
        """Whether ``create`` tells the MD5 sum of what was received: of clear files alone."""
        return self._keys.current is None and getattr(self._area, "tells_sums", False)

    def set_aside(self, uuid: str) -> bool:
        """Take a file out of the area, as it is."""
        return self._area.set_aside(uuid)
