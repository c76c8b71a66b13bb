"""The storage area's part in transcoding: of files that come in, and of files that go out."""

from collections.abc import Callable

import structlog

from repertory.actors.base import handles
from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.transcoding import ReadTranscoded, Transcode, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.storage_reading import StorageReading
from repertory.actors.uploads import Upload
from repertory.errors import (
    BadParameter,
    MissingTag,
    NoReplyInTime,
    NotDicom,
    TranscodingFailed,
    Unsupported,
)
from repertory.model import ContentType, Level, Metadata, ResourceId, StoreReceipt, Summary
from repertory.storage import dicom
from repertory.storage.identifiers import resource_ids
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.pixels.rules import LARGEST, IngestRules
from repertory.storage.pixels.syntaxes import SYNTAXES

log = structlog.get_logger(__name__)

CANNOT = (Unsupported, TranscodingFailed, NoReplyInTime)
"""Why a file is kept as it came."""


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


def note_refusal(id_: ResourceId, summary: Summary, reason: Exception) -> None:
    """Tell that a file keeps its transfer syntax."""
    log.warning(
        "instance_not_transcoded",
        id=id_,
        transfer_syntax=summary.transfer_syntax,
        reason=type(reason).__name__,
        details=str(reason),
    )


def describe_anew(
    new: TranscodedFile, summary: Summary, main_tags: MainDicomTags
) -> Summary | None:
    """The summary of a transcoded file; ``None`` where it is not the same instance any more."""
    try:
        described = dicom.summarize(new.content, main_tags)
    except (NotDicom, MissingTag) as error:
        note_refusal(resource_ids(summary.identity).instance, summary, error)
        return None
    same = described.identity == summary.identity
    is_new = described.identity.sop_instance_uid == new.instance
    if not same and not is_new:
        note_refusal(resource_ids(summary.identity).instance, summary, NotDicom())
        return None
    return described
