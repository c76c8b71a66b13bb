"""Removes the files of deleted resources, at its own pace."""

from collections import deque
from typing import Protocol

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.clock import Appointment
from repertory.actors.messages.attachments import (
    AttachmentsReleased,
    ForgetReleased,
    ListReleased,
    RemoveAttachment,
    RemoveReleased,
)
from repertory.actors.messages.base import Event, message
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError
from repertory.model import ReleasedFile

log = structlog.get_logger(__name__)

_BATCH = 100
_FIRST_RETRY, _LAST_RETRY = 1.0, 300.0
_HOLD_PAUSE = 2.0


class Hold(Protocol):
    """Whether somebody copies the archive's files (``repertory.storage.backup.hold``)."""

    def is_held(self) -> bool:
        """Whether released files must stay for now."""


@message
class RemovalDue(Event):
    """The next file may be removed; the queue tells it to itself."""


@message
class RetryDue(Event):
    """What could not be removed may be tried again; the queue tells it to itself."""


class DeletionQueueActor(RepertoryActor):
    """Removes released files, first released first, one for each message to itself.

    The index holds the queue. A file leaves it after it is gone from the storage area, so a crash
    makes the next start remove some files twice, which does no harm, and none never. A file that
    cannot be removed stays in the queue and is tried again after a growing delay. While somebody
    copies the files of the archive, all stay.
    """

    rank = 4

    def __init__(
        self, *, board: Switchboard, throttle: float = 0.0, hold: Hold | None = None
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        throttle: seconds between two files (``ThrottleDelayMs``).
        hold: who may want that nothing is removed.
        """
        super().__init__(board=board)
        self._throttle = throttle
        self._hold = hold
        self._is_held = False
        self._working = False
        self._batch: deque[ReleasedFile] = deque()
        self._gone: list[int] = []
        self._failed: set[int] = set()
        self._retry = _FIRST_RETRY
        self._retry_alarm: Appointment | None = None
        self._waiting: list[Reply[None]] = []

    def open(self) -> None:
        """Go on where the last run stopped."""
        self._work()

    def close(self) -> None:
        """Take what is gone off the queue."""
        self._forget()

    @handles(AttachmentsReleased)
    def attachments_released(self, _event: AttachmentsReleased) -> None:
        """There is something to remove."""
        self._work()

    @handles(RemoveReleased)
    def remove_released(self, _command: RemoveReleased) -> Reply[None]:
        """Answer when the queue holds nothing but what cannot be removed."""
        reply: Reply[None] = Reply()
        self._waiting.append(reply)
        if self._is_held:
            self._answer()
        self._work()
        return reply

    @handles(RetryDue)
    def retry_due(self, _event: RetryDue) -> None:
        """Try again what failed."""
        self._retry_alarm = None
        self._failed.clear()
        self._work()

    @handles(RemovalDue)
    def removal_due(self, _event: RemovalDue) -> None:
        """Remove one file, or look what there is to remove."""
        self._working = False
        try:
            if not self._batch:
                self._forget()
                files = self.board.ask(ListReleased(limit=_BATCH + len(self._failed)))
                # Only now, with the list read: a backup that begins later reads an index that
                # lists none of these files any more.
                if files and self._must_wait():
                    self._work(after=_HOLD_PAUSE)
                    return
                self._batch.extend(file for file in files if file.number not in self._failed)
            if not self._batch:
                self._rest()
                return
            self._remove(self._batch.popleft())
            if self._throttle:
                self._forget()
        except RepertoryError as error:
            # The index cannot be asked just now: nothing is lost, the queue is in it.
            log.warning("removal_postponed", error=type(error).__name__)
            self._work(after=_FIRST_RETRY)
            return
        self._work(after=self._throttle)

    def _remove(self, file: ReleasedFile) -> None:
        try:
            self.board.ask(
                RemoveAttachment(
                    uuid=file.uuid, content_type=file.content_type, location=file.location
                )
            )
        except RepertoryError as error:
            log.warning("removal_failed", uuid=file.uuid, error=type(error).__name__)
            self._failed.add(file.number)
        else:
            log.debug("attachment_removed", uuid=file.uuid)
            self._gone.append(file.number)

    def _work(self, after: float = 0.0) -> None:
        if not self._working:
            self._working = True
            self.tell_self(RemovalDue(), after=after)

    def _must_wait(self) -> bool:
        """Whether somebody copies files; whoever waits for the removal is not kept waiting."""
        was_held, self._is_held = self._is_held, self._hold is not None and self._hold.is_held()
        if self._is_held:
            self._answer()
        if self._is_held and not was_held:
            log.info("removals_held")
        if was_held and not self._is_held:
            log.info("removals_resumed")
        return self._is_held

    def _answer(self) -> None:
        for reply in self._waiting:
            reply.set(None)
        self._waiting.clear()

    def _rest(self) -> None:
        self._answer()
        if not self._failed:
            self._retry = _FIRST_RETRY
        elif self._retry_alarm is None:
            self._retry_alarm = self.tell_self(RetryDue(), after=self._retry)
            self._retry = min(self._retry * 2, _LAST_RETRY)

    def _forget(self) -> None:
        if self._gone:
            self.board.ask(ForgetReleased(numbers=tuple(self._gone)))
            log.info("attachments_removed", count=len(self._gone))
            self._gone.clear()
