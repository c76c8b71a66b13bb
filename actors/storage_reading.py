"""The storage area's handlers for files going out: their bytes, their tags."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import (
    AttachmentContent,
    AttachmentDescription,
    DescribeAttachment,
    LendFile,
    LentFile,
    LocateFile,
    ReadAttachment,
    ReadFile,
    ReadFiles,
    ReadHeader,
    ReadTags,
)
from repertory.actors.messages.finding import Sifted, SiftFiles
from repertory.actors.reply import Reply, gather
from repertory.actors.sifting import Sifting
from repertory.errors import (
    BadRange,
    FileCorrupted,
    FileLost,
    NotDicom,
    RepertoryError,
    StorageFailed,
)
from repertory.model import Attachment, ContentType, Level, Metadata, ResourceId, ResourceRef
from repertory.storage import dicom
from repertory.storage.files import Files
from repertory.storage.main_tags import MainDicomTags

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard

R = TypeVar("R")


class StorageReading:
    """A part of ``StorageActor``, apart from it for length only."""

    board: "Switchboard"
    _crew: Crew
    _files: Files
    _mending: Mending
    _main_tags: MainDicomTags

    if TYPE_CHECKING:

        def _wherever(
            self, owner: ResourceRef | None, attachment: Attachment, work: Callable[[Attachment], R]
        ) -> R:
            """See ``StoragePlaces``."""

        def _wherever_it_is_now(
            self, owner: ResourceRef | None, attachment: Attachment, work: Callable[[Attachment], R]
        ) -> R | Reply[R]:
            """See ``StoragePlaces``."""

    @handles(ReadAttachment, anywhere=True)
    def read_attachment(self, query: ReadAttachment) -> Reply[AttachmentContent]:
        """Let the index say which file it is, then read it."""
        return self._read_by(
            query.level, query.id, query.content_type, lambda found: self._read(found, query)
        )

    @handles(LendFile, anywhere=True)
    def lend_file(self, query: LendFile) -> Reply[LentFile]:
        """Let the index say which file it is, and look at its place."""

        def lend(it: Attachment) -> LentFile:
            try:
                path = self._files.lend(it)
            except StorageFailed:  # who reads it is told why
                path = None
            return LentFile(attachment=it, path=path)

        question = LocateFile(level=query.level, id=query.id, content_type=query.content_type)
        return self.board.ask_soon(question).then(lend)

    @handles(ReadFile, anywhere=True)
    def read_file(self, query: ReadFile) -> Reply[bytes]:
        """Read more of a file."""

        def read_from(file: Attachment) -> bytes:
            return self._files.read(file, query.start, query.length)

        def read() -> bytes | Reply[bytes]:
            with self._mending.watching_for_corruption(query.owner, query.attachment):
                return self._wherever_it_is_now(query.owner, query.attachment, read_from)

        return self._crew.do(read)

    @handles(ReadFiles, anywhere=True)
    def read_files(self, query: ReadFiles) -> Reply[tuple[bytes | Exception | None, ...]]:
        """Read files one after the other: to hand each over takes longer than to read it.

        Those that are not to be had from a folder are read side by side, for each is waited for.
        """

        def read_from(file: Attachment) -> bytes:
            return self._files.read(file, 0, file.uncompressed_size)

        def read(attachment: Attachment, owner: ResourceRef) -> bytes | RepertoryError | None:
            try:
                with self._mending.watching_for_corruption(owner, attachment):
                    content = self._wherever_it_is_now(owner, attachment, read_from)
            except RepertoryError as error:
                return error
            return content if isinstance(content, bytes) else None

        if all(self._is_near(it) for it, _ in query.files):
            return self._crew.do(lambda: tuple(read(*it) for it in query.files))
        return gather([self._crew.do(partial(read, *it)) for it in query.files])

    def _is_near(self, attachment: Attachment) -> bool:
        try:
            area = self._files.area_at(attachment.location)
        except StorageFailed:  # who reads it is told why
            return True
        return area.local_path(attachment.uuid) is not None

    @handles(ReadTags, anywhere=True)
    def read_tags(self, query: ReadTags) -> Reply[Mapping[str, Any]]:
        """Read an instance up to its pixels, and list its tags.

        At once, where its beginning is short and in memory: to hand that to the crew, and back,
        takes longer than to do it.
        """
        # Methods: a function within this one would be made, its annotations with it, each time.
        return self._describe(Level.INSTANCE, query.id).then(partial(self._peek_tags, query))

    def _peek_tags(
        self, query: ReadTags, found: AttachmentDescription
    ) -> Mapping[str, Any] | Reply[Mapping[str, Any]]:
        head = self._peek_head(found)
        if head is not None:
            try:
                return self._list_tags(query, found, head)
            except NotDicom:
                pass  # damaged: it is looked at, and noted, below
        return self._read_by(
            Level.INSTANCE,
            query.id,
            ContentType.DICOM,
            lambda found: _parse(lambda: self._list_tags(query, found, self._read_head(found))),
        )

    def _list_tags(
        self, query: ReadTags, found: AttachmentDescription, head: bytes
    ) -> Mapping[str, Any]:
        return dicom.tags(
            head,
            query.form,
            ignore_length=query.ignore_length,
            pixel_data=_has_pixel_data(found),
            default_encoding=self._main_tags.encoding.name,
        )

    def _peek_head(self, found: AttachmentDescription) -> bytes | None:
        length = head_length(found)
        if length is None:
            return None
        try:
            return self._files.peek_head(found.attachment, length)
        except StorageFailed:  # who reads it is told why
            return None

    @handles(ReadHeader, anywhere=True)
    def read_header(self, query: ReadHeader) -> Reply[Mapping[str, Any]]:
        """Read the file meta information of an instance."""

        def parse(found: AttachmentDescription) -> Mapping[str, Any]:
            return _parse(lambda: dicom.header(self._read_head(found), query.form))

        return self._read_by(Level.INSTANCE, query.id, ContentType.DICOM, parse)

    @handles(SiftFiles)
    def sift_files(self, query: SiftFiles) -> Reply[tuple[Sifted, ...]]:
        """Look into files for what the index does not keep, some for each piece of work."""
        return Sifting(
            crew=self._crew,
            read_head=self._read_head,
            query=query,
            mending=self._mending,
            encoding=self._main_tags.encoding,
        ).begin()

    def _read_by(
        self,
        level: Level,
        id_: ResourceId,
        content_type: int,
        work: Callable[[AttachmentDescription], R | Reply[R]],
        lost: str = "",
    ) -> Reply[R]:
        """Do ``work`` with an attachment, once more where its file was replaced meanwhile.

        ``lost`` is the name of the file that was not there at the first attempt.
        """

        def attempt(found: AttachmentDescription) -> R | Reply[R]:
            with self._mending.watching(level, id_, found.attachment):
                try:
                    return self._wherever(
                        ResourceRef(level, id_),
                        found.attachment,
                        lambda file: work(replace(found, attachment=file)),
                    )
                except FileLost:
                    if lost:
                        raise
                uuid = found.attachment.uuid
                return self._read_by(level, id_, content_type, work, lost=uuid)

        def begin(found: AttachmentDescription) -> Reply[R]:
            if found.attachment.uuid == lost:
                with self._mending.watching(level, id_, found.attachment):
                    raise FileLost
            return self._crew.do(lambda: attempt(found))

        return self._describe(level, id_, content_type).then(begin)

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
        content = self._files.read(attachment, query.start, query.length, remember=query.remember)
        return AttachmentContent(attachment=attachment, start=query.start, content=content)

    def _read_head(self, found: AttachmentDescription) -> bytes:
        """An instance without its pixels, which may be large."""
        length = head_length(found)
        if length is None:
            return self._files.read(found.attachment)
        return self._files.read_head(found.attachment, length)


def head_length(found: AttachmentDescription) -> int | None:
    """How many bytes of an instance come before its pixels, if that is known."""
    offset = found.metadata.get(Metadata.PIXEL_DATA_OFFSET, "")
    is_dicom = found.attachment.content_type == ContentType.DICOM
    return int(offset) if is_dicom and offset.isdigit() else None


def _has_pixel_data(found: AttachmentDescription) -> bool:
    return found.metadata.get(Metadata.PIXEL_DATA_OFFSET, "").isdigit()


def _parse(read: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Read a stored file as DICOM; what was DICOM when it came in is damaged if it no longer is."""
    try:
        return read()
    except NotDicom as error:
        raise FileCorrupted from error
