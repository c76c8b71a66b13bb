"""Files that may be sent as they lie on the disk, without a look at their bytes."""

import os
import threading
from collections import OrderedDict
from typing import NamedTuple

from repertory.errors import FileCorrupted
from repertory.model import Attachment, Compression
from repertory.storage.areas.base import StorageArea
from repertory.storage.checksums import md5_of

SMALL = 1 << 16
"""Files up to this size are kept in our own cache though they can be lent: tags are read there."""

REMEMBERED = 10_000
"""Files that are known to be right; a hundred bytes each."""


class Identity(NamedTuple):
    """What tells whether a file is still the one that was looked at."""

    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, path: str) -> "Identity | None":
        """That of the file at a path, if there is one."""
        try:
            found = os.stat(path)  # noqa: PTH116 - making paths costs more
        except OSError:
            return None
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class Lending:
    """Knows which files were read whole and were right, and have not been touched since.

    Its methods may be called from several threads at once.
    """

    def __init__(self, *, verify: bool) -> None:
        """``verify``: whether only such files are lent that were found right."""
        self._verify = verify
        self._right: OrderedDict[str, Identity] = OrderedDict()
        self._lock = threading.Lock()

    def path(self, area: StorageArea, attachment: Attachment) -> str | None:
        """Where the file can be had as it came, if it can.

        That is, it is neither compressed nor encrypted, lies on a local disk, has the length that
        it should have and, where MD5 sums are checked, was right when it was last read whole.
        """
        if attachment.compression is not Compression.NONE:
            return None
        path = area.local_path(attachment.uuid)
        if path is None:
            return None
        now = Identity.of(path)
        if now is None or now.size != attachment.uncompressed_size:
            return None  # whoever reads it learns what is wrong with it
        if self._verify and attachment.uncompressed_md5:
            with self._lock:
                if self._right.get(attachment.uuid) != now:
                    return None
        return path

    def look(self, area: StorageArea, attachment: Attachment) -> Identity | None:
        """What a file is like before it is read."""
        path = area.local_path(attachment.uuid) if self._verify else None
        return Identity.of(path) if path is not None else None

    def note(self, attachment: Attachment, identity: Identity | None) -> None:
        """A file that was like this has been read whole, and was right."""
        if identity is None:
            return
        with self._lock:
            self._right[attachment.uuid] = identity
            self._right.move_to_end(attachment.uuid)
            while len(self._right) > REMEMBERED:
                self._right.popitem(last=False)

    def forget(self, uuid: str) -> None:
        """The file is removed."""
        with self._lock:
            self._right.pop(uuid, None)


def peek(area: StorageArea, attachment: Attachment, length: int) -> bytes | None:
    """The first bytes of a file that lies as it came, if the system has them in memory.

    ``None`` where they are many, or somebody would have to wait for a disk to have them.
    """
    flag = getattr(os, "RWF_NOWAIT", None)
    path = area.local_path(attachment.uuid)
    is_plain = attachment.compression is Compression.NONE
    if flag is None or path is None or not is_plain or length > SMALL:
        return None
    content = bytearray(length)
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            read = os.preadv(file, [content], 0, flag)
        finally:
            os.close(file)
    except OSError:
        return None
    return bytes(content) if read == length else None


def read_small(area: StorageArea, attachment: Attachment, *, verify: bool) -> bytes | None:
    """A whole file by one request to its area, if it is small and lies as it came.

    Raises:
        FileLost: there is no such file.
        FileCorrupted: it has another length than it had, or (``verify``) another MD5 sum.
        StorageFailed: it could not be read.
    """
    size, md5 = attachment.compressed_size, attachment.uncompressed_md5
    if attachment.compression is not Compression.NONE or size > SMALL:
        return None
    # One byte more than there should be tells whether that was all.
    content = area.read(attachment.uuid, attachment.content_type, 0, size + 1)
    if len(content) != size:
        raise FileCorrupted("A stored file has not the length that it had.")
    if verify and md5 and md5_of(content) != md5:
        raise FileCorrupted
    return content
