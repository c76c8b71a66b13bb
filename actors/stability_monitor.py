"""Declares resources stable when nothing new came for StableAge."""

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.clock import Appointment
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.changes import ChangesInDoubt
from repertory.actors.messages.instances import InstanceStored
from repertory.actors.messages.nodes import NodesLooked
from repertory.actors.messages.stability import DeclareDue, ResourceDestabilized
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import ShuttingDown
from repertory.items import Stabilized

log = structlog.get_logger(__name__)

_STEP = 100
"""Declarations in one transaction: others have their turn between two."""

_RETRY = 5.0
"""Seconds after which a declaration that failed is tried again."""

_SOONEST = 0.001
"""Seconds to wait at least for what is not due yet: times are rounded."""


@message
class StabilityDue(Event):
    """Some resource may have been quiet for long enough; the monitor tells it to itself."""


@message
class StabilityLooked(Event):
    """The index was looked through; in so many seconds it is worth looking again, if ever."""

    next_in: float | None


class StabilityMonitorActor(RepertoryActor):
    """Asks the index to declare stable what was quiet for StableAge.

    The index knows what is not stable, since when, and for how long it has to be quiet; it changes
    the resources and logs the events in one transaction: each event comes once, and after a
    restart or a crash late rather than never. All that is kept here is when to look next, however
    much waits. A new instance makes that moment no earlier than the shortest StableAge from now.
    """

    rank = 4

    def __init__(self, *, board: Switchboard, shortest_age: float) -> None:
        """Take what the actor works with.

        Args:
            board: the switchboard.
            shortest_age: the shortest StableAge that the index knows, in seconds.
        """
        super().__init__(board=board)
        self._shortest_age = shortest_age
        self._alarm: Appointment | None = None
        self._alarm_at = 0.0
        self._is_looking = False
        self._news_while_looking = False

    def open(self) -> None:
        """Look for what was not stable when the archive last stopped."""
        self.tell_self(StabilityDue())

    def close(self) -> None:
        """Nothing is lost: the index knows."""
        self._cancel()

    @handles(InstanceStored)
    def instance_stored(self, _event: InstanceStored) -> None:
        """Its series, study and patient may be stable once the shortest StableAge has passed."""
        self._expect()

    @handles(ResourceDestabilized)
    def resource_destabilized(self, _event: ResourceDestabilized) -> None:
        """A resource may be stable once the shortest StableAge has passed."""
        self._expect()

    @handles(ChangesInDoubt)
    def changes_in_doubt(self, _event: ChangesInDoubt) -> None:
        """What came may be there."""
        self._expect()

    @handles(StabilityDue)
    def stability_due(self, _event: StabilityDue) -> None:
        """Look."""
        self._cancel()
        if not self._is_looking:
            self._is_looking, self._news_while_looking = True, False
            self.board.ask_soon(DeclareDue(limit=_STEP)).on_done(self._note)

    @handles(StabilityLooked)
    def stability_looked(self, event: StabilityLooked) -> None:
        """Look again when the next resource is due."""
        self._is_looking = False
        if event.next_in is not None:
            self._look_in(event.next_in)
        if self._news_while_looking:
            self._expect()

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """What a node waited for that is no more has to be declared here.

        One that others had given up may have stored something before it left: nobody tells of that.
        """
        if event.left and not self._is_looking:
            self.tell_self(StabilityDue())
        elif self._alarm is None:
            self._expect()

    def _expect(self) -> None:
        if self._is_looking:
            # The index may have looked before this came, or after.
            self._news_while_looking = True
        else:
            # More than StableAge, in whole seconds as in Orthanc, is one second more.
            self._look_in(self._shortest_age + 1.0)

    def _note(self, reply: Reply[Stabilized]) -> None:
        """Called wherever the reply comes from: hand it to the actor's own thread."""
        next_in: float | None = _RETRY
        if reply.error is None:
            next_in = reply.get().next_in
        elif isinstance(reply.error, ShuttingDown):
            return
        else:
            log.warning("declaration_failed", error=type(reply.error).__name__)
        self.board.tell(self.actor_ref, StabilityLooked(next_in=next_in))

    def _look_in(self, delay: float) -> None:
        at = self.clock.monotonic() + delay
        if self._alarm is not None:
            if self._alarm_at <= at:
                return
            self._cancel()
        if delay <= 0:
            self.tell_self(StabilityDue())
            return
        self._alarm_at = at
        self._alarm = self.tell_self(StabilityDue(), after=max(delay, _SOONEST))

    def _cancel(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
