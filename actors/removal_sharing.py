"""Which files a node removes, where several nodes share the deletion queue."""

from collections import deque
from typing import TYPE_CHECKING

import structlog

from repertory.actors.base import handles
from repertory.actors.clock import Clock
from repertory.actors.messages.attachments import ListReleased
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.deletion import DescribeBacklog, ListFailedRemovals
from repertory.actors.messages.nodes import ClaimReleased, DescribeNodes, NodesLooked
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Ref, Switchboard
from repertory.deletion import Backlog, FailedRemoval, ReleasedFile

log = structlog.get_logger(__name__)

BATCH = 100
_ANY = 2**62
"""A number that no file reaches."""


@message
class PauseRecorded(Event):
    """The index remembers that removals pause, or go on; the queue tells it to itself."""

    is_paused: bool


class RemovalSharing:
    """A part of ``DeletionQueueActor``: where it finds what to remove.

    Alone, it goes through the list by the numbers. Where nodes share it, each takes some files at
    a time, as its own: nobody else removes them while it lives.
    """

    actor_ref: Ref
    board: Switchboard
    clock: Clock
    _node: str
    _at_once: bool
    _batch: deque[ReleasedFile]
    _cursor: int
    _tried: int
    _is_flushed: bool
    _is_paused: bool
    _together: int

    if TYPE_CHECKING:

        @property
        def _without(self) -> tuple[int, ...]: ...
        def _work(self, after: float = 0.0) -> None: ...

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Help with what waits, and heed what was said at another node."""
        if not self._node:
            return
        if event.node != self._node:
            self._node = event.node
            self._batch.clear()
        if not self._at_once:
            self.board.ask_soon(DescribeBacklog()).on_done(self._compare)
        if event.waiting or event.left:
            self._work()

    def _join_nodes(self) -> None:
        self._node = self.board.ask(DescribeNodes()).name

    def _compare(self, reply: Reply[Backlog]) -> None:
        """Tell the queue if it pauses now, or goes on; in the thread of whoever answers."""
        if reply.error is None and reply.get().is_paused is not self._is_paused:
            self.board.tell(self.actor_ref, PauseRecorded(is_paused=reply.get().is_paused))

    def _pauses(self, backlog: Backlog) -> bool:
        """Whether removals pause; what was said at another node counts before this one heeds it."""
        is_shared = self._node and not self._at_once
        return backlog.is_paused if is_shared else self._is_paused

    def _fresh(self) -> tuple[ReleasedFile, ...]:
        """Files that were not tried yet."""
        limit, without = max(BATCH, self._together), self._without
        if self._node:
            return self.board.ask(ClaimReleased(limit=limit, without=without))
        # Asked before the list: what comes in between is after it.
        last = self.board.ask(DescribeBacklog()).last if without else 0
        question = ListReleased(limit=limit, after=self._cursor, tried=self._tried, without=without)
        found = self.board.ask(question)
        if not found:
            # All that is left lies in storages that cannot be reached: not to be gone through
            # again with each file that comes.
            self._cursor = max(self._cursor, last)
            self._tried = max(self._tried, self._cursor)
        return found

    def _retries(self) -> tuple[FailedRemoval, ...]:
        """Files that could not be removed, and are to be tried again now."""
        up_to, due = self._tried, None if self._node and self._is_flushed else self.clock.now()
        if self._node:
            up_to, self._is_flushed = _ANY, False
        question = ListFailedRemovals(
            up_to=up_to, limit=BATCH, due=due, node=self._node, without=self._without
        )
        return self.board.ask(question)

    def _next_retry(self) -> tuple[FailedRemoval, ...]:
        """The file that is to be tried again first."""
        up_to = _ANY if self._node else self._tried
        question = ListFailedRemovals(up_to=up_to, limit=1, node=self._node, without=self._without)
        return self.board.ask(question)
