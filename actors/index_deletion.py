"""The index's handlers for the deletion queue."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.messages.attachments import ForgetReleased
from repertory.actors.messages.base import Event
from repertory.actors.messages.deletion import RecordFailedRemovals, RecordPause
from repertory.actors.reply import Reply
from repertory.storage.index.base import IndexWriter

R = TypeVar("R")


class IndexDeletion:
    """A part of ``IndexActor``, apart from it for length only."""

    clock: Clock
    _writer: IndexWriter

    if TYPE_CHECKING:

        def _change(
            self, work: Callable[[], R], events: Callable[[R], tuple[Event, ...]] = ...
        ) -> Reply[R]: ...

    @handles(ForgetReleased)
    def forget_released(self, command: ForgetReleased) -> Reply[None]:
        """Take files off the list of those that wait to be removed."""
        return self._change(lambda: self._writer.forget_released(command.numbers))

    @handles(RecordFailedRemovals)
    def record_failed_removals(self, command: RecordFailedRemovals) -> Reply[None]:
        """Note which files could not be removed."""
        return self._change(
            lambda: self._writer.record_failed_removals(command.failures, self.clock.now())
        )

    @handles(RecordPause)
    def record_pause(self, command: RecordPause) -> Reply[None]:
        """Remember whether nothing is to be removed."""
        return self._change(lambda: self._writer.record_pause(is_paused=command.is_paused))
