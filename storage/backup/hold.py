"""Asking a server of this computer not to remove files for as long as somebody copies them.

Who copies holds a lock on a file beside the index, shared with others who copy. The server tries
the lock after it has read which files wait to be removed, and removes them only if nobody holds
it: then whoever comes later reads an index that does not list them any more. The kernel frees the
lock when its holder dies, so nothing is ever held for longer than it is wanted.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD_NAME = "repertory.hold"
"""The file, in the folder of the index."""


class RemovalHold:
    """The lock on one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_held(self) -> bool:
        """Whether somebody copies files just now; for the server, who waits for nobody."""
        try:
            descriptor = self._open()
        except OSError:
            return False  # the folder is gone, or cannot be written: then nobody can hold it either
        try:
            return not _try_alone(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no file be removed that is still in the index; for whoever copies.

        Raises:
            OSError: the folder cannot be written.
        """
        descriptor = self._open()
        try:
            _wait_shared(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)


if sys.platform == "win32":
    import msvcrt

    def _try_alone(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _wait_shared(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _try_alone(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _wait_shared(descriptor: int) -> None:
        # The server lets go of it at once.
        fcntl.flock(descriptor, fcntl.LOCK_SH)
