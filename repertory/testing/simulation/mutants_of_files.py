"""Bugs planted in what stands between a file and its row in the index."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from repertory.actors.base import handles
from repertory.actors.index import IndexActor
from repertory.actors.messages.instances import FileArrived, RecordInstance
from repertory.actors.reply import Reply
from repertory.model import StoreReceipt
from repertory.storage.areas.filesystem import FilesystemArea
from repertory.testing.simulation.setups import Parts


class DoesNotSynchronize(FilesystemArea):
    """Renames files that may not be on the medium."""

    def __init__(self, *values: Any, **options: Any) -> None:
        super().__init__(*values, **{**options, "synchronize": False})


class WaitsForNoFile(IndexActor):
    """Commits what it knows of files that are still being written."""

    @handles(RecordInstance)
    def record_instance(self, command: RecordInstance) -> Reply[StoreReceipt]:
        """Enter it as if its file was there."""
        return super().record_instance(replace(command, is_arriving=False))


class EntersLostFiles(IndexActor):
    """Takes a file that could not be written for one that was."""

    @handles(FileArrived)
    def file_arrived(self, event: FileArrived) -> None:
        """Commit in either case."""
        super().file_arrived(replace(event, is_there=True))


MUTANTS: dict[str, Callable[[], Parts]] = {
    "does not synchronize": lambda: Parts(area=DoesNotSynchronize),
    "waits for no file": lambda: Parts(actors={IndexActor: WaitsForNoFile}),
    "enters lost files": lambda: Parts(actors={IndexActor: EntersLostFiles}),
}
"""By name, the parts with a mutant among them."""
