"""The index's handlers for those who follow the log of changes."""

from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.following import (
    BuryEvent,
    DropDeadLetters,
    EnlistTargets,
    HoldLog,
    LetGoOfLog,
    ListDeadLetters,
    ListEvents,
    ListTargetPlaces,
    MoveTarget,
    RecordTargetPause,
)
from repertory.actors.reply import Reply
from repertory.events import DeadLetter, EventPage, TargetPlace
from repertory.storage.index.base import IndexReader

R = TypeVar("R")


class IndexFollowing(IndexPart):
    """A part of ``IndexActor``, apart from it for length only."""

    @handles(HoldLog)
    def hold_log(self, command: HoldLog) -> Reply[int]:
        """Keep what leaves the log."""
        return self._change(lambda: self._writer.hold(command.reader, command.position))

    @handles(LetGoOfLog)
    def let_go_of_log(self, command: LetGoOfLog) -> Reply[None]:
        """Keep nothing for a reader any more."""
        return self._change(lambda: self._writer.let_go(command.reader))

    @handles(EnlistTargets)
    def enlist_targets(self, command: EnlistTargets) -> Reply[tuple[TargetPlace, ...]]:
        """Take up the targets of this run."""
        return self._change(lambda: self._writer.enlist_targets(command.names))

    @handles(MoveTarget)
    def move_target(self, command: MoveTarget) -> Reply[None]:
        """Record how far a target has got."""
        return self._change(
            lambda: self._writer.move_target(
                command.name, command.position, expected=command.expected, steers=command.steers
            )
        )

    @handles(RecordTargetPause)
    def record_target_pause(self, command: RecordTargetPause) -> Reply[None]:
        """Record that a target is paused, or not."""
        return self._change(lambda: self._writer.pause_target(command.name, paused=command.paused))

    @handles(BuryEvent)
    def bury_event(self, command: BuryEvent) -> Reply[None]:
        """Put an event aside, and move its target behind it."""
        return self._change(
            lambda: self._writer.bury(
                command.name, command.event, command.reason, command.attempts, self.clock.now()
            )
        )

    @handles(DropDeadLetters)
    def drop_dead_letters(self, command: DropDeadLetters) -> Reply[int]:
        """Forget dead letters."""
        return self._change(lambda: self._writer.drop_dead_letters(command.name, command.numbers))


class IndexReaderFollowing:
    """A part of ``IndexReaderActor``, apart from it for length only."""

    _reader: IndexReader

    @handles(ListEvents)
    def list_events(self, query: ListEvents) -> EventPage:
        """Some events."""
        return self._reader.list_events(
            query.since, query.limit, query.types, main_tags=query.main_tags
        )

    @handles(ListTargetPlaces)
    def list_target_places(self, _query: ListTargetPlaces) -> tuple[TargetPlace, ...]:
        """How far each target has got."""
        return self._reader.list_targets()

    @handles(ListDeadLetters)
    def list_dead_letters(self, query: ListDeadLetters) -> tuple[DeadLetter, ...]:
        """Dead letters of a target."""
        return self._reader.list_dead_letters(query.name, query.since, query.limit)
