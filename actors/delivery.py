"""Delivers the events of the archive to targets, each at its own pace."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.courier import Courier
from repertory.actors.crew import Crew, ThreadCrew
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.changes import ChangesLogged, DescribeLastChange
from repertory.actors.messages.delivery import (
    DescribeTarget,
    DescribeTargets,
    PauseTarget,
    ReplayDeadLetters,
    ReplayEvents,
    ResumeTarget,
)
from repertory.actors.messages.following import (
    EnlistTargets,
    ListDeadLetters,
    ListTargetPlaces,
    MoveTarget,
    RecordTargetPause,
)
from repertory.actors.messages.nodes import DescribeNodes, NodesLooked
from repertory.actors.messages.system import DescribeIndex
from repertory.actors.reply import Reply, gather
from repertory.actors.switchboard import Switchboard
from repertory.actors.targets.base import Target
from repertory.errors import BadParameter, CannotStart, RepertoryError, UnknownItem
from repertory.events import DeadLetter, TargetPlace, TargetState
from repertory.nodes import DELIVERY

log = structlog.get_logger(__name__)

R = TypeVar("R")
S = TypeVar("S")

_ALL_LETTERS = 10_000
"""How many dead letters one request replays at most: they wait in memory."""


@message
class StepDue(Event):
    """An answer came for a courier, or its alarm rang; the actor tells it to itself."""

    name: str
    step: Callable[[], None]


@message
class LogGrew(Event):
    """There may be something new; the actor tells it to itself."""


class DeliveryActor(RepertoryActor):
    """Delivers events to targets: in order, each at least once, over restarts and crashes.

    The log of changes is the queue: a target that is slow, hangs or is gone has a place in it, and
    nothing in memory. The place moves in the index after a delivery. What leaves the log before
    every target was told of it is kept in the index. Each target has a thread of its own that
    may wait; this actor never does.
    """

    rank = 6

    def __init__(
        self,
        *,
        board: Switchboard,
        targets: Sequence[Target] = (),
        crew: Callable[[str], Crew] = lambda name: ThreadCrew(1, name=f"target-{name}"),
        read_only: bool = False,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        targets: whom to tell.
        crew: makes what delivers to one target.
        read_only: whether nothing happens, and nobody is told (``ReadOnly``).
        shared: whether other nodes of the same archive deliver, too: one at a time does.
        """
        super().__init__(board=board)
        self._targets = () if read_only else tuple(targets)
        self._make_crew = crew
        self._read_only = read_only
        self._shared = shared
        self._node = ""
        self._couriers: dict[str, Courier] = {}
        self._woken = False

    def open(self) -> None:
        """Go on where each target was."""
        names = [target.name for target in self._targets]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise CannotStart(f"There are several targets of the name {', '.join(double)}.")
        if self._read_only:
            return
        places = {p.name: p for p in self.board.ask(EnlistTargets(names=tuple(names)))}
        archive = self.board.ask(DescribeIndex()).identifier
        for target in sorted(self._targets, key=lambda target: target.name):
            target.open(archive)
            crew = self._make_crew(target.name)
            place = places[target.name]
            self._couriers[target.name] = Courier(
                self.board, self._take_step, target, crew, place, shared=self._shared
            )
        if self._couriers:
            self.board.listen(ChangesLogged, self._wake)
        for courier in self._couriers.values():
            courier.work()
        if self._shared:
            state = self.board.ask(DescribeNodes())
            self._node = state.name
            self._take_turns(is_ours=state.duties.get(DELIVERY) == state.name)

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Deliver if no other node does; heed what was said at others."""
        if not self._shared:
            return
        if event.node != self._node:
            self._node = event.node
            self._take_turns(is_ours=False)
        self._take_turns(is_ours=DELIVERY in event.duties)

    def _take_turns(self, *, is_ours: bool) -> None:
        if not is_ours:
            for courier in self._couriers.values():
                if courier.is_on:
                    courier.stand_down()
            return
        try:
            places = self.board.ask(ListTargetPlaces())
        except RepertoryError as error:
            log.warning("places_unread", error=type(error).__name__)
            return
        for place in places:
            ours = self._couriers.get(place.name)
            if ours is not None and ours.is_on:
                ours.heed(place)
            elif ours is not None:
                ours.take_up(place)

    def close(self) -> None:
        """Cut off what is under way: it comes again. What was delivered is recorded."""
        self.board.unlisten(ChangesLogged, self._wake)
        for name, courier in self._couriers.items():
            try:
                position = courier.close()
                if courier.is_on:
                    self.board.ask(MoveTarget(name=name, position=position))
            except RepertoryError as error:
                log.warning("place_unrecorded", target=name, error=type(error).__name__)

    @handles(LogGrew)
    def log_grew(self, _event: LogGrew) -> None:
        """Tell all couriers."""
        self._woken = False
        for courier in self._couriers.values():
            courier.ring()

    @handles(StepDue)
    def step_due(self, event: StepDue) -> None:
        """Let a courier go on."""
        event.step()

    @handles(DescribeTargets)
    def describe_targets(self, _query: DescribeTargets) -> Reply[tuple[TargetState, ...]]:
        """What the couriers do."""
        return self._describe(tuple(self._couriers.values()))

    @handles(DescribeTarget)
    def describe_target(self, query: DescribeTarget) -> Reply[TargetState]:
        """What one courier does."""
        return self._describe((self._courier(query.name),)).then(lambda states: states[0])

    @handles(PauseTarget)
    def pause_target(self, command: PauseTarget) -> Reply[TargetState]:
        """Pause, and record it."""
        return self._set_paused(command.name, paused=True)

    @handles(ResumeTarget)
    def resume_target(self, command: ResumeTarget) -> Reply[TargetState]:
        """Go on, and record it."""
        return self._set_paused(command.name, paused=False)

    @handles(ReplayEvents)
    def replay_events(self, command: ReplayEvents) -> Reply[TargetState]:
        """Go on after another number."""
        courier = self._courier(command.name)
        done: Reply[TargetState] = Reply()

        def replay(newest: int) -> None:
            if not 0 <= command.since <= newest:
                raise BadParameter(f"Events have numbers up to {newest}.")
            if courier.is_on:
                courier.replay(command.since)
            else:
                move = MoveTarget(name=command.name, position=command.since, steers=True)
                self.board.ask(move)
            log.info("events_replayed", target=command.name, since=command.since)
            done.set(self._describe((courier,)).then(lambda states: states[0]))

        newest = self.board.ask_soon(DescribeLastChange(deletions=True))
        self._and_then(command.name, newest.then(lambda page: page.last), replay, done)
        return done

    @handles(ReplayDeadLetters)
    def replay_dead_letters(self, command: ReplayDeadLetters) -> Reply[int]:
        """Have dead letters delivered once more."""
        courier = self._courier(command.name)
        done: Reply[int] = Reply()

        def replay(letters: tuple[DeadLetter, ...]) -> None:
            wanted = letters
            if command.numbers is not None:
                wanted = tuple(one for one in letters if one.number in command.numbers)
                if len(wanted) < len(set(command.numbers)):
                    raise UnknownItem("There is no such dead letter.")
            courier.replay_letters(wanted)
            log.info("dead_letters_replayed", target=command.name, count=len(wanted))
            done.set(len(wanted))

        before = min(command.numbers, default=1) - 1 if command.numbers else 0
        letters = ListDeadLetters(name=command.name, since=before, limit=_ALL_LETTERS)
        self._and_then(command.name, self.board.ask_soon(letters), replay, done)
        return done

    def _courier(self, name: str) -> Courier:
        courier = self._couriers.get(name)
        if courier is None:
            raise UnknownItem("There is no target of that name.")
        return courier

    def _set_paused(self, name: str, *, paused: bool) -> Reply[TargetState]:
        courier = self._courier(name)
        if paused:
            courier.pause()
        else:
            courier.resume()
        log.info("target_paused", target=name, paused=paused)
        recorded = self.board.ask_soon(RecordTargetPause(name=name, paused=paused))

        def describe(_: None) -> Reply[TargetState]:
            return self._describe((courier,)).then(lambda states: states[0])

        return recorded.then(describe)

    def _describe(self, couriers: tuple[Courier, ...]) -> Reply[tuple[TargetState, ...]]:
        """The couriers' states, with what the index knows of them."""
        states = tuple(courier.state() for courier in couriers)
        away = {courier.name for courier in couriers if not courier.is_on}
        newest = self.board.ask_soon(DescribeLastChange(deletions=True))
        places = self.board.ask_soon(ListTargetPlaces())

        def complete(_: tuple[object, ...]) -> tuple[TargetState, ...]:
            known = {place.name: place for place in places.get()}
            last = newest.get().last
            return tuple(
                _completed(state, known.get(state.name), last, away=state.name in away)
                for state in states
            )

        return gather([newest, places]).then(complete)

    def _and_then(
        self, name: str, reply: Reply[R], step: Callable[[R], None], done: Reply[S]
    ) -> None:
        """Take a step with an answer, in the actor's own thread; an error is the outcome."""

        def take() -> None:
            if reply.error is not None:
                done.refuse(reply.error)
                return
            try:
                step(reply.get())
            except RepertoryError as error:
                done.refuse(error)

        reply.on_done(lambda _: self._take_step(name, take))

    def _take_step(self, name: str, step: Callable[[], None]) -> None:
        self.board.tell(self.actor_ref, StepDue(name=name, step=step))

    def _wake(self, _event: ChangesLogged) -> None:
        # In the index's thread: one message at most, however often it rings.
        if not self._woken:
            self._woken = True
            self.board.tell(self.actor_ref, LogGrew())


def _completed(
    state: TargetState, place: TargetPlace | None, last: int, *, away: bool
) -> TargetState:
    """A target with what the index knows of it: all there is, if another node delivers."""
    if place is None:
        return replace(state, newest=max(last, state.position))
    if away:
        word = "Paused" if place.paused else "Idle"
        state = replace(state, position=place.position, state=word)
    return replace(state, newest=max(last, state.position), dead_letters=place.dead_letters)
