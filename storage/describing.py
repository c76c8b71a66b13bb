"""What the index would record of a file that lies in the storage area, from the file alone."""

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

from repertory.errors import FileCorrupted, NotDicom
from repertory.model import Attachment, Compression, ContentType, Summary
from repertory.storage.checksums import md5_of
from repertory.storage.compression import decompress, decompressed
from repertory.storage.dicom.summary import summarize
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags

_PIECE = 1 << 20
_IN_MEMORY = 16 << 20
"""Files up to this size are read once, into memory; larger ones twice, or unpacked to a disk."""

_ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""How a frame begins (RFC 8878 section 3.1.1)."""


def describe_file(
    path: Path, uuid: str, *, keep_md5: bool, main_tags: MainDicomTags = MAIN_DICOM_TAGS
) -> tuple[Summary, Attachment]:
    """Summary and attachment of a DICOM file, plain or compressed (ZLIB_WITH_SIZE, ZSTANDARD).

    Raises:
        NotDicom: it is neither.
        MissingTag: it lacks an identifier.
        FileCorrupted: it is compressed, and cannot be unpacked.
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    content = path.read_bytes() if size <= _IN_MEMORY else None
    plain: bytes | Path = path if content is None else content
    md5 = ""
    if keep_md5:
        md5 = _md5_of_file(path) if content is None else md5_of(content)
    form, plain_size, plain_md5 = Compression.NONE, size, md5
    try:
        summary = summarize(plain, main_tags)
    except NotDicom:
        form = form_of(path)
        if form is Compression.NONE:
            if _claims_to_be_dicom(path):
                raise FileCorrupted("A DICOM file is not whole.") from None
            raise
        if content is None:
            with TemporaryDirectory(prefix="repertory-") as folder:
                copy = Path(folder) / "plain"
                _unpack(path, size, form, copy)
                summary = summarize(copy, main_tags)
                plain_size, plain_md5 = copy.stat().st_size, _md5_of_file(copy) if keep_md5 else ""
        else:
            unpacked = decompress(content, form)
            summary = summarize(unpacked, main_tags)
            plain_size, plain_md5 = len(unpacked), md5_of(unpacked) if keep_md5 else ""
    return summary, Attachment(
        uuid=uuid,
        content_type=ContentType.DICOM,
        uncompressed_size=plain_size,
        uncompressed_md5=plain_md5,
        compressed_size=size,
        compressed_md5=md5,
        compression=form,
    )


def form_of(path: Path) -> Compression:
    """In which form a file seems to be stored, by how it begins."""
    with path.open("rb") as file:
        return form_of_head(file.read(16))


def form_of_head(head: bytes) -> Compression:
    """The same, by the first 16 bytes."""
    if head.startswith(_ZSTANDARD):
        return Compression.ZSTANDARD
    # Orthanc's size, then a zlib header: RFC 1950 section 2.2, deflate with a 32 KB window.
    if len(head) > 10 and head[8] == 0x78 and int.from_bytes(head[8:10], "big") % 31 == 0:
        return Compression.ZLIB_WITH_SIZE
    return Compression.NONE


def _claims_to_be_dicom(path: Path) -> bool:
    """Whether a file begins like one of PS3.10 section 7.1."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _unpack(path: Path, stored: int, form: Compression, to: Path) -> None:
    """Write the file that is in ``path`` as it was before it was compressed."""
    with path.open("rb") as file, to.open("wb") as plain:

        def read(start: int, length: int) -> bytes:
            file.seek(start)
            return file.read(length)

        for piece in decompressed(read, stored, form):
            plain.write(piece)


def _md5_of_file(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
