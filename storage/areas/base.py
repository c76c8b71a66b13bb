"""What a storage area can do: the whole of what the archive asks of a place for files."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from repertory.integrity import Survey


class StorageArea(Protocol):
    """Keeps files by name (a UUID) and content type. Files are written once and never changed.

    Every method may be called from several threads at once. What ``create`` and ``adopt`` return
    from is on the medium: it survives ``kill -9`` and, where the area is told to synchronize, a
    power cut; perhaps as one of the ``leftovers``, which the owner settles at the next start.
    """

    def open(self) -> None:
        """Make the area ready.

        Raises:
            CannotStart: the area cannot be used, and why.
        """

    def close(self) -> None:
        """Let go of it."""

    def probe(self) -> None:
        """See whether files can be written and removed now; within seconds, if the place can tell.

        Raises:
            ArchiveFull: there is no room left.
            StorageFailed: they cannot.
        """

    def leftovers(self) -> tuple[str, ...]:
        """The names of files that were being written when the last run ended."""

    def finish(self, uuid: str) -> None:
        """Put a leftover in its place, because the index knows it: it is complete."""

    def discard(self, uuid: str) -> None:
        """Remove a leftover, because the index does not know it."""

    def create(self, uuid: str, content_type: int, content: bytes) -> str:
        """Store a new file.

        Returns:
            The MD5 sum, in hexadecimal digits, that the place itself made of what it received;
            "", or anything else, where it makes none. What equals the sum of ``content`` has
            arrived as it was sent; what does not says nothing.

        Raises:
            ArchiveFull: there is no room left.
            StorageFailed: the area refused it for another reason.
        """

    def staging_path(self, uuid: str) -> Path:
        """Where to write a local file that ``adopt`` will take under the same name.

        On the same disk, where the area is one.
        """

    def local_path(self, uuid: str) -> str | None:
        """Where the file lies as it came, for whoever sends it; ``None`` where it cannot be had so.

        It may not be there; then who reads it is told so as ever.
        """

    def adopt(self, uuid: str, content_type: int, path: Path) -> None:
        """Store a local file as a new file of the area; ``path`` is gone afterwards.

        Raises:
            ArchiveFull: there is no room left.
            StorageFailed: the area refused it for another reason.
        """

    def read(
        self, uuid: str, content_type: int, start: int = 0, length: int | None = None
    ) -> bytes:
        """The bytes from ``start``, at most ``length`` of them; fewer at the file's end.

        Raises:
            FileLost: there is no such file.
            StorageFailed: it could not be read.
        """

    def size(self, uuid: str, content_type: int) -> int:
        """How many bytes the file has.

        Raises:
            FileLost: there is no such file.
        """

    def remove(self, uuid: str, content_type: int) -> None:
        """Remove a file; a file that is not there is removed already.

        Raises:
            StorageFailed: it is still there.
        """

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove files, each a name and a content type, by as few requests as the area can.

        Raises:
            StorageFailed: some are still there; nobody knows which, so ask again for all.
        """

    def names(self) -> Iterator[str]:
        """The UUIDs of all files, in no particular order."""

    def survey(self, folder: int) -> Survey:
        """The files whose UUIDs begin with this byte.

        Raises:
            StorageFailed: they cannot be listed.
        """

    def set_aside(self, uuid: str) -> bool:
        """Take a file out of the area without removing it; whether there was one.

        Raises:
            StorageFailed: it cannot be moved.
        """
