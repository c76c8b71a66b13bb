"""Attachments in a storage area: written in the wanted form, read back whatever their form."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

import structlog

from repertory.errors import ArchiveFull, FileCorrupted, FileLost, StorageFailed
from repertory.model import Attachment, Compression
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.filesystem import NO_ROOM
from repertory.storage.cache import FileCache
from repertory.storage.checksums import md5_of, md5_of_pieces
from repertory.storage.compression import Read, compressed, decompressed, locate, reader_of
from repertory.storage.lending import SMALL, Lending, peek, read_small
from repertory.storage.naming import new_uuid
from repertory.storage.streams import OpenStreams, Stream

log = structlog.get_logger(__name__)

IN_MEMORY = 8 << 20
"""Files up to this size are rewritten in memory, larger ones by way of the disk."""
NO_AREAS: Mapping[int, StorageArea] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class FileOptions:
    """How files are kept.

    ``compression`` is the form of new files, ``packed`` the one of files that somebody wants to
    be compressed; ``level`` is the effort. ``keep_md5`` says whether to compute MD5 sums,
    ``verify`` whether to check them when a file is read to its end. ``cache_size`` is in bytes.
    """

    compression: Compression = Compression.NONE
    packed: Compression = Compression.ZSTANDARD
    level: int = 3
    keep_md5: bool = True
    verify: bool = True
    cache_size: int = 0


class Files:
    """The files of an archive: new ones go to one storage area, the others may lie in others.

    Its methods may be called from several threads at once.

    Raises (all methods that read):
        FileLost: there is no such file.
        FileCorrupted: it is not as it was when it was stored.
        StorageFailed: it could not be read.

    Raises (all methods that write):
        ArchiveFull: no room is left.
        StorageFailed: the area refused it for another reason.
    """

    def __init__(
        self,
        area: StorageArea,
        options: FileOptions,
        *,
        location: int = 0,
        others: Mapping[int, StorageArea] = NO_AREAS,
        new_name: Callable[[], str] = new_uuid,
    ) -> None:
        """Take the storage area, its number, and the other ones of the archive by theirs."""
        self.options = options
        self._area = area
        self.location = location
        self._others = others
        self.new_name = new_name
        self.cache = FileCache(options.cache_size)
        self._streams = OpenStreams()
        self._lending = Lending(verify=options.verify)

    # Writing

    def write(self, content: bytes, content_type: int, *, head: int = 0) -> Attachment:
        """Store a new file; its first ``head`` bytes will be asked for alone."""
        if (new := self.announce(content, content_type)) is not None:
            self.put(new, content)
            return new
        size, md5, form = len(content), self._sum(content), self.options.compression
        return self._write(reader_of(content), size, md5, content_type, form=form, head=head)

    def announce(self, content: bytes, content_type: int) -> Attachment | None:
        """What a new file will be, for ``put``; ``None`` where that is not known beforehand."""
        if self.options.compression is not Compression.NONE:
            return None
        return self._attachment(content_type, len(content), self._sum(content))

    def put(self, announced: Attachment, content: bytes) -> None:
        """Store a new file that was announced."""
        self._area.create(announced.uuid, announced.content_type, content)

    def write_file(
        self, path: Path, size: int, md5: str, content_type: int, *, head: int = 0
    ) -> Attachment:
        """Store a local file as a new file; ``path`` is gone afterwards.

        It lies at the area's ``staging_path`` of some UUID. ``md5`` is its sum, if one is kept.
        """
        form = self.options.compression
        if form is Compression.NONE:
            # Under the same name: what is staged can then be told by the index's word for it.
            new = self._attachment(content_type, size, md5, path.name)
            self._area.adopt(new.uuid, content_type, path)
            return new
        try:
            with path.open("rb") as file:

                def read(start: int, length: int) -> bytes:
                    file.seek(start)
                    return file.read(length)

                return self._write(read, size, md5, content_type, form=form, head=head)
        except OSError as error:
            raise StorageFailed("The upload could not be read.") from error
        finally:
            with suppress(OSError):  # what stays is cleared away at the next start
                path.unlink(missing_ok=True)

    def rewrite(self, attachment: Attachment, form: Compression, *, head: int = 0) -> Attachment:
        """Store an attachment's file once more in another form, under a new name.

        The old file stays. What comes out of it is checked first: damage is not made to last.
        """
        size, md5 = attachment.uncompressed_size, attachment.uncompressed_md5
        if not md5 and self.options.keep_md5:
            md5 = self._md5_of(attachment)
        stream = self._stream(attachment, md5)

        def read(_: int, length: int) -> bytes:
            # Whatever compresses it asks for its bytes in order.
            return stream.read(length)

        new = self._write(
            read,
            size,
            md5,
            attachment.content_type,
            form=form,
            head=head,
            location=attachment.location,
        )
        return replace(new, revision=attachment.revision + 1)

    def _write(
        self,
        read: Read,
        size: int,
        md5: str,
        content_type: int,
        *,
        form: Compression,
        head: int,
        location: int | None = None,
    ) -> Attachment:
        uuid = self.new_name()
        location = self.location if location is None else location
        area = self.area_at(location)
        pieces = compressed(read, size, form, level=self.options.level, head=head)
        if size <= IN_MEMORY:
            content = b"".join(pieces)
            area.create(uuid, content_type, content)
            stored, stored_md5 = len(content), self._sum(content)
        else:
            stored, stored_md5 = self._stage(area, uuid, content_type, pieces)
        return Attachment(
            uuid=uuid,
            content_type=content_type,
            uncompressed_size=size,
            uncompressed_md5=md5,
            compressed_size=stored,
            compressed_md5=md5 if form is Compression.NONE else stored_md5,
            compression=form,
            location=location,
        )

    def _stage(
        self, area: StorageArea, uuid: str, content_type: int, pieces: Iterator[bytes]
    ) -> tuple[int, str]:
        """Write the stored form beside the files, and take it in when it is whole."""
        path = area.staging_path(uuid)
        size = 0
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with path.open("xb", buffering=0) as file:
                for piece in pieces:
                    view = memoryview(piece)
                    while view:
                        view = view[file.write(view) :]
                    size += len(piece)
                    if self.options.keep_md5:
                        digest.update(piece)
            area.adopt(uuid, content_type, path)
        except BaseException as error:
            with suppress(OSError):  # what stays is cleared away at the next start
                path.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            if error.errno in NO_ROOM:
                raise ArchiveFull("The disk is full.") from error
            raise StorageFailed("A file could not be written.") from error
        return size, digest.hexdigest() if self.options.keep_md5 else ""

    def remove(self, uuid: str, content_type: int, location: int | None = None) -> None:
        """Remove a file; one that is not there is removed already."""
        self.cache.remove(uuid)
        self._lending.forget(uuid)
        self._streams.remove(uuid)
        area = self._area if location is None else self.area_at(location)
        area.remove(uuid, content_type)

    # Where files lie

    def area_at(self, location: int) -> StorageArea:
        """The storage area of a number; ``StorageFailed`` where the archive has none such."""
        if location == self.location:
            return self._area
        area = self._others.get(location)
        if area is None:
            raise StorageFailed("The file lies in a storage that is not configured.")
        return area

    def find_elsewhere(self, attachment: Attachment) -> Attachment | None:
        """The attachment as it is in another storage area than it should be, if it is there."""
        for location in (self.location, *self._others):
            if location != attachment.location:
                try:
                    size = self.area_at(location).size(attachment.uuid, attachment.content_type)
                except (FileLost, StorageFailed):
                    continue
                if size == attachment.compressed_size:
                    return replace(attachment, location=location)
        return None

    def remove_many(self, files: Sequence[tuple[str, int]], location: int | None = None) -> None:
        """Remove files of one storage, each a name and a content type."""
        for uuid, _ in files:
            self.cache.remove(uuid)
            self._lending.forget(uuid)
            self._streams.remove(uuid)
        area = self._area if location is None else self.area_at(location)
        area.remove_many(files)

    # Reading

    def read(
        self,
        attachment: Attachment,
        start: int = 0,
        length: int | None = None,
        *,
        remember: bool = True,
    ) -> bytes:
        """Bytes of the file as it was before it was compressed.

        Whoever asks for the pieces one after the other, from the beginning to the end, learns
        with the last one whether all of them were right, as does who asks for the whole.
        """
        size, uuid = attachment.uncompressed_size, attachment.uuid
        length = size - start if length is None else min(length, size - start)
        if length <= 0:
            return b""
        known = self.cache.get(uuid, start, length)
        if known is not None:
            return known
        md5 = attachment.uncompressed_md5 if self.options.verify else ""
        if attachment.compression is Compression.NONE and (
            not md5 or (start == 0 and length == size)
        ):
            seen = self._lending.look(self.area_at(attachment.location), attachment)
            content = self._read_plain(attachment, start, length)
            if md5 and md5_of(content) != md5:
                raise FileCorrupted
            if length == size and seen is not None:
                # From now on it is lent; the system keeps it in memory as long as there is room.
                self._lending.note(attachment, seen)
                remember = remember and length <= SMALL
        else:
            content = self._read_on(attachment, start, length, md5)
        if length == size and remember:
            self.cache.put(uuid, content)
        return content

    def lend(self, attachment: Attachment) -> str | None:
        """The path of the file, where it may be sent from there as it is; else it is to be read."""
        return self._lending.path(self.area_at(attachment.location), attachment)

    def read_head(self, attachment: Attachment, length: int) -> bytes:
        """The first bytes of the file; of its stored form, no more is read than it takes."""
        length = min(length, attachment.uncompressed_size)
        if (known := self.cache.get(attachment.uuid, 0, length)) is not None:
            return known
        if attachment.compression is Compression.NONE:
            content = self._read_plain(attachment, 0, length)
        else:
            content = self._stream(attachment, "").read(length)
        self.cache.put(attachment.uuid, content)
        return content

    def peek_head(self, attachment: Attachment, length: int) -> bytes | None:
        """The same, if nobody has to wait for it; ``None``: ``read_head`` gets it."""
        area = self.area_at(attachment.location)
        return self.cache.get(attachment.uuid, 0, length) or peek(area, attachment, length)

    def read_stored(self, attachment: Attachment, start: int = 0, length: int = -1) -> bytes:
        """Bytes of the file as it is stored."""
        left = attachment.compressed_size - start
        length = left if length < 0 else min(length, left)
        return self._read_plain(attachment, start, length)

    def read_small(self, attachment: Attachment) -> bytes | None:
        """A small file that lies as it came, past the cache; ``None`` for any other."""
        area = self.area_at(attachment.location)
        return read_small(area, attachment, verify=self.options.verify)

    def check(self, attachment: Attachment) -> None:
        """Read the file anew, past the cache, and compare it with all that is known of it."""
        self.check_size(attachment)
        if attachment.compressed_md5 and attachment.compression is not Compression.NONE:
            read = self._reader(attachment)
            size = attachment.compressed_size
            stored = Stream(
                decompressed(read, size, Compression.NONE), size, attachment.compressed_md5
            )
            stored.skip(size)
        stream = self._stream(attachment, attachment.uncompressed_md5)
        stream.skip(attachment.uncompressed_size)

    def check_size(self, attachment: Attachment) -> None:
        """Compare the length of the stored file with what it should be."""
        area, uuid = self.area_at(attachment.location), attachment.uuid
        if area.size(uuid, attachment.content_type) != attachment.compressed_size:
            raise FileCorrupted("A stored file has not the length that it had.")

    def _read_plain(self, attachment: Attachment, start: int, length: int) -> bytes:
        content = self._reader(attachment)(start, length)
        if len(content) < length:
            raise FileCorrupted("A stored file is shorter than it was when it was stored.")
        return content

    def _read_on(self, attachment: Attachment, start: int, length: int, md5: str) -> bytes:
        """Read by the stream that stands there, or by a new one."""
        stream = self._streams.take(attachment.uuid, start)
        if stream is None:
            if start and attachment.compression is Compression.NONE:
                # Somewhere in the middle: what lies before need not be read.
                return self._read_plain(attachment, start, length)
            stream = self._stream(attachment, md5, start)
            stream.skip(start - stream.position)
        content = stream.read(length)
        if start + length < attachment.uncompressed_size:
            self._streams.put(attachment.uuid, stream)
        return content

    def _stream(self, attachment: Attachment, md5: str, start: int = 0) -> Stream:
        """A stream that stands at ``start``, or not far before it where that can be."""
        read, form = self._reader(attachment), attachment.compression
        size, stored = attachment.uncompressed_size, attachment.compressed_size
        begin = (0, 0)
        if start and form is Compression.ZSTANDARD:
            begin = locate(read, stored, size, start)
            md5 = ""
        return Stream(decompressed(read, stored, form, size, begin), size, md5, begin[1])

    def _reader(self, attachment: Attachment) -> Read:
        area = self.area_at(attachment.location)
        return partial(area.read, attachment.uuid, attachment.content_type)

    def _md5_of(self, attachment: Attachment) -> str:
        read = self._reader(attachment)
        size, stored = attachment.uncompressed_size, attachment.compressed_size
        return md5_of_pieces(decompressed(read, stored, attachment.compression, size))

    def _sum(self, content: bytes) -> str:
        return md5_of(content) if self.options.keep_md5 else ""

    def _attachment(self, content_type: int, size: int, md5: str, uuid: str = "") -> Attachment:
        return Attachment(
            uuid=uuid or self.new_name(),
            content_type=content_type,
            uncompressed_size=size,
            uncompressed_md5=md5,
            compressed_size=size,
            compressed_md5=md5,
            location=self.location,
        )
