"""What is asked of the trash in an index: parts of ``IndexReader`` and ``IndexWriter``."""

from typing import Protocol

from repertory.storage.index.policy import StorePolicy
from repertory.trash import RestoreReceipt, TrashContent, TrashEntry, TrashTide


class TrashReader(Protocol):
    """What is read."""

    def list_trash(self, since: int, limit: int) -> tuple[TrashEntry, ...]:
        """What is in the trash, the last deleted first; ``limit`` 0 is no limit."""

    def describe_trash(self, name: str) -> TrashContent:
        """One entry, by its number or by what was deleted; ``UnknownItem`` where there is none."""

    def list_trashed_files(
        self, after: tuple[int, int, int], limit: int
    ) -> tuple[tuple[int, int, int, bytes], ...]:
        """Files in the trash: entry, resource, content type, UUID; after the first three."""


class TrashWriter(Protocol):
    """What is written."""

    def restore_trash(self, name: str, policy: StorePolicy, now: float) -> RestoreReceipt:
        """Bring back an entry; what is there again stays as it is.

        Raises:
            UnknownItem: there is no such entry; nothing was written.
            LimitReached: there is no room for another patient; nothing was written.
        """

    def empty_trash(self, name: str | None, now: float) -> int:
        """Give up an entry, or all: their files are released; how many entries."""

    def expire_trash(self, time: float, limit: int, now: float) -> TrashTide:
        """Give up the entries that are due at ``time``, the archive's own time."""

    def recorded_time(self) -> tuple[float, float] | None:
        """The archive's own time, and the date, when something was deleted or expired last."""
