"""What the router hands on as it is: to the storage that writes, or to the one that has a file."""

import threading
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from repertory.actors.base import handles
from repertory.actors.clock import Appointment
from repertory.actors.messages.attachments import (
    AttachmentContent,
    AttachmentDescription,
    DescribeAttachment,
    LendFile,
    LentFile,
    ReadAttachment,
    ReadFile,
    ReadFiles,
    ReadHeader,
    ReadStoredFile,
    ReadTags,
    RecompressAttachment,
    RemoveAttachment,
    RemoveAttachments,
    StoreAttachment,
    VerifyFile,
)
from repertory.actors.messages.base import Event, Message, Question, message
from repertory.actors.messages.finding import Sifted, SiftFiles
from repertory.actors.messages.housekeeping import DoChores
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    Body,
    StoreInstance,
    StoreZip,
    UploadId,
)
from repertory.actors.messages.job_outputs import StoreOutput
from repertory.actors.messages.pictures import Picture, ReadPicture
from repertory.actors.messages.places import DescribeWriter
from repertory.actors.messages.reconstruction import (
    ReconstructArchive,
    ReconstructionReport,
    ReconstructResource,
)
from repertory.actors.messages.tags import (
    ReadContent,
    ReadInstancesTags,
    ReadModule,
    ReadSharedTags,
)
from repertory.actors.messages.tiering import FarFileRead, FilesRead
from repertory.actors.messages.transcoding import ReadTranscoded, TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import ArchiveFull, LimitReached
from repertory.housekeeping import ChoresReceipt
from repertory.model import (
    Attachment,
    ContentType,
    Level,
    ResourceId,
    ResourceRef,
    StoreReceipt,
)

log = structlog.get_logger(__name__)

R = TypeVar("R")

Tags = Mapping[str, Any]

NOTED_EVERY = 10.0
"""Seconds for which reads are remembered, to be told together."""

MOST_NOTED = 2_000
"""Resources that are remembered as read; then they are told at once."""

MOST_UPLOADS = 10_000
"""Uploads that are remembered with the storage that takes them; older ones were forgotten."""


@message
class ReadsDue(Event):
    """It is time to tell what was read; the router tells it to itself."""


class WritesRouting:
    """A part of ``HybridRouterActor``: what comes in goes to the storage that writes."""

    _uploads: dict[UploadId, Switchboard]
    _boards: dict[int, Switchboard]
    _names: dict[str, int]
    _writing: int
    _spares: tuple[int, ...]
    _full: set[int]
    _changing: threading.Lock

    @property
    def _writer(self) -> Switchboard:
        """The storage that takes new files."""
        return self._boards[self._writing]

    @handles(DescribeWriter)
    def describe_writer(self, _query: DescribeWriter) -> str:
        """Which storage that is."""
        return next(name for name, number in self._names.items() if number == self._writing)

    @handles(StoreInstance)
    def store_instance(self, command: StoreInstance) -> Reply[StoreReceipt]:
        """Store a file."""
        return self._store(command, command.content)

    @handles(StoreZip)
    def store_zip(self, command: StoreZip) -> Reply[tuple[StoreReceipt, ...]]:
        """Store the files of a ZIP archive."""
        return self._taker_of(command.content).ask_soon(command)

    @handles(StoreAttachment)
    def store_attachment(self, command: StoreAttachment) -> Reply[Attachment]:
        """Store a user's file."""
        return self._store(command, command.content)

    @handles(StoreOutput)
    def store_output(self, command: StoreOutput) -> Reply[Attachment]:
        """Store a file that a job made."""
        return self._store(command, command.content)

    @handles(BeginUpload)
    def begin_upload(self, command: BeginUpload) -> Reply[UploadId]:
        """Open an upload; it stays with the storage that takes it."""
        writer = self._writer

        def remember(upload: UploadId) -> UploadId:
            if len(self._uploads) >= MOST_UPLOADS:
                self._uploads.pop(next(iter(self._uploads)), None)
            self._uploads[upload] = writer
            return upload

        return writer.ask_soon(command).then(remember)

    @handles(AppendToUpload)
    def append_to_upload(self, command: AppendToUpload) -> Reply[None]:
        """Append to an upload; a disk that it fills takes no more."""
        asked = self._writing
        reply = self._uploads.get(command.upload, self._writer).ask_soon(command)
        if self._spares:
            reply.on_done(partial(self._note_if_full, asked))
        return reply

    @handles(AbandonUpload)
    def abandon_upload(self, command: AbandonUpload) -> Reply[None]:
        """Forget an upload."""
        return self._uploads.pop(command.upload, self._writer).ask_soon(command)

    def _store(self, command: Question[R], body: Body) -> Reply[R]:
        """Let the storage that writes take a file; if its disk is full, the next one."""
        if not self._spares:
            return self._taker_of(body).ask_soon(command)
        outcome: Reply[R] = Reply()

        def ask(taker: Switchboard) -> None:
            asked = self._writing
            taker.ask_soon(command).on_done(lambda reply: go_on(asked, reply))

        def go_on(asked: int, reply: Reply[R]) -> None:
            # What came in pieces lies on the full disk, and is gone: the client sends it again.
            if self._change_if_full(asked, reply) and isinstance(body, bytes):
                ask(self._writer)
            else:
                outcome.set(reply)

        ask(self._taker_of(body))
        return outcome

    def _note_if_full(self, asked: int, reply: Reply[Any]) -> None:
        self._change_if_full(asked, reply)

    def _change_if_full(self, asked: int, reply: Reply[Any]) -> bool:
        """Let another disk take what comes, if this one is full; whether one does by now."""
        error = reply.error
        if not isinstance(error, ArchiveFull) or isinstance(error, LimitReached):
            return False
        with self._changing:
            if self._writing != asked:
                return True  # somebody saw it before
            order = (*self._spares, *self._spares)
            following = order[order.index(asked) + 1] if asked in order else order[0]
            self._full.add(asked)
            if following in self._full:
                return False
            self._writing = following
        names = {number: name for name, number in self._names.items()}
        log.warning("write_storage_changed", full=names[asked], storage=names[following])
        return True

    def _taker_of(self, body: Body) -> Switchboard:
        """Who has a body, or is to take it."""
        if isinstance(body, bytes):
            return self._writer
        return self._uploads.pop(body, self._writer)


class ReadsRouting:
    """A part of ``HybridRouterActor``: what is there is asked of the storage that has it.

    Whatever concerns many files goes to the first storage, which reads those of the others, too.
    """

    board: Switchboard
    _notes_reads: bool
    _far: frozenset[int]
    _read: dict[ResourceRef, None]

    if TYPE_CHECKING:

        def tell_self(self, message: Message, *, after: float = 0.0) -> Appointment | None:
            """See ``RepertoryActor``."""

        @property
        def _first(self) -> Switchboard:
            """The storage that is asked about many files."""

        def _at(self, location: int) -> Switchboard:
            """The storage of a number."""

    @handles(ReadAttachment)
    def read_attachment(self, query: ReadAttachment) -> Reply[AttachmentContent]:
        """Read an attachment."""
        return self._ask_owner(query, query.level, query.id, query.content_type, recalls=True)

    @handles(LendFile)
    def lend_file(self, query: LendFile) -> Reply[LentFile]:
        """Whether a file can be sent from where it lies."""
        return self._ask_owner(query, query.level, query.id, query.content_type)

    @handles(ReadTags)
    def read_tags(self, query: ReadTags) -> Reply[Tags]:
        """Read the tags of an instance."""
        return self._ask_owner(query, Level.INSTANCE, query.id)

    @handles(ReadHeader)
    def read_header(self, query: ReadHeader) -> Reply[Tags]:
        """Read the file meta information of an instance."""
        return self._ask_owner(query, Level.INSTANCE, query.id)

    @handles(ReadContent)
    def read_content(self, query: ReadContent) -> Reply[bytes | tuple[str, ...]]:
        """Read what lies at a path."""
        return self._ask_owner(query, Level.INSTANCE, query.id)

    @handles(ReadTranscoded)
    def read_transcoded(self, query: ReadTranscoded) -> Reply[TranscodedFile]:
        """Read an instance in another transfer syntax."""
        return self._ask_owner(query, Level.INSTANCE, query.id, recalls=True)

    @handles(ReadPicture)
    def read_picture(self, query: ReadPicture) -> Reply[Picture]:
        """Make a picture of an instance."""
        return self._ask_owner(query, Level.INSTANCE, query.id)

    @handles(RecompressAttachment)
    def recompress_attachment(self, command: RecompressAttachment) -> Reply[Attachment]:
        """Store a file in another form, where it lies."""
        it = command
        return self._ask_owner(command, it.level, it.id, it.content_type, reads=False)

    @handles(ReadFile)
    def read_file(self, query: ReadFile) -> Reply[bytes]:
        """Read more of a file."""
        return self._at(query.attachment.location).ask_soon(query)

    @handles(ReadFiles)
    def read_files(self, query: ReadFiles) -> Reply[tuple[bytes | Exception | None, ...]]:
        """Read files of one storage; of several, each is to be asked for alone."""
        places = {it.location for it, _ in query.files}
        if len(places) == 1:
            return self._at(places.pop()).ask_soon(query)
        alone: Reply[tuple[bytes | Exception | None, ...]] = Reply()
        alone.set((None,) * len(query.files))
        return alone

    @handles(ReadStoredFile)
    def read_stored_file(self, query: ReadStoredFile) -> Reply[bytes]:
        """Read a file as it is."""
        return self._at(query.attachment.location).ask_soon(query)

    @handles(VerifyFile)
    def verify_file(self, query: VerifyFile) -> Reply[None]:
        """Compare a file with its MD5 sum."""
        return self._at(query.attachment.location).ask_soon(query)

    @handles(RemoveAttachment)
    def remove_attachment(self, command: RemoveAttachment) -> Reply[None]:
        """Remove a file from the one storage that it is in."""
        return self._at(command.location).ask_soon(command)

    @handles(RemoveAttachments)
    def remove_attachments(self, command: RemoveAttachments) -> Reply[None]:
        """Remove files from the one storage that they are in."""
        return self._at(command.files[0].location).ask_soon(command)

    @handles(ReadModule)
    def read_module(self, query: ReadModule) -> Reply[Tags]:
        """Read tags of a resource."""
        return self._first.ask_soon(query)

    @handles(ReadSharedTags)
    def read_shared_tags(self, query: ReadSharedTags) -> Reply[Tags]:
        """Read what all instances agree on."""
        return self._first.ask_soon(query)

    @handles(ReadInstancesTags)
    def read_instances_tags(self, query: ReadInstancesTags) -> Reply[Mapping[ResourceId, Tags]]:
        """Read the tags of all instances."""
        return self._first.ask_soon(query)

    @handles(SiftFiles)
    def sift_files(self, query: SiftFiles) -> Reply[tuple[Sifted, ...]]:
        """Look into many files."""
        return self._first.ask_soon(query)

    @handles(ReconstructResource)
    def reconstruct_resource(self, command: ReconstructResource) -> Reply[ReconstructionReport]:
        """Read the files of a resource anew."""
        return self._first.ask_soon(command)

    @handles(DoChores)
    def do_chores(self, command: DoChores) -> Reply[tuple[ChoresReceipt, ...]]:
        """Read files anew, and store them anew where they lie."""
        return self._first.ask_soon(command)

    @handles(ReconstructArchive)
    def reconstruct_archive(self, command: ReconstructArchive) -> Reply[ReconstructionReport]:
        """Read all files anew."""
        return self._first.ask_soon(command)

    def _ask_owner(
        self,
        question: Question[R],
        level: Level,
        id_: ResourceId,
        content_type: int = ContentType.DICOM,
        *,
        reads: bool = True,
        recalls: bool = False,
    ) -> Reply[R]:
        """Ask the storage that has a file; it asks the index once more, which is sure of it.

        ``reads`` says whether somebody reads the file who will want it again, ``recalls`` whether
        to have it brought nearer for that.
        """
        if reads and self._notes_reads:
            self._note_read(ResourceRef(level, id_))
        described = self.board.ask_soon(
            DescribeAttachment(level=level, id=id_, content_type=content_type)
        )

        def ask(it: AttachmentDescription) -> Reply[R]:
            is_far = it.attachment.location in self._far
            if recalls and is_far and level is Level.INSTANCE:
                self.board.publish(FarFileRead(resource=ResourceRef(level, id_)))
            return self._at(it.attachment.location).ask_soon(question)

        return described.then(ask)

    def _note_read(self, read: ResourceRef) -> None:
        """Remember a read; those of some seconds are told together."""
        if not self._read:
            self.tell_self(ReadsDue(), after=NOTED_EVERY)
        self._read[read] = None
        if len(self._read) >= MOST_NOTED:
            self._tell_reads()

    @handles(ReadsDue)
    def reads_due(self, _event: ReadsDue) -> None:
        """Tell what was read."""
        self._tell_reads()

    def _tell_reads(self) -> None:
        read, self._read = tuple(self._read), {}
        if read:
            self.board.publish(FilesRead(resources=read))
