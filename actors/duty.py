"""Work that one node alone does at a time, where several serve one archive."""

from abc import ABC, abstractmethod
from typing import ClassVar

import structlog

from repertory.actors.base import handles
from repertory.actors.messages.nodes import DescribeNodes, NodesLooked, TakeDuty
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError

log = structlog.get_logger(__name__)


class OnDuty(ABC):
    """A part of actors whose work is one stream.

    Alone, the actor is always on duty. Among nodes it is while the index says so: whoever takes
    the duty reads from the index how far the other one was, and whatever that one still writes is
    refused. What somebody wants of the work at another node brings the duty there.
    """

    board: Switchboard
    duty: ClassVar[str]

    _shared = False
    _is_on = True
    _node = ""
    _tenure = 0
    """Grows with each time that the duty comes or goes: what is late belongs to another one."""

    @abstractmethod
    def _resume_duty(self) -> None:
        """Go on where the index says that the work is."""

    @abstractmethod
    def _stand_down(self) -> None:
        """Leave the work to another node; what is under way does not count any more."""

    @abstractmethod
    def _read_kept(self) -> None:
        """Read from the index how far the work is."""

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Take the duty up, or leave it to another node."""
        if not self._shared:
            return
        if event.node != self._node:
            self._node = event.node
            self._leave_duty()
        if self.duty not in event.duties:
            self._leave_duty()
        elif not self._is_on:
            self._begin_duty()

    def _open_duty(self) -> None:
        """Begin: alone at once, among nodes if it is this one's turn."""
        if not self._shared:
            self._resume_duty()
            return
        self._is_on = False
        state = self.board.ask(DescribeNodes())
        self._node = state.name
        if state.duties.get(self.duty) == state.name:
            self._begin_duty()
        else:
            self._read_kept()

    def _assume(self) -> None:
        """Have the duty, whoever had it: somebody wants something of it here."""
        if self._shared and self.board.ask(TakeDuty(duty=self.duty)):
            self._leave_duty()  # another one has taken it, and changed things, since the last beat
        if not self._is_on:
            self._is_on = True
            self._tenure += 1
            self._resume_duty()

    def _begin_duty(self) -> None:
        self._is_on = True
        self._tenure += 1
        try:
            self._resume_duty()
        except RepertoryError as error:
            log.warning("duty_postponed", duty=self.duty, error=type(error).__name__)
            self._leave_duty()  # the next beat tries again

    def _leave_duty(self) -> None:
        if self._is_on:
            self._is_on = False
            self._tenure += 1
            self._stand_down()

    def _catch_up(self) -> None:
        """Know how far the work is that another node does, before telling it."""
        if not self._is_on:
            self._read_kept()
