"""Files of an area as files that can be read here and there, and what is in them."""

import io
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from repertory.errors import FileCorrupted, NotDicom
from repertory.model import Attachment, Compression, ContentType, Summary
from repertory.storage.areas.base import StorageArea
from repertory.storage.describing import describe_file, form_of_head
from repertory.storage.dicom.summary import summarize
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags

WINDOW = 64 << 10
"""Bytes that are asked for at least."""

PIECE = 8 << 20


class AreaFile(io.RawIOBase):
    """A file of an area, of which only what is wanted is read, in pieces of some size.

    Raises (when it is read):
        FileLost: there is no such file.
        StorageFailed: it could not be read.
    """

    def __init__(self, area: StorageArea, uuid: str, content_type: int, size: int) -> None:
        super().__init__()
        self._area = area
        self._name = (uuid, content_type)
        self._size = size
        self._at = 0
        self._start = 0
        self._window = b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next byte is read."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Read what fits, and less at the end."""
        wanted = len(buffer)
        if not self._start <= self._at <= self._start + len(self._window) - wanted:
            length = max(wanted, WINDOW)
            self._window = self._area.read(*self._name, self._at, length)
            self._start = self._at
        begin = self._at - self._start
        piece = self._window[begin : begin + wanted]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def describe_stored(
    area: StorageArea,
    uuid: str,
    size: int,
    *,
    keep_md5: bool,
    main_tags: MainDicomTags = MAIN_DICOM_TAGS,
) -> tuple[Summary, Attachment]:
    """Summary and attachment of a DICOM file in an area, as ``describe_file`` gives them.

    Without MD5 sums, of a file that is not compressed only the header is read.

    Args:
        area: the area, which decrypts what is encrypted.
        uuid: the file.
        size: how many bytes it has.
        keep_md5: whether to read it whole, for its sums.
        main_tags: which tags to find.

    Raises:
        NotDicom: it is none, or there is no DICOM file of this name, but one of another type.
        MissingTag: it lacks an identifier.
        FileCorrupted: it is compressed, and cannot be unpacked.
        FileLost: it is gone.
        StorageFailed: it could not be read.
    """
    if keep_md5:
        return _describe_whole(area, uuid, keep_md5=True, main_tags=main_tags)
    with closing(io.BufferedReader(AreaFile(area, uuid, ContentType.DICOM, size), WINDOW)) as file:
        try:
            summary = summarize(file, main_tags)
        except NotDicom:
            file.seek(0)
            head = file.read(132)
            if form_of_head(head[:16]) is Compression.NONE:
                if head[128:] == b"DICM":
                    raise FileCorrupted("A DICOM file is not whole.") from None
                raise
            return _describe_whole(area, uuid, keep_md5=False, main_tags=main_tags)
    return summary, Attachment(
        uuid=uuid,
        content_type=ContentType.DICOM,
        uncompressed_size=size,
        uncompressed_md5="",
        compressed_size=size,
        compressed_md5="",
        compression=Compression.NONE,
    )


def _describe_whole(
    area: StorageArea, uuid: str, *, keep_md5: bool, main_tags: MainDicomTags
) -> tuple[Summary, Attachment]:
    with TemporaryDirectory(prefix="repertory-") as folder:
        path = Path(folder) / uuid
        start = 0
        with path.open("wb") as copy:
            while piece := area.read(uuid, ContentType.DICOM, start, PIECE):
                copy.write(piece)
                start += len(piece)
                if len(piece) < PIECE:
                    break
        return describe_file(path, uuid, keep_md5=keep_md5, main_tags=main_tags)
