"""Bugs planted in what puts files into an object store."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from repertory.errors import StorageFailed, StorageUnavailable
from repertory.storage.areas.objects import ObjectArea
from repertory.testing.simulation.setups import Parts


class ForgetsDoubts(ObjectArea):
    """Takes what failed for what never arrived."""

    def _note_doubt(self, uuid: str) -> None:
        """Do nothing."""


class NotesDoubtsInMemory(ObjectArea):
    """Knows of files in doubt for as long as it lives."""

    def _note_doubt(self, uuid: str) -> None:
        """Leave no trace in the local folder."""
        self._doubtful.add(uuid)


class TakesSilenceForYes(ObjectArea):
    """Takes a file for stored whose answer did not come."""

    def create(self, uuid: str, content_type: int, content: bytes) -> str:
        """Store it, perhaps."""
        with suppress(StorageUnavailable):
            return super().create(uuid, content_type, content)
        return ""


class RemovesInVain(ObjectArea):
    """Takes files for removed whose removal failed."""

    def remove_many(self, files: Sequence[tuple[str, int]]) -> None:
        """Remove them, perhaps."""
        with suppress(StorageFailed):
            super().remove_many(files)


MUTANTS: dict[str, Callable[[], Parts]] = {
    "forgets doubts": lambda: Parts(bucket_area=ForgetsDoubts),
    "notes doubts in memory": lambda: Parts(bucket_area=NotesDoubtsInMemory),
    "takes silence for yes": lambda: Parts(bucket_area=TakesSilenceForYes),
    "removes in vain": lambda: Parts(bucket_area=RemovesInVain),
}
"""By name, the parts with a mutant among them; all show where there is an object store."""
