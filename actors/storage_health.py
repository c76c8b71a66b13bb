"""The storage's handler for whoever asks whether it can be written."""

from contextlib import suppress
from typing import TYPE_CHECKING

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.crew import Crew
from repertory.actors.messages.health import ProbeStorage, ProbeStorages
from repertory.actors.reply import Reply
from repertory.errors import ArchiveFull, StorageFailed
from repertory.places import StorageHealth
from repertory.storage.files import Files

if TYPE_CHECKING:
    from repertory.storage.areas.base import StorageArea

REMEMBERED = 5.0
"""Seconds for which an answer is given again: a bucket may cost by the request."""


class StorageProbing:
    """A part of ``StorageActor``, apart from it for length only."""

    clock: Clock
    _area: "StorageArea"
    _crew: Crew
    _files: Files
    _probe: Reply[tuple[StorageHealth, ...]] | None = None
    _probed_at = 0.0

    @handles(ProbeStorages)
    def probe_storages(self, _query: ProbeStorages) -> Reply[tuple[StorageHealth, ...]]:
        """Have something written and removed, unless that is under way, or was done just now."""
        now = self.clock.monotonic()
        probe = self._probe
        if probe is None or (probe.done and now - self._probed_at >= REMEMBERED):
            self._probed_at = now
            probe = self._probe = self._crew.do(self._try_area)
        return probe

    @handles(ProbeStorage)
    def probe_storage(self, _query: ProbeStorage) -> Reply[None]:
        """Have something written and removed."""
        return self._crew.do(self._reach_area)

    def _reach_area(self) -> None:
        # From one that is full files can be removed all the same.
        with suppress(ArchiveFull):
            self._area.probe()

    def _try_area(self) -> tuple[StorageHealth, ...]:
        try:
            self._area.probe()
        except (ArchiveFull, StorageFailed) as error:
            return (StorageHealth(self._files.location, str(error)),)
        return (StorageHealth(self._files.location),)
