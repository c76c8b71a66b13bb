"""Following the log of changes: events in order, each reader at its own pace."""

from repertory.actors.messages.base import Command, Query, message
from repertory.events import ArchiveEvent, DeadLetter, EventPage, TargetPlace
from repertory.model import ChangeType


@message
class ListEvents(Query[EventPage]):
    """Some events after number ``since``, in ascending order; ``types`` empty means all.

    What left the log is among them, as long as somebody holds it. ``main_tags`` asks for the main
    DICOM tags of the resources that are still there.
    """

    since: int
    limit: int = 100
    types: frozenset[ChangeType] = frozenset()
    main_tags: bool = False


@message
class HoldLog(Command[int]):
    """Keep, for a reader, what leaves the log after ``position``, until the archive stops.

    Each further hold of the same reader takes the place of the one before. ``None`` is the newest
    number; the answer is the position.
    """

    reader: str
    position: int | None = None


@message
class LetGoOfLog(Command[None]):
    """Keep nothing for a reader any more."""

    reader: str


@message
class EnlistTargets(Command[tuple[TargetPlace, ...]]):
    """These targets, and no others, are to be told; one that is new begins with what comes.

    A target holds the log after its position, over restarts too. One that is not named any more
    keeps its place, but holds nothing.
    """

    names: tuple[str, ...]


@message
class ListTargetPlaces(Query[tuple[TargetPlace, ...]]):
    """How far each target has got."""


@message
class MoveTarget(Command[None]):
    """A target was told of everything up to ``position``, or is to be told again after it.

    Where nodes share the archive: whoever delivers tells the position that it ``expected`` the
    target to have; another one ``steers``.

    Raises:
        LeaseLost: another node delivers, or has moved the target meanwhile.
    """

    name: str
    position: int
    expected: int | None = None
    steers: bool = False


@message
class RecordTargetPause(Command[None]):
    """A target is to be told nothing for now, or no longer so."""

    name: str
    paused: bool


@message
class BuryEvent(Command[None]):
    """Put aside an event that a target refused; the target's position moves in one with it."""

    name: str
    event: ArchiveEvent
    reason: str
    attempts: int


@message
class ListDeadLetters(Query[tuple[DeadLetter, ...]]):
    """The dead letters of a target after number ``since``, in the order they were given up."""

    name: str
    since: int = 0
    limit: int = 100


@message
class DropDeadLetters(Command[int]):
    """Forget dead letters of a target, all of them for ``None``; how many there were."""

    name: str
    numbers: tuple[int, ...] | None = None
