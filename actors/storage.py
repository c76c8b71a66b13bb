"""The storage area: its one owner, and the crew that reads and writes for it."""

import hashlib
import uuid as uuids
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import (
    AttachmentContent,
    AttachmentDescription,
    DescribeAttachment,
    FindAttachments,
    ReadAttachment,
    ReadFile,
    ReadHeader,
    ReadTags,
    RemoveAttachment,
)
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    RecordInstance,
    StoreInstance,
    StoreZip,
    UploadId,
)
from repertory.actors.messages.integrity import ExamineFiles, SetAside, SurveyFiles
from repertory.actors.reply import Reply, gather
from repertory.actors.switchboard import Switchboard
from repertory.actors.uploads import Upload, Uploads
from repertory.actors.zip_storing import ZipStoring
from repertory.errors import (
    BadRange,
    FileCorrupted,
    IndexFailed,
    NotDicom,
)
from repertory.integrity import Finding, IndexedFile, Survey
from repertory.model import (
    Attachment,
    ContentType,
    Level,
    Metadata,
    Origin,
    ResourceId,
    StoreReceipt,
    Summary,
)
from repertory.storage import dicom
from repertory.storage.areas.base import StorageArea
from repertory.storage.examining import examine
from repertory.storage.identifiers import resource_ids
from repertory.storage.main_tags import MainDicomTags

log = structlog.get_logger(__name__)


class StorageActor(RepertoryActor):
    """Owns one storage area: every file in it is written, read and removed by this actor's crew.

    The actor itself only hands out work, so its mailbox never waits for a disk. Files are written
    once and have names of their own, so the crew needs no order among them.
    """

    rank = 2

    def __init__(
        self,
        *,
        board: Switchboard,
        area: StorageArea,
        crew: Crew,
        main_tags: MainDicomTags,
        keep_md5: bool = True,
        unpacking_limit: int = 8 << 30,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        area: the storage area.
        crew: who reads and writes; it is closed with the actor.
        main_tags: which tags the index keeps.
        keep_md5: whether to compute MD5 sums (``StoreMD5ForAttachments``).
        unpacking_limit: how many bytes the files of one ZIP archive may have together.
        """
        super().__init__(board=board)
        self._area = area
        self._crew = crew
        self._main_tags = main_tags
        self._keep_md5 = keep_md5
        self._unpacking_limit = unpacking_limit
        self._uploads = Uploads(area)
        self._mending = Mending(board=board, area=area, crew=crew)

    def open(self) -> None:
        """Make the area ready, and settle what the last run was writing when it ended."""
        self._area.open()
        leftovers = self._area.leftovers()
        if not leftovers:
            return
        known = self.board.ask(FindAttachments(uuids=leftovers))
        for uuid in leftovers:
            if uuid in known:
                self._area.finish(uuid)
            else:
                self._area.discard(uuid)
        log.info("leftovers_settled", finished=len(known), discarded=len(leftovers) - len(known))

    def close(self) -> None:
        """Finish what the crew has begun."""
        self._crew.close()
        self._uploads.close()
        self._area.close()

    # Instances coming in

    @handles(StoreInstance)
    def store_instance(self, command: StoreInstance) -> Reply[StoreReceipt]:
        """Write a file, then let the index record it and answer."""
        content = command.content
        if isinstance(content, bytes):
            return self._crew.do(lambda: self.store_bytes(content, command.origin))
        return self._crew.do(lambda: self.store_upload(self._uploads.take(content), command.origin))

    @handles(StoreZip)
    def store_zip(self, command: StoreZip) -> Reply[tuple[StoreReceipt, ...]]:
        """Store the files of a ZIP archive, one for each piece of work."""
        storing = ZipStoring(
            crew=self._crew,
            uploads=self._uploads,
            store=self,
            origin=command.origin,
            limit=self._unpacking_limit,
        )
        return storing.begin(command.content)

    @handles(BeginUpload)
    def begin_upload(self, _command: BeginUpload) -> Reply[UploadId]:
        """Open an upload."""
        return self._crew.do(self._uploads.begin)

    @handles(AppendToUpload)
    def append_to_upload(self, command: AppendToUpload) -> Reply[None]:
        """Append to an upload."""
        return self._crew.do(lambda: self._uploads.append(command.upload, command.content))

    @handles(AbandonUpload)
    def abandon_upload(self, command: AbandonUpload) -> Reply[None]:
        """Forget an upload."""
        return self._crew.do(lambda: self._uploads.abandon(command.upload))

    def store_bytes(self, content: bytes, origin: Origin) -> Reply[StoreReceipt]:
        """Store a file that is in memory; for the crew."""
        summary = dicom.summarize(content, self._main_tags)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() if self._keep_md5 else ""
        attachment = _new_attachment(len(content), md5)
        self._area.create(attachment.uuid, ContentType.DICOM, content)
        return self._record(summary, attachment, origin)

    def store_upload(self, upload: Upload, origin: Origin) -> Reply[StoreReceipt]:
        """Store a file that lies at a local path; for the crew."""
        try:
            summary = dicom.summarize(upload.path, self._main_tags)
            md5 = upload.md5.hexdigest() if self._keep_md5 else ""
            # Under the same name: what is staged can then be told by the index's word for it.
            attachment = _new_attachment(upload.size, md5, uuid=upload.path.name)
            self._area.adopt(attachment.uuid, ContentType.DICOM, upload.path)
        finally:
            upload.path.unlink(missing_ok=True)
        return self._record(summary, attachment, origin)

    def _record(
        self, summary: Summary, attachment: Attachment, origin: Origin
    ) -> Reply[StoreReceipt]:
        # The index answers the asker itself, unless it has the instance already: then the better
        # one of two files is kept.
        reply = self.board.ask_soon(
            RecordInstance(
                ids=resource_ids(summary.identity),
                summary=summary,
                attachment=attachment,
                origin=origin,
                release_duplicate=False,
            )
        )
        reply.on_done(partial(self._take_back, attachment))
        return reply.then(lambda receipt: self._mending.settle(receipt, attachment, summary))

    def _take_back(self, attachment: Attachment, reply: Reply[StoreReceipt]) -> None:
        """Remove a file that the index refused.

        After IndexFailed nobody knows whether its row is on the medium: a file too many does less
        harm than a row without its file.
        """
        if reply.error is not None and not isinstance(reply.error, IndexFailed):
            self._crew.do(lambda: self._area.remove(attachment.uuid, attachment.content_type))

    # Files going out

    @handles(ReadAttachment)
    def read_attachment(self, query: ReadAttachment) -> Reply[AttachmentContent]:
        """Let the index say which file it is, then read it."""
        described = self._describe(query.level, query.id, query.content_type)

        def read(found: AttachmentDescription) -> AttachmentContent:
            with self._mending.watching(query.level, query.id, found.attachment):
                return self._read(found, query)

        return described.then(lambda found: self._crew.do(lambda: read(found)))

    @handles(ReadFile)
    def read_file(self, query: ReadFile) -> Reply[bytes]:
        """Read more of a file."""
        return self._crew.do(lambda: self._read_range(query.attachment, query.start, query.length))

    @handles(ReadTags)
    def read_tags(self, query: ReadTags) -> Reply[Mapping[str, Any]]:
        """Read an instance up to its pixels, and list its tags."""
        return self._parse(
            query.id,
            lambda found: dicom.tags(
                self._read_head(found),
                query.form,
                ignore_length=query.ignore_length,
                pixel_data=_has_pixel_data(found),
            ),
        )

    @handles(ReadHeader)
    def read_header(self, query: ReadHeader) -> Reply[Mapping[str, Any]]:
        """Read the file meta information of an instance."""
        return self._parse(query.id, lambda found: dicom.header(self._read_head(found), query.form))

    @handles(RemoveAttachment)
    def remove_attachment(self, command: RemoveAttachment) -> Reply[None]:
        """Remove a released file."""
        return self._crew.do(lambda: self._area.remove(command.uuid, command.content_type))

    # Looking after files

    @handles(SurveyFiles)
    def survey_files(self, query: SurveyFiles) -> Reply[Survey]:
        """List a part of the area."""
        return self._crew.do(lambda: self._area.survey(query.folder))

    @handles(ExamineFiles)
    def examine_files(self, query: ExamineFiles) -> Reply[tuple[Finding, ...]]:
        """Look at files: at many in one piece of work, but read each in one of its own."""

        def look(file: IndexedFile) -> Finding:
            return examine(self._area, file, checksums=query.checksums)

        if query.checksums:
            return gather([self._crew.do(partial(look, file)) for file in query.files])
        return self._crew.do(lambda: tuple(look(file) for file in query.files))

    @handles(SetAside)
    def set_aside(self, command: SetAside) -> Reply[bool]:
        """Move a file to the lost-and-found folder."""
        return self._crew.do(lambda: self._area.set_aside(command.uuid))

    def _parse(
        self,
        id_: ResourceId,
        read: Callable[[AttachmentDescription], Mapping[str, Any]],
    ) -> Reply[Mapping[str, Any]]:
        """Read an instance; what was DICOM when it came in is damaged if it no longer is."""

        def parse(found: AttachmentDescription) -> Mapping[str, Any]:
            with self._mending.watching(Level.INSTANCE, id_, found.attachment):
                try:
                    return read(found)
                except NotDicom as error:
                    raise FileCorrupted from error

        described = self._describe(Level.INSTANCE, id_)
        return described.then(lambda found: self._crew.do(lambda: parse(found)))

    def _describe(
        self, level: Level, id_: ResourceId, content_type: int = ContentType.DICOM
    ) -> Reply[AttachmentDescription]:
        return self.board.ask_soon(
            DescribeAttachment(level=level, id=id_, content_type=content_type)
        )

    def _read(self, found: AttachmentDescription, query: ReadAttachment) -> AttachmentContent:
        attachment = found.attachment
        size = attachment.uncompressed_size
        if query.start > size or (query.start == size and size > 0):
            raise BadRange
        length = size - query.start if query.length is None else query.length
        content = self._read_range(attachment, query.start, length)
        return AttachmentContent(attachment=attachment, start=query.start, content=content)

    def _read_range(self, attachment: Attachment, start: int, length: int) -> bytes:
        length = min(length, attachment.uncompressed_size - start)
        content = self._area.read(attachment.uuid, attachment.content_type, start, length)
        if len(content) < length:
            log.error("file_truncated", uuid=attachment.uuid)
            raise FileCorrupted("A stored file is shorter than it was when it was stored.")
        return content

    def _read_head(self, found: AttachmentDescription) -> bytes:
        """An instance without its pixels, which may be large."""
        length = found.attachment.uncompressed_size
        if _has_pixel_data(found):
            length = int(found.metadata[Metadata.PIXEL_DATA_OFFSET])
        return self._read_range(found.attachment, 0, length)


def _new_attachment(size: int, md5: str, uuid: str = "") -> Attachment:
    return Attachment(
        uuid=uuid or str(uuids.uuid4()),
        content_type=ContentType.DICOM,
        uncompressed_size=size,
        uncompressed_md5=md5,
        compressed_size=size,
        compressed_md5=md5,
    )


def _has_pixel_data(found: AttachmentDescription) -> bool:
    return found.metadata.get(Metadata.PIXEL_DATA_OFFSET, "").isdigit()
