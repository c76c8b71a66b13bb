"""What an index does with new instances that have no room, or have a place already."""

from dataclasses import dataclass
from enum import Enum


class Overwriting(Enum):
    """What happens to an instance that is there already (``OverwriteInstances``)."""

    NEVER = "Never"
    ALWAYS = "Always"
    IF_CHANGED = "IfChanged"


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """What the archive does when it is full, and with instances that it has already.

    ``maximum_size`` is in bytes of stored files, ``maximum_patients`` a number; 0 is no limit.
    ``recycles`` says whether the patients that were quiet for longest make room for new ones.
    """

    overwriting: Overwriting = Overwriting.NEVER
    maximum_size: int = 0
    maximum_patients: int = 0
    recycles: bool = True

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self.maximum_size > 0 or self.maximum_patients > 0
