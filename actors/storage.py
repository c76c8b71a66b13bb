"""The storage area: its one owner, and the crew that reads and writes for it."""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from repertory.actors.announcing import compare
from repertory.actors.base import RepertoryActor, handles
from repertory.actors.brisk import Briskness
from repertory.actors.crew import Crew
from repertory.actors.filtering import InstanceFiltering
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import (
    AttachmentDescription,
    RecompressAttachment,
    RecordRecompression,
)
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    SopPair,
    StoreInstance,
    StoreZip,
    UploadId,
)
from repertory.actors.messages.reconstruction import (
    ReconstructArchive,
    ReconstructionReport,
    ReconstructResource,
)
from repertory.actors.messages.scripting import FiltersChanged
from repertory.actors.reconstructing import Reconstructing
from repertory.actors.reply import Reply
from repertory.actors.storage_health import StorageProbing
from repertory.actors.storage_housekeeping import StorageHousekeeping
from repertory.actors.storage_integrity import StorageIntegrity
from repertory.actors.storage_items import StorageItems
from repertory.actors.storage_leftovers import StorageLeftovers
from repertory.actors.storage_places import StoragePlaces
from repertory.actors.storage_quickly import StorageQuickly
from repertory.actors.storage_reading import head_length
from repertory.actors.storage_tags import StorageTags
from repertory.actors.storage_transcoding import StorageTranscoding
from repertory.actors.switchboard import Switchboard
from repertory.actors.uploads import Upload, Uploads
from repertory.actors.zip_storing import ZipStoring
from repertory.errors import IN_DOUBT
from repertory.model import (
    Attachment,
    Compression,
    ContentType,
    Origin,
    ResourceRef,
    StoreReceipt,
    Summary,
)
from repertory.storage import dicom
from repertory.storage.areas.base import StorageArea
from repertory.storage.files import NO_AREAS, FileOptions, Files
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.naming import new_uuid
from repertory.storage.pixels.rules import IngestRules

log = structlog.get_logger(__name__)

STORED_HERE = 4
"""Instances that are written at a time by those who send them; the crew writes the others."""

IDLE_LIMIT = 3600.0
"""Seconds without a byte after which an upload is abandoned: whoever began it forgot it."""


@message
class UploadsDue(Event):
    """Some upload may have been forgotten; the storage tells it to itself."""


class StorageActor(
    InstanceFiltering,
    StorageQuickly,
    StorageTranscoding,
    StorageItems,
    StorageTags,
    StorageIntegrity,
    StorageHousekeeping,
    StoragePlaces,
    StorageProbing,
    StorageLeftovers,
    RepertoryActor,
):
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
        options: FileOptions = FileOptions(),  # noqa: B008 - frozen
        store_dicom: bool = True,
        unpacking_limit: int = 8 << 30,
        ingest: IngestRules = IngestRules(),  # noqa: B008 - frozen
        location: int = 0,
        others: Mapping[int, StorageArea] = NO_AREAS,
        new_name: Callable[[], str] = new_uuid,
        index_is_near: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        area: the storage area.
        crew: who reads and writes; it is closed with the actor.
        main_tags: which tags the index keeps.
        options: in which form files are kept, and how they are checked.
        store_dicom: whether to keep DICOM files, or only what the index says of them.
        unpacking_limit: how many bytes the files of one ZIP archive may have together.
        ingest: which files are transcoded when they come in.
        location: the number of the storage area.
        others: the areas of the other storage actors by their numbers, if there are any.
        new_name: gives each new file its UUID.
        index_is_near: whether the index is in this process, and its database in a file.
        """
        super().__init__(board=board)
        self._area = area
        self._files = Files(area, options, location=location, others=others, new_name=new_name)
        if board.meters is not None:
            board.meters.caches.append(self._files.cache)
        self._crew = crew
        self._main_tags = main_tags
        self._store_dicom = store_dicom
        self._unpacking_limit = unpacking_limit
        self._ingest = ingest
        self._uploads = Uploads(area, self.clock.monotonic, new_name=new_name)
        self._looks_after_uploads = False
        self._closing = False
        self._brisk = Briskness(self.clock.monotonic)
        self._in_the_midst = set()
        self._index_is_near = index_is_near
        self._places_here = threading.BoundedSemaphore(STORED_HERE)
        self._mending = Mending(board=board, files=self._files, crew=crew, take_back=self.take_back)

    def open(self) -> None:
        """Make the area ready, and settle what the last run was writing when it ended."""
        self._area.open()
        self.board.lend(StoreInstance, self.actor_ref, self._store_here)
        self.board.listen(FiltersChanged, self.note_filters)
        self._settle_leftovers()

    def close(self) -> None:
        """Finish what the crew, and whoever asked, has begun."""
        self._closing = True
        self.board.unlisten(FiltersChanged, self.note_filters)
        self._finish_what_askers_write()
        self._crew.close()
        self._uploads.close()
        self._area.close()

    # Instances coming in

    @handles(StoreInstance, anywhere=True)
    def store_instance(self, command: StoreInstance) -> Reply[StoreReceipt]:
        """Write a file, then let the index record it and answer."""
        return self._counted(self._begin_to_store, command)

    def _begin_to_store(self, command: StoreInstance) -> Reply[StoreReceipt]:
        content, announced = command.content, command.announced
        if isinstance(content, bytes):
            if self._is_quick_to_store(content):
                return self._store_quickly(content, command.origin, announced)
            return self._crew.do(lambda: self.store_bytes(content, command.origin, announced))
        return self._crew.do(
            lambda: self.store_upload(self._uploads.take(content), command.origin, announced)
        )

    def _store_here(self, command: StoreInstance) -> Reply[StoreReceipt] | None:
        """The same by whoever asks, without a thread of the crew, while few do so."""
        content = command.content
        if self._closing or not isinstance(content, bytes):
            return None
        if not self._places_here.acquire(blocking=False):
            return None
        try:
            return self._counted(self.store_bytes, content, command.origin, command.announced)
        finally:
            self._places_here.release()

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
        if not self._looks_after_uploads:
            self._looks_after_uploads = True
            self.tell_self(UploadsDue(), after=IDLE_LIMIT)
        return self._crew.do(self._uploads.begin)

    @handles(UploadsDue)
    def uploads_due(self, _event: UploadsDue) -> None:
        """Abandon forgotten uploads, and look again while there are any."""
        self._looks_after_uploads = len(self._uploads) > 0
        if self._looks_after_uploads:
            self._crew.do(self._abandon_idle)
            self.tell_self(UploadsDue(), after=IDLE_LIMIT)

    def _abandon_idle(self) -> None:
        if count := self._uploads.abandon_idle(IDLE_LIMIT):
            log.warning("uploads_forgotten", count=count)

    @handles(AppendToUpload, anywhere=True)
    def append_to_upload(self, command: AppendToUpload) -> Reply[None]:
        """Append to an upload."""
        return self._crew.do(lambda: self._uploads.append(command.upload, command.content))

    @handles(AbandonUpload)
    def abandon_upload(self, command: AbandonUpload) -> Reply[None]:
        """Forget an upload."""
        return self._crew.do(lambda: self._uploads.abandon(command.upload))

    def store_bytes(
        self, content: bytes, origin: Origin, announced: SopPair | None = None
    ) -> Reply[StoreReceipt]:
        """Store a file that is in memory; for the crew."""
        summary = dicom.summarize(content, self._main_tags)
        compare(announced, summary)
        if self._filters_instances:
            keep = partial(self._keep_bytes, content, summary, origin)
            return self.admit(content, summary, origin, keep)
        return self._keep_bytes(content, summary, origin)

    def _keep_bytes(self, content: bytes, summary: Summary, origin: Origin) -> Reply[StoreReceipt]:
        if not self._store_dicom:
            return self._record(summary, None, origin)
        if self._ingest.want(summary):
            return self.transcoded(content, summary, partial(self._write_bytes, origin))
        return self._write_bytes(origin, content, summary)

    def _write_bytes(self, origin: Origin, content: bytes, summary: Summary) -> Reply[StoreReceipt]:
        if self._may_write_meanwhile(content) and (
            new := self._files.announce(content, ContentType.DICOM)
        ):
            return self._write_meanwhile(new, content, summary, origin)
        head = summary.pixel_data_offset or 0
        attachment = self._files.write(content, ContentType.DICOM, head=head)
        return self._record(summary, attachment, origin)

    def store_upload(
        self, upload: Upload, origin: Origin, announced: SopPair | None = None
    ) -> Reply[StoreReceipt]:
        """Store a file that lies at a local path; for the crew."""
        try:
            summary = dicom.summarize(upload.path, self._main_tags)
            compare(announced, summary)
            if self._filters_instances:
                keep = partial(self._keep_upload, upload, summary, origin)
                reply = self.admit(upload.path, summary, origin, keep)
                # Refused, or nobody knows: it is there no more if it was kept.
                reply.on_done(lambda _: upload.discard())
                return reply
        except BaseException:
            upload.discard()
            raise
        return self._keep_upload(upload, summary, origin)

    def _keep_upload(self, upload: Upload, summary: Summary, origin: Origin) -> Reply[StoreReceipt]:
        if self._store_dicom and self._ingest.want(summary):
            keep = partial(self._write_bytes, origin)
            if (reply := self.transcoded_upload(upload, summary, keep)) is not None:
                return reply
        attachment = None
        try:
            if self._store_dicom:
                attachment = self._files.write_file(
                    upload.path,
                    upload.size,
                    upload.md5.hexdigest() if self._files.options.keep_md5 else "",
                    ContentType.DICOM,
                    head=summary.pixel_data_offset or 0,
                )
        finally:
            upload.discard()
        return self._record(summary, attachment, origin)

    def _record(
        self, summary: Summary, attachment: Attachment | None, origin: Origin
    ) -> Reply[StoreReceipt]:
        reply = self._enter(summary, attachment, origin)
        return reply if attachment is None else self._settled(reply, attachment, summary)

    def _settled(
        self, reply: Reply[StoreReceipt], attachment: Attachment, summary: Summary
    ) -> Reply[StoreReceipt]:
        # Unless the index has the instance already: then the better one of two files is kept.
        self.take_back(attachment, reply)
        return reply.then(lambda receipt: self._mending.settle(receipt, attachment, summary))

    def take_back(self, attachment: Attachment, reply: Reply[Any]) -> None:
        """Remove a file once the index has refused it; for the crew.

        After some errors nobody knows whether its row is on the medium: a file too many does less
        harm than a row without its file.
        """

        def remove(reply: Reply[Any]) -> None:
            if reply.error is not None and not isinstance(reply.error, IN_DOUBT):
                it = attachment
                self._crew.tidy(lambda: self._files.remove(it.uuid, it.content_type, it.location))

        reply.on_done(remove)

    # Files in another form

    @handles(RecompressAttachment)
    def recompress_attachment(self, command: RecompressAttachment) -> Reply[Attachment]:
        """Store a file anew, if it has not the wanted form."""
        options = self._files.options
        form = options.packed if command.compressed else Compression.NONE

        def rewrite(found: AttachmentDescription) -> Attachment | Reply[Attachment]:
            old = found.attachment
            if old.compression is form:
                return old
            with self._mending.watching(command.level, command.id, old):
                new = self._files.rewrite(old, form, head=head_length(found) or 0)
            reply = self.board.ask_soon(
                RecordRecompression(
                    level=command.level, id=command.id, attachment=new, replaces=old.uuid
                )
            )
            self.take_back(new, reply)
            return reply

        described = self._describe(command.level, command.id, command.content_type)
        return described.then(lambda found: self._crew.do(lambda: rewrite(found)))

    @handles(ReconstructResource)
    def reconstruct_resource(self, command: ReconstructResource) -> Reply[ReconstructionReport]:
        """Read the files of a resource anew, one for each piece of work."""
        return self._reconstructing(rewrite=command.rewrite_files).begin(
            ResourceRef(command.level, command.id), only=command.this_level_only
        )

    @handles(ReconstructArchive)
    def reconstruct_archive(self, command: ReconstructArchive) -> Reply[ReconstructionReport]:
        """Read all files anew, one for each piece of work."""
        return self._reconstructing(rewrite=command.rewrite_files).begin_all()

    def _reconstructing(self, *, rewrite: bool) -> Reconstructing:
        return Reconstructing(
            board=self.board,
            crew=self._crew,
            files=self._files,
            main_tags=self._main_tags,
            take_back=self.take_back,
            mending=self._mending,
            rewrite=rewrite,
            ingest=self._ingest,
        )
