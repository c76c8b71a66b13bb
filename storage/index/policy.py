"""What an index does with new instances that have no room, or have a place already."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from repertory.model import Level, Origin, Summary

_MODALITY = "0008,0060"


class Overwriting(Enum):
    """What happens to an instance that is there already (``OverwriteInstances``)."""

    NEVER = "Never"
    ALWAYS = "Always"
    IF_CHANGED = "IfChanged"


@dataclass(frozen=True, slots=True)
class StableAges:
    """Seconds without a new instance after which a resource is stable (``StableAges``).

    Modalities are in capitals, as DICOM writes them. Where several rules apply to an instance, the
    longest counts; where none does, ``default``.
    """

    default: float = 60.0
    by_modality: Mapping[str, float] = field(default_factory=dict)
    by_called_aet: Mapping[str, float] = field(default_factory=dict)
    by_remote_aet: Mapping[str, float] = field(default_factory=dict)

    def of(self, summary: Summary, origin: Origin) -> float:
        """How long the series of an instance has to be quiet, because of this instance."""
        ages = []
        if self.by_modality:
            modality = summary.main_tags.get(Level.SERIES, {}).get(_MODALITY, "")
            ages.append(self.by_modality.get(modality.strip().upper()))
        if self.by_called_aet:
            ages.append(self.by_called_aet.get(origin.called_aet.strip()))
        if self.by_remote_aet:
            ages.append(self.by_remote_aet.get(origin.remote_aet.strip()))
        return max((age for age in ages if age is not None), default=self.default)

    @property
    def shortest(self) -> float:
        """The shortest of all."""
        return min(self._all)

    @property
    def longest(self) -> float:
        """The longest of all."""
        return max(self._all)

    @property
    def _all(self) -> tuple[float, ...]:
        rules = (self.by_modality, self.by_called_aet, self.by_remote_aet)
        return (self.default, *(age for rule in rules for age in rule.values()))


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """What the archive does when it is full, and with instances that it has already.

    ``maximum_size`` is in bytes of stored files, ``maximum_patients`` a number; 0 is no limit.
    ``recycles`` says whether the patients that were quiet for longest make room for new ones.
    ``stable_ages`` says how long the parents of a new instance have to be quiet.
    """

    overwriting: Overwriting = Overwriting.NEVER
    maximum_size: int = 0
    maximum_patients: int = 0
    recycles: bool = True
    stable_ages: StableAges = StableAges()

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit."""
        return self.maximum_size > 0 or self.maximum_patients > 0
