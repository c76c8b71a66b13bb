"""Says that this node lives, gives up for dead who does not, and sees who does what."""

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.nodes import (
    BeatNode,
    DescribeNodes,
    EnterNode,
    LeaveNode,
    NodesLooked,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError, ShuttingDown
from repertory.nodes import NodesState, Pulse, base_of

log = structlog.get_logger(__name__)


@message
class BeatDue(Event):
    """It is time to say that this node lives; the actor tells it to itself."""


@message
class BeatEnded(Event):
    """The index has taken a beat down, or could not; the actor tells it to itself."""

    pulse: Pulse | None
    error: BaseException | None


@message
class Entered(Event):
    """This node has its place again, or could not get it; the actor tells it to itself."""

    error: BaseException | None


class NodesActor(RepertoryActor):
    """One of several nodes that share an index: they see each other by beats that are counted.

    Nobody compares clocks. Who has seen the beats of another one stand still for ``lease``
    seconds of its own, while it beat itself, dismisses it. A node that was dismissed and lives
    learns so from its next beat, and begins anew under another name; whatever it still writes of
    what it had is refused by the index, in the same transaction.
    """

    rank = 2

    def __init__(
        self,
        *,
        board: Switchboard,
        name: str,
        title: str = "",
        wants: frozenset[str] = frozenset(),
        heartbeat: float = 1.0,
        lease: float = 10.0,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        name: the name that the index knows this node by, with which it was opened.
        title: what people call it.
        wants: the duties that it takes where nobody has them.
        heartbeat: seconds between two beats.
        lease: seconds without a beat after which another node is taken for dead.
        """
        super().__init__(board=board)
        self._name = name
        self._title = title
        self._wants = wants
        self._heartbeat = heartbeat
        self._lease = lease
        self._lives = 1
        self._rests_until = 0.0
        self._looked_at = 0.0
        self._silent: dict[str, tuple[int, float]] = {}
        self._pulse = Pulse(nodes=(), duties={})
        self._is_closing = False

    def open(self) -> None:
        """Beat for the first time: whoever starts after this one knows its duties."""
        self._looked_at = self.clock.monotonic()
        pulse = self.board.ask(self._beat())
        if pulse is not None:
            self._pulse = pulse
            self._listen_to(pulse)
        self._beat_later()

    def close(self) -> None:
        """Give everything back, so that others need not wait."""
        self._is_closing = True
        try:
            self.board.ask(LeaveNode())
        except RepertoryError as error:
            # They will see that it beats no more.
            log.warning("node_left_silently", error=type(error).__name__)

    @handles(DescribeNodes)
    def describe_nodes(self, _query: DescribeNodes) -> NodesState:
        """Who there is."""
        return NodesState(name=self._name, nodes=self._pulse.nodes, duties=self._pulse.duties)

    @handles(BeatDue)
    def beat_due(self, _event: BeatDue) -> None:
        """Beat; the mailbox stays open until the index has answered."""
        self.board.ask_soon(self._beat()).on_done(self._tell_beaten)

    @handles(BeatEnded)
    def beat_ended(self, event: BeatEnded) -> None:
        """See what others do, or begin anew."""
        if event.error is not None:
            if not isinstance(event.error, ShuttingDown):
                # Nobody else can say so either, or this node will begin anew.
                log.warning("beat_missed", error=type(event.error).__name__)
                self._beat_later()
            return
        if event.pulse is None:
            self._begin_anew()
            return
        self._see(event.pulse)
        self._beat_later()

    @handles(Entered)
    def entered(self, event: Entered) -> None:
        """Go on, under another name."""
        if event.error is not None:
            if isinstance(event.error, ShuttingDown):
                return
            log.warning("beat_missed", error=type(event.error).__name__)
        else:
            log.warning("node_readmitted", node=self._name)
            self._pulse = Pulse(nodes=self._pulse.nodes, duties={})
            self.board.publish(NodesLooked(node=self._name, duties=frozenset()))
        self._beat_later()

    def _beat(self) -> BeatNode:
        suspects = tuple(
            (name, beats)
            for name, (beats, silence) in self._silent.items()
            if silence > self._lease
        )
        rests = self.clock.monotonic() < self._rests_until
        return BeatNode(suspects=suspects, wants=frozenset() if rests else self._wants)

    def _beat_later(self) -> None:
        self.tell_self(BeatDue(), after=self._heartbeat)

    def _tell_beaten(self, reply: Reply[Pulse | None]) -> None:
        pulse = None if reply.error is not None else reply.get()
        self.board.tell(self.actor_ref, BeatEnded(pulse=pulse, error=reply.error))

    def _begin_anew(self) -> None:
        """Enter again under another name; what was this node's is others' by now."""
        self._lives += 1
        self._name = f"{base_of(self._name)}.{self._lives}"
        # What is still on its way of a duty must not find that the node has it again.
        self._rests_until = self.clock.monotonic() + self._lease
        log.warning("node_dismissed", node=self._name)
        reply = self.board.ask_soon(EnterNode(name=self._name, title=self._title))
        reply.on_done(lambda done: self.board.tell(self.actor_ref, Entered(error=done.error)))

    def _see(self, pulse: Pulse) -> None:
        before = {node.name for node in self._pulse.nodes}
        left = before - {node.name for node in pulse.nodes}
        for name in pulse.dismissed:
            log.warning("node_given_up", node=name)
        for node in pulse.nodes:
            if node.name not in before:
                log.info("node_seen", node=node.name, title=node.title)
        had = self._own(self._pulse)
        self._pulse = pulse
        duties = self._own(pulse)
        if duties - had:
            log.info("duties_taken", duties=sorted(duties - had))
        self._listen_to(pulse)
        left_now = tuple(sorted(left | set(pulse.dismissed)))
        self.board.publish(
            NodesLooked(
                node=self._name,
                duties=duties,
                left=left_now,
                waiting=pulse.waiting,
                told=pulse.told,
            )
        )

    def _own(self, pulse: Pulse) -> frozenset[str]:
        return frozenset(duty for duty, node in pulse.duties.items() if node == self._name)

    def _listen_to(self, pulse: Pulse) -> None:
        """Note for how long each of the others has been silent.

        One that could not beat, because this one wrote for long, is given the time to.
        """
        now = self.clock.monotonic()
        passed, self._looked_at = min(now - self._looked_at, 2 * self._heartbeat), now
        silent = {}
        for node in pulse.nodes:
            beats, silence = self._silent.get(node.name, (node.beats, -passed))
            if node.name != self._name:
                same = beats == node.beats
                silent[node.name] = (node.beats, silence + passed if same else 0.0)
        self._silent = silent
