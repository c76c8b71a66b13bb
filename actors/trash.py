"""Lets go of what is in the trash when its time is up."""

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.clock import Appointment
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.messages.resources import ResourceDeleted
from repertory.actors.messages.trash import ExpireTrash
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.trash import TrashTide

log = structlog.get_logger(__name__)

_ROUND = 60.0
"""Seconds between two looks, while there is something in the trash."""

_AT_ONCE = 20


@message
class ExpiryDue(Event):
    """The time of something in the trash may be up; the actor tells it to itself."""


@message
class ExpiryEnded(Event):
    """The index let some entries go, or could not; the actor tells it to itself."""

    tide: TrashTide | None
    error: str


class TrashActor(RepertoryActor):
    """Looks every minute whether the time of something in the trash is up; the index decides.

    While nothing is in the trash it sleeps.
    """

    rank = 4

    def __init__(self, *, board: Switchboard) -> None:
        super().__init__(board=board)
        self._alarm: Appointment | None = None

    def open(self) -> None:
        """Something may have expired meanwhile."""
        self.tell_self(ExpiryDue())

    def close(self) -> None:
        """Nothing is lost: the index knows."""
        if self._alarm is not None:
            self._alarm.cancel()

    @handles(ResourceDeleted)
    def resource_deleted(self, _event: ResourceDeleted) -> None:
        """There may be something in the trash now."""
        self._look_again()

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """What a node deleted that is no more expires here."""
        if event.left and self._alarm is None:
            self._look_again()

    @handles(ExpiryDue)
    def expiry_due(self, _event: ExpiryDue) -> None:
        """Let some entries go; the mailbox stays open until the index has answered."""
        self._alarm = None
        self.board.ask_soon(ExpireTrash(limit=_AT_ONCE)).on_done(self._tell_end)

    @handles(ExpiryEnded)
    def expiry_ended(self, event: ExpiryEnded) -> None:
        """Look again: now, if there may be more, or in a minute."""
        tide = event.tide
        if tide is None:
            log.warning("expiry_postponed", error=event.error)
            self._look_again()
            return
        if tide.expired:
            log.info("trash_expired", count=tide.expired)
        if tide.expired == _AT_ONCE:
            self.tell_self(ExpiryDue())
        elif tide.left:
            self._look_again()

    def _tell_end(self, reply: Reply[TrashTide]) -> None:
        tide = None if reply.error is not None else reply.get()
        ended = ExpiryEnded(tide=tide, error=type(reply.error).__name__)
        self.board.tell(self.actor_ref, ended)

    def _look_again(self) -> None:
        if self._alarm is None:
            self._alarm = self.tell_self(ExpiryDue(), after=_ROUND)
