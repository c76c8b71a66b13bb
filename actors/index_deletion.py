"""The index's handlers for the deletion queue."""

from typing import TypeVar

from repertory.actors.base import handles
from repertory.actors.index_part import IndexPart
from repertory.actors.messages.attachments import ForgetReleased
from repertory.actors.messages.deletion import RecordFailedRemovals, RecordPause
from repertory.actors.reply import Reply

R = TypeVar("R")


class IndexDeletion(IndexPart):
    """A part of ``IndexActor``, apart from it for length only."""

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
