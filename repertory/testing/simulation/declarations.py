"""What users say of stability, and which events that explains."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from repertory.model import Level, ResourceId

Place = tuple[Level, ResourceId]


class Declarations:
    """Who declares what stable, or unstable: by level and identifier, as resources come and go."""

    def __init__(self) -> None:
        self._stable: Counter[Place] = Counter()
        self._unstable: Counter[Place] = Counter()
        self._again: set[Place] = set()
        self._since: dict[int, float] = {}

    @contextmanager
    def stable(self, place: Place) -> Iterator[None]:
        """Somebody declares it stable: an event may come early."""
        with _under_way(self._stable, place):
            yield

    @contextmanager
    def unstable(self, place: Place) -> Iterator[None]:
        """Somebody declares it unstable: another event may come."""
        self._again.add(place)
        with _under_way(self._unstable, place):
            yield

    def note_unstable(self, resource: int, moment: float) -> None:
        """It was declared unstable, after a moment."""
        self._since[resource] = moment

    def may_come_early(self, place: Place) -> bool:
        """Whether an event may come before its time."""
        return self._stable[place] > 0

    def may_come_again(self, place: Place) -> bool:
        """Whether one may come though nothing is new."""
        if place not in self._again:
            return False
        if not self._unstable[place]:
            self._again.discard(place)
        return True

    def since(self, resource: int, unstable_at: float) -> float:
        """Since when it is quiet, as far as users know."""
        return max(unstable_at, self._since.get(resource, 0.0))


@contextmanager
def _under_way(counter: Counter[Place], place: Place) -> Iterator[None]:
    counter[place] += 1
    try:
        yield
    finally:
        counter[place] -= 1
