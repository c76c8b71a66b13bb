"""Words about tiering: which studies lie in which storage, and what moves them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from repertory.model import ResourceId
from repertory.places import OwnedFile


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a study must be like; all that is said must be met.

    ``received_before`` and ``read_before`` are seconds since the epoch: nothing came into the study
    since then; and nothing of it was read since then either.
    """

    received_before: float | None = None
    read_before: float | None = None
    modalities: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StudyCursor:
    """How far a walk over studies is: the last one, by its row and what it was ordered by."""

    key: float = -1.0
    number: int = 0


@dataclass(frozen=True, slots=True)
class StudiesWanted:
    """Which studies a rule asks for, some at a time.

    Attributes:
        source: the name of the storage in which something of them must lie.
        conditions: what they must be like.
        unless: what they must not be like: they stay where another rule has them.
        first_out: "LastRead" or "LastReceived" for those first; "" for no order.
        not_read_since: those that were read later are left out.
        after: the walk goes on after this one.
        looks: how many studies are looked at.
    """

    source: str
    conditions: Conditions
    unless: tuple[Conditions, ...] = ()
    first_out: str = ""
    not_read_since: float | None = None
    after: StudyCursor = StudyCursor()
    looks: int = 200


@dataclass(frozen=True, slots=True)
class StudiesPage:
    """Studies that a rule asks for, and where to go on; ``None``: there are no more."""

    studies: tuple[ResourceId, ...]
    after: StudyCursor | None


@dataclass(frozen=True, slots=True)
class StudyRead:
    """A study by its row, and the hour of its last read that the index knows; 0: none."""

    number: int
    read_at: int


@dataclass(frozen=True, slots=True)
class KeptTiering:
    """What the index keeps of tiering: a text of the actor's own, and whether it is paused."""

    text: str
    is_paused: bool


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What one rule did in a pass, or would do: studies, their files and bytes."""

    name: str
    studies: int = 0
    files: int = 0
    size: int = 0
    failed: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class PassReport:
    """A pass over the rules; ``ended`` is ``None`` while it runs. Times are as of ``Clock.now``."""

    started: float
    ended: float | None
    rules: tuple[RuleReport, ...]


@dataclass(frozen=True, slots=True)
class TierFailure:
    """A file that could not be moved when it was last tried, why, and when that was."""

    file: OwnedFile
    reason: str
    failed_at: float


@dataclass(frozen=True, slots=True)
class RecallReport:
    """What came back since the start, what waits to, and what did not.

    ``dropped`` counts reads that brought nothing back: too much waited, or there was no room.
    """

    is_enabled: bool
    prefetch: str
    pending: int = 0
    files: int = 0
    size: int = 0
    failed: int = 0
    dropped: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes of a disk are free, of how many."""

    free: int
    total: int


@dataclass(frozen=True, slots=True)
class TieringStatus:
    """How far tiering is. ``condition`` is a word: Idle, Running, Paused, or Waiting for hours."""

    condition: str
    is_paused: bool
    rule: str
    problem: str
    current: PassReport | None
    last: PassReport | None
    next_pass: float | None
    recall: RecallReport
    room: dict[str, Room] = field(default_factory=dict)
    failures: Sequence[TierFailure] = ()
