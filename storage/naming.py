"""Names of new files."""

import uuid as uuids

TOGETHER = 32
"""Files in a row that share a folder: a folder of its own for each file costs a third of the time
that it takes to write one of 10 KB, and a million files are 15 for each of the 65,536 folders."""


def new_uuid() -> str:
    """A name for a new file."""
    return str(uuids.uuid4())


class NeighbouringNames:
    """UUIDs (RFC 9562, version 4) of which some dozens in a row begin alike.

    In a folder of Orthanc's form a file lies where the first four digits of its name say, so those
    that come together lie together. What is left of a UUID is as random as ever. Threads that
    share one may have a few more files in a folder.
    """

    def __init__(self, together: int = TOGETHER) -> None:
        """Take how many names in a row shall begin alike."""
        self._together = together
        self._left = 0
        self._beginning = ""

    def __call__(self) -> str:
        """A name for a new file."""
        name = new_uuid()
        if self._left <= 0:
            self._beginning = name[:4]
            self._left = self._together
        self._left -= 1
        return self._beginning + name[4:]
