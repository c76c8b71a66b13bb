"""What has to do with stability: a part of ``IndexWriter``."""

from typing import Protocol

from repertory.items import Stabilized
from repertory.model import Level, ResourceId


class StabilityWriter(Protocol):
    """What makes resources stable and unstable, besides new instances.

    A ``moment`` is in seconds since the epoch, on the timeline that ``record_instance`` was given.
    """

    def declare_due(self, moment: float, limit: int, now: float) -> Stabilized:
        """Mark stable, and log, what was quiet for longer than its age: at most ``limit``.

        Those due first come first, at equal times series before study before patient.
        """

    def declare_stable(self, level: Level, id_: ResourceId, now: float) -> bool:
        """Mark a resource stable and log it; whether it was not stable.

        Raises:
            UnknownResource: there is no such patient, study or series.
        """

    def declare_unstable(
        self, level: Level, id_: ResourceId, moment: float, longest: float
    ) -> bool:
        """Let a resource be quiet since ``moment``, for its age but at most for ``longest``.

        The answer is whether it was stable. Nothing is logged.

        Raises:
            UnknownResource: there is no such patient, study or series.
        """

    def limit_periods(self, moment: float, longest: float) -> int:
        """Let nothing wait for longer than ``longest`` from ``moment`` on; how much would have."""

    def shift_periods(self, seconds: float) -> None:
        """Move the periods of all that is not stable, as the clock was moved."""
