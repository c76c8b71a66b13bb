"""What comes back from the transcoder, in the place of what there was."""

from dataclasses import replace

import structlog

from repertory.actors.messages.transcoding import Transcode, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import MissingTag, NoReplyInTime, NotDicom, TranscodingFailed, Unsupported
from repertory.model import Attachment, ContentType, ResourceId, Summary
from repertory.storage import dicom
from repertory.storage.files import Files
from repertory.storage.identifiers import resource_ids
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.pixels.rules import LARGEST, IngestRules

log = structlog.get_logger(__name__)

CANNOT = (Unsupported, TranscodingFailed, NoReplyInTime)
"""Why a file is kept as it came."""


def ask_anew(
    board: Switchboard, files: Files, attachment: Attachment, rules: IngestRules
) -> Reply[TranscodedFile]:
    """Read a stored file, and have it transcoded without a loss."""
    if attachment.uncompressed_size > LARGEST:
        refused: Reply[TranscodedFile] = Reply()
        refused.refuse(Unsupported("The file is too large to be transcoded."))
        return refused
    content = files.read(attachment, remember=False)
    wanted = Transcode(content=content, syntaxes=(rules.syntax,), allow_lossy=False)
    return board.ask_soon(wanted)


def write_anew(
    files: Files, new: TranscodedFile, attachment: Attachment, summary: Summary
) -> Attachment:
    """Write what takes the place of a stored file."""
    head = summary.pixel_data_offset or 0
    written = files.write(new.content, ContentType.DICOM, head=head)
    return replace(written, revision=attachment.revision + 1)


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
