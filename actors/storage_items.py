"""The storage area's handlers for attachments: storing, reading as stored, verifying."""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import (
    ReadStoredFile,
    SetAttachment,
    StoreAttachment,
    VerifyFile,
)
from repertory.actors.messages.instances import Body
from repertory.actors.messages.job_outputs import StoreOutput
from repertory.actors.reply import Reply
from repertory.actors.uploads import Uploads
from repertory.errors import FileCorrupted, Forbidden, Unsupported
from repertory.items import is_user_number
from repertory.model import Attachment, ContentType, ResourceRef
from repertory.storage.files import Files

if TYPE_CHECKING:
    from typing import Any

    from repertory.actors.switchboard import Switchboard

log = structlog.get_logger(__name__)

PIECE = 1 << 20
STEP = 32 * PIECE
"""How many bytes one piece of work of a verification reads: others wait no longer than that."""


class StorageItems:
    """A part of ``StorageActor``, apart from it for length only."""

    board: "Switchboard"
    _crew: Crew
    _uploads: Uploads
    _files: Files
    _mending: Mending

    if TYPE_CHECKING:

        def take_back(self, attachment: Attachment, reply: Reply[Any]) -> None:
            """Remove a file once the index has refused it."""

        def _wherever_it_is_now(
            self,
            owner: ResourceRef | None,
            attachment: Attachment,
            work: Callable[[Attachment], bytes],
        ) -> bytes | Reply[bytes]:
            """See ``StoragePlaces``."""

    @handles(StoreAttachment)
    def store_attachment(self, command: StoreAttachment) -> Reply[Attachment]:
        """Write a file, then let the index enter it and answer."""
        if not is_user_number(command.content_type):
            raise Forbidden("Only the users' own attachments can be written.")
        return self._crew.do(lambda: self._store_attachment(command))

    def _store_attachment(self, command: StoreAttachment) -> Reply[Attachment]:
        attachment = self._write_attachment(command.content_type, command.content)
        # As for instances: the file is there before its row, and goes if the row is refused.
        reply = self.board.ask_soon(
            SetAttachment(
                level=command.level,
                id=command.id,
                attachment=attachment,
                expected=command.expected,
            )
        )
        self.take_back(attachment, reply)
        return reply

    def _write_attachment(self, content_type: int, content: Body) -> Attachment:
        if isinstance(content, bytes):
            return self._files.write(content, content_type)
        upload = self._uploads.take(content)
        try:
            md5 = upload.md5.hexdigest() if self._files.options.keep_md5 else ""
            return self._files.write_file(upload.path, upload.size, md5, content_type)
        finally:
            upload.path.unlink(missing_ok=True)

    @handles(StoreOutput)
    def store_output(self, command: StoreOutput) -> Reply[Attachment]:
        """Write a file; whoever asked has it recorded."""
        return self._crew.do(lambda: self._write_attachment(ContentType.UNKNOWN, command.content))

    @handles(ReadStoredFile)
    def read_stored_file(self, query: ReadStoredFile) -> Reply[bytes]:
        """Read a file as it is."""

        def read_from(file: Attachment) -> bytes:
            return self._files.read_stored(file, query.start, max(query.length, 0))

        def read() -> bytes | Reply[bytes]:
            with self._mending.watching_for_corruption(query.owner, query.attachment):
                return self._wherever_it_is_now(query.owner, query.attachment, read_from)

        return self._crew.do(read)

    @handles(VerifyFile)
    def verify_file(self, query: VerifyFile) -> Reply[None]:
        """Read a file from the medium, and compare."""
        if not query.attachment.compressed_md5:
            raise Unsupported("No MD5 sum of this file is kept.")
        return Verification(self._files, self._crew, self._mending, query).begin()


class Verification:
    """Reads one file to its end, a step at a time, and compares its MD5 sum."""

    def __init__(self, files: Files, crew: Crew, mending: Mending, query: VerifyFile) -> None:
        self._area = files.area_at(query.attachment.location)
        self._crew = crew
        self._mending = mending
        self._attachment = query.attachment
        self._owner = query.owner
        self._position = 0
        self._md5 = hashlib.md5(usedforsecurity=False)

    def begin(self) -> Reply[None]:
        """Have step after step done; the reply is the outcome."""
        whole: Reply[None] = Reply()

        def judge(step: Reply[bool]) -> None:
            if step.error is not None:
                whole.refuse(step.error)
            elif step.get():
                self._crew.do(self._step).on_done(judge)
            else:
                whole.set()

        self._crew.do(self._step).on_done(judge)
        return whole

    def _step(self) -> bool:
        """Read on; whether there is more."""
        with self._mending.watching_for(self._owner, self._attachment):
            return self._read_on()

    def _read_on(self) -> bool:
        end = self._position + STEP
        it = self._attachment
        while self._position < end:
            piece = self._area.read(it.uuid, it.content_type, self._position, PIECE)
            if not piece:
                self._compare()
                return False
            self._md5.update(piece)
            self._position += len(piece)
        return True

    def _compare(self) -> None:
        it = self._attachment
        if self._position == it.compressed_size and self._md5.hexdigest() == it.compressed_md5:
            return
        raise FileCorrupted
