"""Bodies that arrive in pieces: too large for the memory, they go to the disk at once."""

import hashlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from repertory.actors.messages.instances import UploadId
from repertory.errors import ArchiveFull, StorageFailed, UnknownItem
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.filesystem import NO_ROOM
from repertory.storage.naming import new_uuid


@dataclass
class Upload:
    """A body on its way: a local file, its length in bytes and its MD5 sum so far."""

    path: Path
    file: BinaryIO
    touched: float = 0.0
    """When something last came, by the monotonic clock."""
    size: int = 0
    md5: "hashlib._Hash" = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def discard(self) -> None:
        """Remove the file, if it is still there."""
        self.path.unlink(missing_ok=True)


class Uploads:
    """The uploads that are open. Its methods may be called from several threads at once."""

    def __init__(
        self,
        area: StorageArea,
        monotonic: Callable[[], float],
        *,
        new_name: Callable[[], str] = new_uuid,
    ) -> None:
        self._area = area
        self._monotonic = monotonic
        self._new_name = new_name
        self._open: dict[UploadId, Upload] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begin(self) -> UploadId:
        """Open an upload."""
        name = UploadId(self._new_name())
        path = self._area.staging_path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Closed by `take` or `abandon`.
            file = path.open("xb", buffering=0)
        except OSError as error:
            raise _failure(error) from error
        self._open[name] = Upload(path=path, file=file, touched=self._monotonic())
        return name

    def append(self, name: UploadId, content: bytes) -> None:
        """Append to an upload; a full disk ends it."""
        upload = self._open.get(name)
        if upload is None:
            raise UnknownItem("There is no such upload.")
        with upload.lock:
            if upload.file.closed:
                raise UnknownItem("There is no such upload.")
            try:
                view = memoryview(content)
                while view:
                    view = view[upload.file.write(view) :]
            except OSError as error:
                self._open.pop(name, None)
                self._discard(upload)
                raise _failure(error) from error
            upload.touched = self._monotonic()
            upload.size += len(content)
            upload.md5.update(content)

    def take(self, name: UploadId) -> Upload:
        """End an upload; its file belongs to the caller now."""
        upload = self._open.pop(name, None)
        if upload is None:
            raise UnknownItem("There is no such upload.")
        with upload.lock:
            upload.file.close()
        if not upload.path.exists():
            # Other nodes have taken this one for dead, and cleared away what it was writing.
            raise StorageFailed("The upload is gone.")
        return upload

    def abandon(self, name: UploadId) -> None:
        """Forget an upload and remove its file."""
        upload = self._open.pop(name, None)
        if upload is not None:
            with upload.lock:
                self._discard(upload)

    def abandon_idle(self, limit: float) -> int:
        """Abandon those that nothing came for in ``limit`` seconds; how many there were."""
        since = self._monotonic() - limit
        idle = [name for name, upload in tuple(self._open.items()) if upload.touched <= since]
        for name in idle:
            self.abandon(name)
        return len(idle)

    def close(self) -> None:
        """Abandon all."""
        for name in tuple(self._open):
            self.abandon(name)

    def _discard(self, upload: Upload) -> None:
        upload.file.close()
        with suppress(OSError):  # what stays is cleared away at the next start
            upload.path.unlink(missing_ok=True)


def _failure(error: OSError) -> ArchiveFull | StorageFailed:
    if error.errno in NO_ROOM:
        return ArchiveFull("The disk is full.")
    return StorageFailed("The upload could not be written.")
