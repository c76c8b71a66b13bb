"""Making an archive: reading ahead, compressing side by side, sending in order."""

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from repertory.actors.archiving.planning import Plan
from repertory.actors.crew import Crew
from repertory.actors.messages.archives import ArchiveForm
from repertory.actors.messages.attachments import AttachmentContent, ReadAttachment
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import (
    BadRange,
    FileCorrupted,
    FileLost,
    NotDicom,
    UnknownItem,
    UnknownResource,
)
from repertory.model import Level, ResourceDescription, ResourceId
from repertory.storage.zipping import Entry, ZipStream, make_entry

if TYPE_CHECKING:
    from repertory.storage.dicom.dicomdir import DicomDir

log = structlog.get_logger(__name__)

PIECE = 4 << 20
"""Bytes of a file that are read at a time; a file that has more is never whole in memory."""
AHEAD = 6
"""Files that are read and compressed while one is being sent."""
PARCEL = 256 << 10
"""Bytes that are handed out at a time, if they are not the first or the last ones."""

TOLD_IN = "missing-instances.json"


@dataclass(frozen=True, slots=True)
class Missing:
    """An instance that is not in an archive, the name that it would have, and why not."""

    id: ResourceId
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read: its entry, or its first piece where it is large; and its header."""

    entry: Entry | None
    first: AttachmentContent


class Archive:
    """One archive that is being made. ``parcels`` waits for the index and the files."""

    def __init__(
        self, *, board: Switchboard, crew: Crew, form: ArchiveForm, moment: time.struct_time
    ) -> None:
        """Take what is needed.

        Args:
            board: whom to ask.
            crew: who compresses; another one than that which runs ``parcels``.
            form: what is in the archive.
            moment: its date, in local time.
        """
        self._board = board
        self._crew = crew
        self._form = form
        self._moment = moment
        self._zip = ZipStream()
        self._plan = Plan(board, form)
        self._directory: DicomDir | None = None
        self.missing: list[Missing] = []
        self.instances = 0
        """How many instances have gone by, the missing ones too."""
        self.size = 0
        """How many bytes they had."""
        self.is_whole = False
        """Whether all bytes were handed out."""

    def resolve(
        self, ids: tuple[ResourceId, ...], level: Level | None
    ) -> tuple[ResourceDescription, ...]:
        """The resources; ``UnknownResource`` where one is not there."""
        return self._plan.resolve(ids, level)

    def parcels(self, resources: tuple[ResourceDescription, ...]) -> Iterator[bytes]:
        """The bytes of the archive, in parcels.

        Raises:
            FileLost: a file is missing, and the form is not permissive.
            FileCorrupted: likewise, of a file that is damaged.
        """
        parcel = bytearray()
        wanted = 1  # the client learns at once that something comes
        for piece in self._pieces(resources):
            # What is held back is never nothing, so that the last parcel is known to be it.
            if len(parcel) >= wanted:
                yield bytes(parcel)
                parcel.clear()
                wanted = PARCEL
            parcel += piece
        self.is_whole = True
        yield bytes(parcel)

    def _pieces(self, resources: tuple[ResourceDescription, ...]) -> Iterator[bytes]:
        planned = self._plan.instances(resources)
        ahead: deque[tuple[ResourceId, str, Reply[_Read]]] = deque()
        if self._form.media:
            from repertory.storage.dicom.dicomdir import (  # noqa: PLC0415 - it brings pydicom
                DicomDir,
            )

            self._directory = DicomDir(extended=self._form.extended)
        while True:
            while len(ahead) < AHEAD:
                following = next(planned, None)
                if following is None:
                    break
                ahead.append((*following, self._begin_reading(*following)))
            if not ahead:
                break
            id_, name, reply = ahead.popleft()
            self.instances += 1
            try:
                yield from self._instance(id_, name, reply.get())
            except (FileLost, FileCorrupted, UnknownResource, UnknownItem) as error:
                self._miss(id_, name, error)
        if self._directory is not None:
            yield self._add("DICOMDIR", self._directory.to_bytes())
        if self.missing:
            told = [{"ID": it.id, "Name": it.name, "Reason": it.reason} for it in self.missing]
            yield self._add(TOLD_IN, json.dumps(told, indent=2).encode())
        yield self._zip.finish()

    def _miss(self, id_: ResourceId, name: str, error: Exception) -> None:
        if not self._form.permissive:
            raise error
        deleted = isinstance(error, UnknownResource | UnknownItem)
        reason = "It was deleted while the archive was made." if deleted else str(error)
        log.warning("instance_left_out", id=id_, reason=type(error).__name__)
        self.missing.append(Missing(id_, name, reason))

    def _begin_reading(self, id_: ResourceId, name: str) -> Reply[_Read]:
        def compress(first: AttachmentContent) -> _Read:
            whole = first.attachment.uncompressed_size <= len(first.content)
            return _Read(make_entry(name, first.content, self._moment) if whole else None, first)

        question = ReadAttachment(level=Level.INSTANCE, id=id_, length=PIECE, remember=False)
        read = self._board.ask_soon(question)
        return read.then(lambda first: self._crew.do(lambda: compress(first)))

    def _instance(self, id_: ResourceId, name: str, read: _Read) -> Iterator[bytes]:
        if self._directory is not None:
            try:
                self._directory.add(read.first.content, tuple(name.split("/")))
            except NotDicom as error:
                raise FileCorrupted from error
        if read.entry is not None:
            yield self._zip.add(read.entry)
        else:
            pieces = self._rest(id_, read.first)
            yield from self._zip.add_pieces(name, pieces, self._moment)
        self.size += read.first.attachment.uncompressed_size

    def _rest(self, id_: ResourceId, first: AttachmentContent) -> Iterator[bytes]:
        """A large file, piece by piece, with one read ahead."""
        uuid, size = first.attachment.uuid, first.attachment.uncompressed_size
        content, position = first.content, 0
        while True:
            position += len(content)
            ahead = None
            if position < size:
                question = ReadAttachment(
                    level=Level.INSTANCE, id=id_, start=position, length=PIECE, remember=False
                )
                ahead = self._board.ask_soon(question)
            yield content
            if ahead is None:
                return
            try:
                following = ahead.get()
            except BadRange as error:  # another file, and a shorter one
                raise FileLost from error
            if following.attachment.uuid != uuid and (
                following.attachment.uncompressed_md5 != first.attachment.uncompressed_md5
                or not first.attachment.uncompressed_md5
            ):
                raise FileLost("The file was replaced by another one while it was read.")
            content = following.content

    def _add(self, name: str, content: bytes) -> bytes:
        return self._zip.add(make_entry(name, content, self._moment))
