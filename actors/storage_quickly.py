"""Small files that are written by whoever brings them, while the disk is quick."""

from typing import TYPE_CHECKING, Any

from repertory.actors.base import current_rank
from repertory.actors.brisk import SMALL, Briskness
from repertory.actors.clock import Clock
from repertory.actors.messages.instances import SopPair
from repertory.actors.reply import Reply
from repertory.errors import ShuttingDown
from repertory.model import Origin, StoreReceipt
from repertory.storage.areas.base import StorageArea
from repertory.storage.pixels.rules import IngestRules


class StorageQuickly:
    """A part of ``StorageActor``: what is done in the thread of somebody who is no actor."""

    clock: Clock
    _area: StorageArea
    _brisk: Briskness
    _closing: bool
    _filters_instances: bool
    _in_the_midst: set[Reply[Any]]
    _ingest: IngestRules

    if TYPE_CHECKING:

        @staticmethod
        def _create_future() -> Reply[Any]: ...
        def store_bytes(
            self, content: bytes, origin: Origin, announced: SopPair | None = None
        ) -> Reply[StoreReceipt]:
            """See ``StorageActor``."""

    def _is_quick_to_store(self, content: bytes) -> bool:
        """Whether whoever asks, who is no actor, may as well do the work."""
        return (
            len(content) <= SMALL
            and current_rank() is None
            and self._brisk.is_brisk
            and not (self._closing or self._filters_instances or self._ingest.syntax)
            and self._area.local_path("0" * 36) is not None
        )

    def _store_quickly(
        self, content: bytes, origin: Origin, announced: SopPair | None
    ) -> Reply[StoreReceipt]:
        began = self.clock.monotonic()
        ended = self._create_future()
        self._in_the_midst.add(ended)  # before it is looked whether the storage closes
        try:
            if self._closing:
                raise ShuttingDown
            return self.store_bytes(content, origin, announced)
        finally:
            self._brisk.note(self.clock.monotonic() - began)
            self._in_the_midst.discard(ended)
            ended.set()

    def _finish_what_askers_write(self) -> None:
        """Wait until nobody is in the midst of a file; ``_closing`` lets nobody begin."""
        for ended in tuple(self._in_the_midst):
            ended.get()
