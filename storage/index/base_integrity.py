"""What a check, and whoever mends, asks of an index: parts of ``IndexReader``, ``IndexWriter``."""

from collections.abc import Sequence
from typing import Protocol

from repertory.integrity import Damage, DamageMark, IndexedFile, Recount, WrongCounter
from repertory.model import Attachment, Level, ResourceId, Summary


class IntegrityReader(Protocol):
    """What a check reads."""

    def count_files(self) -> int:
        """How many files there are."""

    def list_files(
        self, after: tuple[int, int], first: int, last: int, limit: int
    ) -> tuple[IndexedFile, ...]:
        """Files after a resource's number and content type, at most ``limit``.

        Only those whose UUIDs begin with a byte from ``first`` to before ``last``.
        """

    def list_owners(
        self, files: Sequence[tuple[IndexedFile, Damage]]
    ) -> tuple[DamageMark | None, ...]:
        """To whom files belong; ``None`` for those that belong to nobody any more."""

    def list_damaged(self) -> tuple[DamageMark, ...]:
        """The files that are marked as damaged."""

    def recount_tallies(self, after: int, limit: int) -> Recount:
        """Count patients anew, with all below them, after the patient of a number."""

    def recount_totals(self) -> tuple[WrongCounter, ...]:
        """Count the whole archive anew; what is wrong."""


class IntegrityWriter(Protocol):
    """What a repair, and a mending, write."""

    def mark_files(
        self, damaged: Sequence[tuple[IndexedFile, Damage]], sound: Sequence[IndexedFile]
    ) -> int:
        """Mark files as damaged, take the marks off others; how many marks are new or changed.

        A file that its resource has not any more is passed over.
        """

    def note_damage(
        self, level: Level, id_: ResourceId, content_type: int, uuid: str, damage: Damage
    ) -> bool:
        """Mark the file of a resource as damaged, unless it is marked; whether that was done."""

    def correct_tallies(self, patients: Sequence[int]) -> int:
        """Correct the counters of patients, by number, and of all below; how many were wrong."""

    def correct_totals(self) -> int:
        """Correct the counters of the whole archive; how many were wrong."""

    def mend_instance(
        self, id_: ResourceId, replaces: str, attachment: Attachment, summary: Summary
    ) -> bool:
        """Let ``attachment`` replace the DICOM file of an instance, which is released.

        Where the instance is gone, or has another file than ``replaces``, ``attachment`` is
        released; whether it was put in its place.
        """
