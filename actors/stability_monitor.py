"""Declares resources stable when nothing new came for StableAge."""

from collections import OrderedDict
from functools import partial

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.clock import Appointment
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.instances import InstanceStored
from repertory.actors.messages.stability import DeclareStable, ListUnstable
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.model import Level, ResourceId, Unstable

log = structlog.get_logger(__name__)

_UPWARDS = (Level.SERIES, Level.STUDY, Level.PATIENT)
_STEP = 100
"""Declarations that are asked for before mail is looked at again."""

_RETRY = 5.0
"""Seconds after which a declaration that failed is tried again."""


@message
class StabilityDue(Event):
    """Some resource may have been quiet for long enough; the monitor tells it to itself."""


@message
class DeclarationFailed(Event):
    """The index could not declare a resource stable; the monitor tells it to itself."""

    resource: Unstable


class StabilityMonitorActor(RepertoryActor):
    """Declares patients, studies and series stable after ``stable_age`` quiet seconds.

    The index knows which resources are not stable and when they last received an instance, so a
    restart only finds out how long each was quiet already; the event comes late rather than never.
    The index changes the resource and logs the event in one transaction, and only if no
    instance came in between: each event comes once.
    """

    rank = 4

    def __init__(self, *, board: Switchboard, stable_age: float) -> None:
        super().__init__(board=board)
        self._stable_age = stable_age
        # All wait equally long, so the order of arrival is the order in which they fall due.
        self._waiting: OrderedDict[tuple[Level, ResourceId], tuple[int, float]] = OrderedDict()
        self._alarm: Appointment | None = None

    def open(self) -> None:
        """Take up what was not stable when the archive last stopped."""
        now, quiet_since = self.clock.now(), self.clock.monotonic()
        for resource in self.board.ask(ListUnstable()):
            # A clock that was set back must not make anyone wait longer than StableAge.
            age = min(max(now - resource.last_update, 0.0), self._stable_age + 1)
            key = (resource.level, resource.id)
            self._waiting[key] = (resource.activity, quiet_since - age)
        self._set_alarm()

    def close(self) -> None:
        """Nothing is lost: the index knows."""
        if self._alarm is not None:
            self._alarm.cancel()

    @handles(InstanceStored)
    def instance_stored(self, event: InstanceStored) -> None:
        """The clocks of the series, the study and the patient start anew."""
        now = self.clock.monotonic()
        for level in _UPWARDS:
            key = (level, event.ids.at(level))
            self._waiting[key] = (event.activity, now)
            self._waiting.move_to_end(key)
        if self._alarm is None:
            self._set_alarm()

    @handles(StabilityDue)
    def stability_due(self, _event: StabilityDue) -> None:
        """Ask the index to declare what was quiet for longer than StableAge."""
        self._alarm = None
        now = self.clock.monotonic()
        for _ in range(_STEP):
            if not self._waiting:
                break
            key, (activity, since) = next(iter(self._waiting.items()))
            if now - since <= self._stable_age:
                break
            del self._waiting[key]
            resource = Unstable(level=key[0], id=key[1], activity=activity, last_update=0.0)
            reply = self.board.ask_soon(DeclareStable(resource=resource))
            reply.on_done(partial(self._note_failure, resource))
        self._set_alarm()

    @handles(DeclarationFailed)
    def declaration_failed(self, event: DeclarationFailed) -> None:
        """Wait for it again, unless an instance came that made it wait anyway."""
        key = (event.resource.level, event.resource.id)
        if key not in self._waiting:
            retry_at = self.clock.monotonic() - self._stable_age + _RETRY
            self._waiting[key] = (event.resource.activity, retry_at)
            self._waiting = OrderedDict(sorted(self._waiting.items(), key=lambda item: item[1][1]))
            self._set_alarm()

    def _note_failure(self, resource: Unstable, reply: Reply[bool]) -> None:
        if reply.error is not None:
            log.warning("declaration_failed", id=resource.id, error=type(reply.error).__name__)
            self.board.tell(self.actor_ref, DeclarationFailed(resource=resource))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting:
            _, since = next(iter(self._waiting.values()))
            # Strictly longer than StableAge, as Orthanc has it.
            delay = since + self._stable_age - self.clock.monotonic() + 0.001
            self._alarm = self.clock.call_after(
                max(delay, 0.0), lambda: self.board.tell(self.actor_ref, StabilityDue())
            )
