"""What those who follow the log of changes ask of an index: parts of the reader and writer."""

from collections.abc import Collection, Sequence
from typing import Protocol

from repertory.events import ArchiveEvent, DeadLetter, EventPage, TargetPlace
from repertory.model import ChangeType


class FollowingReader(Protocol):
    """What is read of events and targets."""

    def list_events(
        self, since: int, limit: int, types: Collection[ChangeType], *, main_tags: bool = False
    ) -> EventPage:
        """Events after ``since``, at most ``limit``, of ``types`` (empty: all).

        Those that left the log since are among them, as far as somebody holds it.
        """

    def list_targets(self) -> tuple[TargetPlace, ...]:
        """The targets that are enabled, by name."""

    def list_dead_letters(self, name: str, since: int, limit: int) -> tuple[DeadLetter, ...]:
        """Dead letters of a target after one of them, at most ``limit``."""


class FollowingWriter(Protocol):
    """What changes with those who are told."""

    def hold(self, reader: str, position: int | None) -> int:
        """Keep what leaves the log after ``position``, until the writer is closed.

        ``None`` is the newest number; the position is returned.
        """

    def let_go(self, reader: str) -> None:
        """Keep nothing for a reader any more."""

    def enlist_targets(self, names: Collection[str]) -> tuple[TargetPlace, ...]:
        """These targets are to be told, and no others; new ones from the newest number on.

        A target holds the log after its position, over restarts too. One that is not named keeps
        its place, but holds nothing.
        """

    def move_target(
        self, name: str, position: int, *, expected: int | None = None, steers: bool = False
    ) -> None:
        """A target was told of all up to ``position``, or is to be told again after it.

        ``LeaseLost`` if another node delivers, or if it was not at ``expected``; unless ``steers``.
        """

    def pause_target(self, name: str, *, paused: bool) -> None:
        """Tell a target nothing, or go on."""

    def bury(self, name: str, event: ArchiveEvent, reason: str, attempts: int, now: float) -> None:
        """Put an event aside that a target refused, and move the target behind it."""

    def drop_dead_letters(self, name: str, numbers: Sequence[int] | None) -> int:
        """Forget dead letters of a target, all of them for ``None``; how many there were."""
