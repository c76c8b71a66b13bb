"""Exclusive ownership of a folder, for as long as a process lives."""

import errno
import os
import sys
from pathlib import Path

from repertory.errors import CannotStart


class FolderLock:
    """A lock file that one process at a time holds, and that the kernel frees when it dies.

    The file itself stays: to remove it would let two processes hold two files of one name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; ``CannotStart`` where another process, or we ourselves, hold it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise CannotStart(
                    "Another Repertory is using this index: check the options StorageDirectory and"
                    " IndexDirectory."
                ) from error
            raise CannotStart(f"The index cannot be locked: {error.strerror}.") from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it; to release twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # flock, not lockf: it also holds between two engines of one process.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
