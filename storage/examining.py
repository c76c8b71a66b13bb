"""A look at one stored file: is it there, is it whole, is it what it was."""

import hashlib

from repertory.errors import FileCorrupted, FileLost, StorageFailed, StorageUnavailable
from repertory.integrity import Damage, Finding, IndexedFile
from repertory.storage.areas.base import StorageArea
from repertory.storage.index.packing import unpack_uuid

PIECE = 1 << 20


def examine(area: StorageArea, file: IndexedFile, *, checksums: bool) -> Finding:
    """Look at a file; with ``checksums``, read it to its end and compare its MD5 sum.

    Raises:
        StorageUnavailable: the object store does not answer.
    """
    uuid = unpack_uuid(file.uuid)
    size = None
    try:
        size = area.size(uuid, file.content_type)
        if size != file.size:
            return Finding(Damage.WRONG_SIZE, size)
        if checksums and file.md5 is not None and _md5(area, uuid, file) != file.md5:
            return Finding(Damage.CORRUPTED, size)
    except FileCorrupted:  # an encrypted one, by its tag
        return Finding(Damage.CORRUPTED, size)
    except FileLost:
        return Finding(Damage.LOST, None)
    except StorageUnavailable:
        raise  # that says nothing about the file
    except StorageFailed:
        return Finding(Damage.UNREADABLE, size)
    return Finding(None, size)


def _md5(area: StorageArea, uuid: str, file: IndexedFile) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    for start in range(0, file.size, PIECE):
        digest.update(area.read(uuid, file.content_type, start, PIECE))
    return digest.digest()
