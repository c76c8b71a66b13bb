"""Copying a file from one storage area to another, and making sure that it has arrived."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from repertory.errors import ArchiveFull, FileCorrupted, StorageFailed
from repertory.model import Attachment
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.filesystem import NO_ROOM
from repertory.storage.checksums import md5_of

PIECE = 4 << 20
IN_MEMORY = 16 << 20
"""Files up to this size are copied in one piece, larger ones by way of a local file."""


def copy_file(source: StorageArea, target: StorageArea, file: Attachment, copy: Attachment) -> None:
    """Copy the stored bytes of ``file`` to the name that ``copy`` has, and see that they arrived.

    What is read is compared with the sum that is kept of the file. The copy is read back and
    compared with what was read, unless the target itself says that it received just that, by its
    own sum: where that is the sum that is kept, what was read was right, too, and no sum of it is
    computed here. A copy that is not right is removed.

    Raises:
        FileLost: there is no such file.
        FileCorrupted: it is not as it was when it was stored.
        ArchiveFull: there is no room left for the copy.
        StorageFailed: one of the areas refused, or the copy is not what was written.
    """
    if file.compressed_size <= IN_MEMORY:
        content = source.read(file.uuid, file.content_type)
        if file.compressed_md5 and getattr(target, "tells_sums", False):
            if target.create(copy.uuid, copy.content_type, content) == file.compressed_md5:
                return
            try:
                _check(file, content)
            except FileCorrupted:
                _drop(target, copy)
                raise
        else:
            md5 = _check(file, content)
            if target.create(copy.uuid, copy.content_type, content) == md5:
                return
        is_right = _holds(target, copy, content)
    else:
        md5 = _copy_large(source, target, file, copy)
        is_right = _sum(target, copy) == (file.compressed_size, md5)
    if not is_right:
        _drop(target, copy)
        raise StorageFailed("The copy of a file was not what had been written.")


def _copy_large(
    source: StorageArea, target: StorageArea, file: Attachment, copy: Attachment
) -> str:
    path = target.staging_path(copy.uuid)
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    try:
        with path.open("xb", buffering=0) as staged:
            for piece in _pieces(source, file):
                digest.update(piece)
                size += len(piece)
                view = memoryview(piece)
                while view:
                    view = view[staged.write(view) :]
        md5 = _checked(file, size, digest.hexdigest())
        target.adopt(copy.uuid, copy.content_type, path)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise ArchiveFull("The disk is full.") from error
        raise StorageFailed("A file could not be written.") from error
    finally:
        with suppress(OSError):  # what stays is cleared away at the next start
            path.unlink(missing_ok=True)
    return md5


def _drop(target: StorageArea, copy: Attachment) -> None:
    with suppress(StorageFailed):  # it is listed as a copy that was made in vain
        target.remove(copy.uuid, copy.content_type)


def _check(file: Attachment, content: bytes) -> str:
    return _checked(file, len(content), md5_of(content))


def _checked(file: Attachment, size: int, md5: str) -> str:
    if size != file.compressed_size or file.compressed_md5 not in ("", md5):
        raise FileCorrupted
    return md5


def _holds(area: StorageArea, file: Attachment, content: bytes) -> bool:
    """Whether a file is ``content``: to compare is ten times as fast as to compute a sum."""
    position = 0
    for piece in _pieces(area, file):
        # Slices of bytes: views would be compared byte by byte.
        if piece != content[position : position + len(piece)]:
            return False
        position += len(piece)
    return position == len(content)


def _sum(area: StorageArea, file: Attachment) -> tuple[int, str]:
    digest = hashlib.md5(usedforsecurity=False)
    size = 0
    for piece in _pieces(area, file):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _pieces(area: StorageArea, file: Attachment) -> Iterator[bytes]:
    start = 0
    while piece := area.read(file.uuid, file.content_type, start, PIECE):
        yield piece
        start += len(piece)
        if len(piece) < PIECE:
            return
