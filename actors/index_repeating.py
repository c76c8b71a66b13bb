"""Making a group of changes anew that the database undid for a passing reason.

Nobody of it was answered yet, and nothing of it was done: the connection to a database server
broke, or another node was in the way.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from repertory.actors.index_part import IndexPart
from repertory.actors.messages.base import Event
from repertory.actors.reply import Reply
from repertory.errors import IndexBusy, IndexFailed, RepertoryError

log = structlog.get_logger(__name__)

R = TypeVar("R")

REPETITIONS = 3
"""How often a group is made anew."""

Work = tuple[Reply[Any], Callable[[], Any], Callable[[Any], tuple[Event, ...]]]


class IndexRepeating(IndexPart):
    """A part of ``IndexActor``."""

    _outcomes: list[tuple[Reply[Any], Any, RepertoryError | None, tuple[Event, ...]]]
    _works: list[Work]

    if TYPE_CHECKING:

        def _run(
            self,
            reply: Reply[R],
            work: Callable[[], R],
            events: Callable[[R], tuple[Event, ...]],
        ) -> RepertoryError | None: ...
        def _fail(self, error: RepertoryError) -> None: ...

    def _recover(self, error: RepertoryError) -> bool:
        """Make the changes of a group anew, or fail it; whether it goes on."""
        for _ in range(REPETITIONS):
            if not isinstance(error, IndexBusy):
                break
            log.info("group_repeated", changes=len(self._works))
            failure = self._make_anew()
            if failure is None:
                return True
            error = failure
        if len(self._outcomes) < len(self._works):
            self._outcomes = [(reply, None, None, ()) for reply, _, _ in self._works]
        self._fail(error)
        return False

    def _make_anew(self) -> RepertoryError | None:
        """Undo what the group has done, and make its changes again; why that failed, if it did."""
        self._outcomes = []
        try:
            self._writer.rollback()
            self._is_noted = False
            self._writer.begin(self.clock.now(), is_repeatable=True)
        except RepertoryError as error:
            return error
        for reply, work, events in self._works:
            failure = self._run(reply, work, events)
            if self._writer.is_void:
                return failure
        return None

    def _end_group(self) -> bool:
        """Commit; whether what was changed is on the medium. If not, everyone has been told."""
        for left in range(REPETITIONS, -1, -1):
            failure = self._try(self._writer.commit)
            if failure is None:
                return True
            if not left:
                self._fail(failure)
            elif not self._recover(failure):
                break
        return False

    @staticmethod
    def _try(step: Callable[[], None]) -> RepertoryError | None:
        """Take a step of a commit; why it failed, if it did."""
        try:
            step()
        except RepertoryError as error:
            return error
        except Exception:
            log.exception("commit_failed")
            return IndexFailed()  # or those who asked would wait for ever
        return None
