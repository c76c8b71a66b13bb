"""Reconstructing resources, instance by instance."""

import io
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, Protocol, cast

import structlog

from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import AttachmentDescription, DescribeAttachment
from repertory.actors.messages.reconstruction import (
    ReconstructionFailure,
    ReconstructionReport,
    RecordReconstruction,
)
from repertory.actors.messages.resources import ListChildren, ListResources
from repertory.actors.messages.transcoding import TranscodedFile
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.actors.transcoding_anew import (
    CANNOT,
    ask_anew,
    describe_anew,
    note_refusal,
    write_anew,
)
from repertory.errors import FileCorrupted, MissingTag, NotDicom, RepertoryError, UnknownResource
from repertory.model import (
    Attachment,
    Compression,
    Level,
    ResourceId,
    ResourceIds,
    ResourceRef,
    Summary,
)
from repertory.storage import dicom
from repertory.storage.files import Files
from repertory.storage.identifiers import resource_ids
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.pixels.rules import IngestRules

log = structlog.get_logger(__name__)

WIDTH = 4
"""Instances that are under way at a time: while one waits for the index, others are read."""


class TakeBack(Protocol):
    """Removes a file once the index has refused it; the storage actor's."""

    def __call__(self, attachment: Attachment, reply: Reply[None]) -> None:
        """Remove ``attachment`` when ``reply`` is a refusal."""


class Reconstructing:
    """One run over a resource, or over all studies.

    Each instance is a piece of work of its own for the crew, so that whatever else comes gets its
    turn in between. Of a parent, the first instance that can be read tells the main tags.
    """

    def __init__(
        self,
        *,
        board: Switchboard,
        crew: Crew,
        files: Files,
        main_tags: MainDicomTags,
        take_back: TakeBack,
        mending: Mending,
        rewrite: bool,
        ingest: IngestRules = IngestRules(),  # noqa: B008 - frozen
    ) -> None:
        self._board = board
        self._crew = crew
        self._files = files
        self._main_tags = main_tags
        self._take_back = take_back
        self._mending = mending
        self._rewrite = rewrite
        self._ingest = ingest
        self._only: Level | None = None
        self._whole = False
        self._lock = threading.Lock()
        self._refreshed: set[ResourceId] = set()
        self._studies: deque[ResourceId] = deque()
        self._instances: deque[ResourceId] = deque()
        self._under_way = 0
        self._listing = False
        self._reconstructed = 0
        self._failures: list[ReconstructionFailure] = []
        self._outcome: Reply[ReconstructionReport] = Reply()

    def begin(self, resource: ResourceRef, *, only: bool) -> Reply[ReconstructionReport]:
        """Reconstruct a resource, or ``only`` what the index says of itself."""
        if only:
            self._only = resource.level
        self._list(ListChildren(level=resource.level, id=resource.id, at=Level.INSTANCE))
        return self._outcome

    def begin_all(self) -> Reply[ReconstructionReport]:
        """Reconstruct all studies."""
        self._whole = True
        listed = self._board.ask_soon(ListResources(level=Level.STUDY))

        def take(reply: Reply[tuple[ResourceId, ...]]) -> None:
            if reply.error is not None:
                self._outcome.refuse(reply.error)
                return
            self._studies.extend(reply.get())
            self._go_on()

        listed.on_done(take)
        return self._outcome

    def _list(self, question: ListChildren) -> None:
        self._listing = True
        self._board.ask_soon(question).on_done(self._take_instances)

    def _take_instances(self, reply: Reply[tuple[ResourceId, ...]]) -> None:
        gone = isinstance(reply.error, UnknownResource) and self._whole
        if reply.error is not None and not gone:
            self._outcome.refuse(reply.error)
            return
        with self._lock:
            self._listing = False
            # A study that is gone meanwhile needs nothing any more.
            self._instances.extend(reply.get() if reply.error is None else ())
        self._go_on()

    def _go_on(self) -> None:
        """Begin what may be begun; end when nothing is left."""
        begun: list[Callable[[], None]] = []
        with self._lock:
            width = WIDTH if self._only is None else 1
            while self._instances and self._under_way < width:
                self._under_way += 1
                begun.append(partial(self._begin_instance, self._instances.popleft()))
            idle = not self._instances and not self._under_way and not self._listing
            if idle and self._studies:
                self._listing = True
                study = self._studies.popleft()
                question = ListChildren(level=Level.STUDY, id=study, at=Level.INSTANCE)
                begun.append(partial(self._list, question))
        for begin in begun:
            # By the crew: callbacks that begin what calls back would nest without end.
            self._crew.do(begin).on_done(self._note_beginning)
        if idle and not begun:
            self._end()

    def _note_beginning(self, reply: Reply[None]) -> None:
        if reply.error is not None:
            self._outcome.refuse(reply.error)

    def _end(self) -> None:
        if self._failures:
            log.warning("reconstruction_incomplete", failures=len(self._failures))
        self._outcome.set(
            ReconstructionReport(reconstructed=self._reconstructed, failures=tuple(self._failures))
        )

    def _begin_instance(self, id_: ResourceId) -> None:
        described = self._board.ask_soon(DescribeAttachment(level=Level.INSTANCE, id=id_))

        def reconstruct(found: AttachmentDescription) -> Reply[None]:
            return self._crew.do(lambda: self._reconstruct(id_, found))

        done: Reply[None] = described.then(reconstruct)
        done.on_done(partial(self._note, id_))

    def _note(self, id_: ResourceId, reply: Reply[None]) -> None:
        error = reply.error
        with self._lock:
            self._under_way -= 1
            if error is None:
                self._reconstructed += 1
                if self._only is not None:
                    self._instances.clear()
            elif not isinstance(error, UnknownResource):  # deleted meanwhile: nothing to do
                self._failures.append(ReconstructionFailure(id=id_, reason=str(error)))
        if error is not None and not isinstance(error, RepertoryError):
            log.error("reconstruction_failed", id=id_, exc_info=error)
        self._go_on()

    def _reconstruct(self, id_: ResourceId, found: AttachmentDescription) -> Reply[None]:
        attachment = found.attachment
        with self._mending.watching(Level.INSTANCE, id_, attachment):
            summary = read_anew(self._files, attachment, self._main_tags)
        ids_of(summary, id_)
        if not (self._rewrite and self._ingest.want_again(summary)):
            return self._record(id_, attachment, summary, self._recompressed)
        with self._mending.watching(Level.INSTANCE, id_, attachment):
            asked = ask_anew(self._board, self._files, attachment, self._ingest)
        recorded: Reply[None] = Reply()

        def settle(reply: Reply[TranscodedFile]) -> None:
            if isinstance(reply.error, CANNOT):
                note_refusal(id_, summary, reply.error)
                kept = partial(self._record, id_, attachment, summary, self._recompressed)
                recorded.set(self._crew.do(kept))
            elif reply.error is not None:
                recorded.refuse(reply.error)
            else:
                recorded.set(self._crew.do(partial(keep, reply.get())))

        def keep(new: TranscodedFile) -> Reply[None]:
            described = describe_anew(new, summary, self._main_tags)
            if described is None:
                return self._record(id_, attachment, summary, self._recompressed)
            write = partial(write_anew, self._files, new)
            return self._record(id_, attachment, described, write)

        asked.on_done(settle)
        return recorded

    def _recompressed(self, attachment: Attachment, summary: Summary) -> Attachment | None:
        """The file in the form that new ones get, if it has another one and is to be rewritten."""
        form = self._files.options.compression
        if not self._rewrite or attachment.compression is form:
            return None
        return self._files.rewrite(attachment, form, head=summary.pixel_data_offset or 0)

    def _record(
        self,
        id_: ResourceId,
        attachment: Attachment,
        summary: Summary,
        write: Callable[[Attachment, Summary], Attachment | None],
    ) -> Reply[None]:
        """Write the file anew, if need be, and let the index record it."""
        ids = ids_of(summary, id_)
        with self._mending.watching(Level.INSTANCE, id_, attachment):
            new = write(attachment, summary)
        with self._lock:
            wanted = tuple(Level) if self._only is None else (self._only,)
            levels = frozenset(level for level in wanted if ids.at(level) not in self._refreshed)
            self._refreshed.update(ids.at(level) for level in levels)
        reply = self._board.ask_soon(
            RecordReconstruction(
                ids=ids, summary=summary, levels=levels, replaces=attachment.uuid, attachment=new
            )
        )
        if new is not None:
            self._take_back(new, reply)
        reply.on_done(lambda reply: self._unless_done(reply, ids, levels))
        return reply

    def _unless_done(self, reply: Reply[None], ids: ResourceIds, levels: frozenset[Level]) -> None:
        """Leave the parents to the next instance if the index refused this one."""
        if reply.error is not None:
            with self._lock:
                self._refreshed.difference_update(ids.at(level) for level in levels)


def read_anew(files: Files, attachment: Attachment, main_tags: MainDicomTags) -> Summary:
    """Read the file of an instance, as if it came in now.

    Raises:
        FileLost: there is no such file.
        FileCorrupted: it is not as it was.
        StorageFailed: it could not be read.
    """
    content = files.read_small(attachment)
    try:
        if content is not None:
            return dicom.summarize(content, main_tags)
        files.check_size(attachment)
        with AttachmentFile(files, attachment) as file:
            return dicom.summarize(cast("BinaryIO", file), main_tags)
    except (NotDicom, MissingTag) as error:
        raise FileCorrupted from error


def ids_of(summary: Summary, id_: ResourceId) -> ResourceIds:
    """The identifiers of what was read; ``FileCorrupted`` where it is not the instance ``id_``."""
    ids = resource_ids(summary.identity)
    if ids.instance != id_:
        raise FileCorrupted("A stored file is that of another instance.")
    return ids


class AttachmentFile(io.RawIOBase):
    """An attachment as a file that can be read and sought."""

    def __init__(self, files: Files, attachment: Attachment) -> None:
        super().__init__()
        self._files = files
        self._attachment = attachment
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next bytes come from."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere else."""
        base = {
            io.SEEK_SET: 0,
            io.SEEK_CUR: self._position,
            io.SEEK_END: self._attachment.uncompressed_size,
        }[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer at the end."""
        it, start = self._attachment, self._position
        if start >= it.uncompressed_size:
            return b""
        if it.compression is Compression.NONE:  # nobody reads it to its end, to compare its sum
            content = self._files.read_stored(it, start, size)
        else:
            content = self._files.read(it, start, size if size >= 0 else None)
        self._position += len(content)
        return content
