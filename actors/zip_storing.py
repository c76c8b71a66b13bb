"""Storing the files of a ZIP archive, one for each piece of work of the storage's crew."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import structlog

from repertory.actors.crew import Crew
from repertory.actors.messages.instances import Body
from repertory.actors.reply import Reply, gather
from repertory.actors.uploads import Upload, Uploads
from repertory.errors import MissingTag, NotDicom, RepertoryError
from repertory.model import Origin, StoreReceipt
from repertory.storage.zips import ZipEntries

log = structlog.get_logger(__name__)

_Work = Callable[[], Any]
"""A step of the work; it returns the next one, or ``None`` after the last."""

_IN_MEMORY = 4 << 20
"""Files up to this size are unpacked into memory, larger ones to the disk."""


class Store(Protocol):
    """What stores one file; the storage actor, for its crew."""

    def store_bytes(self, content: bytes, origin: Origin) -> Reply[StoreReceipt]:
        """Store a file that is in memory."""

    def store_upload(self, upload: Upload, origin: Origin) -> Reply[StoreReceipt]:
        """Store a file that lies at a local path."""


class ZipStoring:
    """One ZIP archive being stored.

    Each step does one file and leaves the next to the crew, so that other requests come in
    between. All files are checked before the first is stored. Files that are not DICOM, or lack
    an identifier, are passed over; any other error ends it, and what was stored until then stays:
    sending the archive again does no harm.
    """

    def __init__(
        self, *, crew: Crew, uploads: Uploads, store: Store, origin: Origin, limit: int
    ) -> None:
        self._crew = crew
        self._uploads = uploads
        self._store = store
        self._origin = origin
        self._limit = limit
        self._entries: ZipEntries
        self._path: Path | None = None
        self._receipts: list[Reply[StoreReceipt]] = []
        self._outcome: Reply[tuple[StoreReceipt, ...]] = Reply()

    def begin(self, content: Body) -> Reply[tuple[StoreReceipt, ...]]:
        """Begin; the reply is the receipts of what was DICOM, in the archive's order."""
        self._leave(lambda: self._open(content))
        return self._outcome

    def _leave(self, work: _Work) -> None:
        """Leave a step to the crew, which refuses it once it is closed."""
        self._crew.do(lambda: self._step(work)).on_done(self._note_refusal)

    def _note_refusal(self, reply: Reply[None]) -> None:
        if isinstance(reply.error, Exception):
            self._end(reply.error)

    def _step(self, work: _Work) -> None:
        try:
            following = work()
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
            self._end(error)
        else:
            if following is not None:
                self._leave(following)

    def _open(self, content: Body) -> _Work:
        if isinstance(content, bytes):
            self._entries = ZipEntries(content, limit=self._limit)
        else:
            self._path = self._uploads.take(content).path
            self._entries = ZipEntries(self._path, limit=self._limit)
        return lambda: self._check(0)

    def _check(self, number: int) -> _Work:
        if number == len(self._entries):
            return lambda: self._store_entry(0)
        self._entries.check(number)
        return lambda: self._check(number + 1)

    def _store_entry(self, number: int) -> _Work | None:
        if number == len(self._entries):
            self._end(None)
            return None
        try:
            if self._entries.size(number) <= _IN_MEMORY:
                content = b"".join(self._entries.pieces(number))
                self._receipts.append(self._store.store_bytes(content, self._origin))
            else:
                self._receipts.append(self._store.store_upload(self._unpack(number), self._origin))
        except (NotDicom, MissingTag) as error:
            log.debug("zip_entry_skipped", number=number, error=type(error).__name__)
        return lambda: self._store_entry(number + 1)

    def _unpack(self, number: int) -> Upload:
        name = self._uploads.begin()
        try:
            for piece in self._entries.pieces(number):
                self._uploads.append(name, piece)
        except RepertoryError:
            self._uploads.abandon(name)
            raise
        return self._uploads.take(name)

    def _end(self, error: Exception | None) -> None:
        if hasattr(self, "_entries"):
            self._entries.close()
        if self._path is not None:
            with suppress(OSError):  # what stays is cleared away at the next start
                self._path.unlink(missing_ok=True)
        if error is None:
            self._outcome.set(gather(self._receipts))
        else:
            self._outcome.refuse(error)
