"""The storage area's part in transcoding: of files that come in, and of files that go out."""

from collections.abc import Callable

import structlog

from repertory.actors.base import handles
from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.pictures import Depict, Picture, ReadPicture
from repertory.actors.messages.transcoding import ReadTranscoded, Transcode, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.storage_reading import StorageReading, head_length
from repertory.actors.transcoding_anew import CANNOT, describe_anew, note_refusal
from repertory.actors.uploads import Upload
from repertory.errors import (
    BadParameter,
    Unsupported,
)
from repertory.model import ContentType, Level, Metadata, StoreReceipt, Summary, TagForm
from repertory.storage import dicom
from repertory.storage.identifiers import resource_ids
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.pixels.alone import LARGE, read_alone
from repertory.storage.pixels.rules import LARGEST, IngestRules
from repertory.storage.pixels.syntaxes import SYNTAXES

log = structlog.get_logger(__name__)


class StorageTranscoding(StorageReading):
    """A part of ``StorageActor``: asks the transcoder, and keeps what came where it cannot."""

    _main_tags: MainDicomTags
    _ingest: IngestRules

    def transcoded(
        self,
        content: bytes,
        summary: Summary,
        keep: Callable[[bytes, Summary], Reply[StoreReceipt]],
    ) -> Reply[StoreReceipt]:
        """Keep a file in the transfer syntax that files shall have; for the crew."""
        asked = self.board.ask_soon(Transcode(content=content, syntaxes=(self._ingest.syntax,)))
        kept: Reply[StoreReceipt] = Reply()

        def settle(reply: Reply[TranscodedFile]) -> None:
            if isinstance(reply.error, CANNOT):
                note_refusal(resource_ids(summary.identity).instance, summary, reply.error)
                kept.set(self._crew.do(lambda: keep(content, summary)))
            elif reply.error is not None:
                kept.refuse(reply.error)
            else:
                kept.set(self._crew.do(lambda: keep_new(reply.get())))

        def keep_new(new: TranscodedFile) -> Reply[StoreReceipt]:
            described = describe_anew(new, summary, self._main_tags)
            if described is None:
                return keep(content, summary)
            return keep(new.content, described)

        asked.on_done(settle)
        return kept

    def transcoded_upload(
        self,
        upload: Upload,
        summary: Summary,
        keep: Callable[[bytes, Summary], Reply[StoreReceipt]],
    ) -> Reply[StoreReceipt] | None:
        """The same for a file at a local path, which is gone then; ``None``: it is too large."""
        if upload.size > LARGEST:
            note_refusal(resource_ids(summary.identity).instance, summary, Unsupported())
            return None
        try:
            content = upload.path.read_bytes()
        finally:
            upload.discard()
        return self.transcoded(content, summary, keep)

    @handles(ReadPicture)
    def read_picture(self, query: ReadPicture) -> Reply[Picture]:
        """Read a file and let a picture be made of it."""

        def work(found: AttachmentDescription) -> Reply[Picture]:
            alone = self._frame_alone(found, query.order.frame)
            if alone is not None:
                head, frame = alone
                return self.board.ask_soon(
                    Depict(content=head + frame, order=query.order, head=len(head))
                )
            if found.attachment.uncompressed_size > LARGEST:
                raise Unsupported("The file is too large to be shown.")
            content = self._files.read(found.attachment, remember=query.remember)
            return self.board.ask_soon(Depict(content=content, order=query.order))

        return self._read_by(Level.INSTANCE, query.id, ContentType.DICOM, work)

    def _frame_alone(
        self, found: AttachmentDescription, frame: int | None
    ) -> tuple[bytes, bytes] | None:
        """A large file up to its pixels, and one frame of it, if that is all that is wanted."""
        offset = head_length(found)
        if frame is None or offset is None or found.attachment.uncompressed_size < LARGE:
            return None
        head = self._read_head(found)
        content = read_alone(
            found.metadata.get(Metadata.TRANSFER_SYNTAX, ""),
            offset,
            dicom.tags(head, TagForm.SHORT),
            frame,
            lambda start, length: self._files.read(found.attachment, start, length),
        )
        return None if content is None else (head, content)

    @handles(ReadTranscoded)
    def read_transcoded(self, query: ReadTranscoded) -> Reply[TranscodedFile]:
        """Read a file and let it be transcoded, unless it is what is wanted."""
        if any(syntax not in SYNTAXES for syntax in query.syntaxes):
            raise BadParameter("Unknown transfer syntax.")

        def work(found: AttachmentDescription) -> TranscodedFile | Reply[TranscodedFile]:
            if found.attachment.uncompressed_size > LARGEST:
                raise Unsupported("The file is too large to be transcoded.")
            content = self._files.read(found.attachment, remember=query.remember)
            syntax = found.metadata.get(Metadata.TRANSFER_SYNTAX, "")
            if syntax in query.syntaxes:
                return TranscodedFile(content=content, transfer_syntax=syntax)
            command = Transcode(content=content, syntaxes=query.syntaxes, quality=query.quality)
            return self.board.ask_soon(command)

        return self._read_by(Level.INSTANCE, query.id, ContentType.DICOM, work)
