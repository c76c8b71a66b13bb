"""What housekeeping asks of an index: parts of ``IndexReader`` and ``IndexWriter``."""

from typing import Protocol

from repertory.housekeeping import (
    Chores,
    ChoresReceipt,
    ChoresRecord,
    KeptState,
    Portion,
    PortionWanted,
    Position,
    Unfinished,
    Workload,
)
from repertory.model import Compression, ResourceId


class HousekeepingReader(Protocol):
    """What housekeeping reads."""

    def describe_kept_state(self, number: int) -> KeptState:
        """What is kept of the passes of this server under a number."""

    def describe_unfinished(
        self, name: str, position: Position, last: int, limit: int
    ) -> Unfinished:
        """How many studies a pass has left, and which failed."""

    def find_portions(self, wanted: PortionWanted) -> tuple[Portion, ...]:
        """What is to be done next."""

    def estimate(self, chores: Chores, position: Position, last: int, limit: int) -> Workload:
        """How much there is to do with the next ``limit`` studies."""


class HousekeepingWriter(Protocol):
    """What housekeeping writes."""

    def record_state(self, name: str, state: str | None, *, paused: bool | None) -> None:
        """Keep the state, and whether housekeeping is paused; ``None`` leaves what there is."""

    def note_stored_under(self, configuration: str, *, restored: bool = False) -> None:
        """Note that something is stored under a configuration, or that what is may be of any."""

    def put_first(self, name: str, id_: ResourceId, form: Compression | None, now: float) -> None:
        """Have a study taken before all others; ``UnknownResource`` where there is none."""

    def record_chores(self, record: ChoresRecord, now: float) -> tuple[ChoresReceipt, ...]:
        """Record what was done with some portions, what failed, and the state after them.

        What of it the index refuses is a failure, too, and its new file is released; what is gone
        meanwhile is none.
        """
