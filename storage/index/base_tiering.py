"""What an index is asked about tiering: parts of ``IndexReader`` and ``IndexWriter``."""

from collections.abc import Sequence
from typing import Protocol

from repertory.model import ResourceRef
from repertory.tiering import KeptTiering, StudiesPage, StudiesWanted, StudyRead


class TieringReader(Protocol):
    """What rules of tiering are about."""

    def find_tierable(self, wanted: StudiesWanted) -> StudiesPage:
        """Some studies that a rule asks for; the page may be empty although more follow."""

    def find_read_studies(self, read: Sequence[ResourceRef]) -> tuple[StudyRead, ...]:
        """The studies that resources are, or belong to, each once; what is gone has none."""

    def sum_released(self, place: str) -> int:
        """Bytes of files that wait to be removed from the storage of this name."""

    def describe_kept_tiering(self) -> KeptTiering:
        """What is kept of tiering."""


class TieringWriter(Protocol):
    """Remembering reads."""

    def record_accesses(self, studies: Sequence[int], at: int) -> None:
        """Note that studies, by their rows, were read; never an earlier time than is known."""
