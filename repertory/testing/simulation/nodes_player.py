"""A run of several nodes that share one index and one storage."""

from random import Random

from repertory.actors.messages.nodes import DescribeNodes
from repertory.actors.messages.stability import ListUnstable
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.books_of_nodes import BooksOfNodes
from repertory.testing.simulation.node import Node
from repertory.testing.simulation.plans import Step
from repertory.testing.simulation.player import AT_ONCE, Player
from repertory.testing.simulation.setups import HEARTBEAT, LEASE, STABLE_AGE
from repertory.testing.simulation.world import SLOW

_WITHOUT = 2 * LEASE + 10 * STABLE_AGE
"""Seconds after which nobody waits for a node that is no more."""


class NodesPlayer(Player):
    """Plays one plan with several nodes."""

    @property
    def _circumstances(self) -> frozenset[str]:
        return super()._circumstances | {"lose", "join", "leave", "stall", "wake"}

    def _process_for(self, step: Step) -> int:
        chance = Random(f"{self.plan.seed} {step.number}")  # noqa: S311 - chance, not secrets
        nodes = self.world.nodes[:]
        chance.shuffle(nodes)
        for node in nodes:
            if node.is_up and not (node.is_stalled and self._under_way[node.number] >= AT_ONCE):
                return node.number
        self._join(nodes[0].number, 0)
        self._wake(nodes[0].number)
        return nodes[0].number

    # Circumstances

    def _lose(self, number: int, _again: int = 0) -> None:
        """A node dies, and the others go on."""
        if not self.world.nodes[number - 1].is_up:
            return
        self.world.lose(number)
        self.model.end_all(self.world.scheduler.steps, number)
        self.clients.note_death(number)
        self._under_way[number] = 0

    def _join(self, number: int, again: int) -> None:
        """A node starts; it dies once more if that takes longer than so many steps."""
        if self.world.nodes[number - 1].is_up:
            return
        self._calm()
        while self._interrupted(lambda: self.world.start(self._setup, number), again):
            self._lose(number)
            again = 0

    def _leave(self, number: int, kill: int) -> None:
        """A node stops in good order, unless that takes longer than so many steps."""
        node = self.world.nodes[number - 1]
        if not node.is_up:
            return
        self._calm()
        self._wake(number)
        if self._interrupted(node.stop, kill):
            self._lose(number)
        else:
            self._need_answers(number)

    def _stall(self, number: int) -> None:
        """A node stands still: suspended, or cut off."""
        node = self.world.nodes[number - 1]
        if node.is_up and not node.is_stalled:
            self.world.scheduler.note(f"{number} stands still")
            node.stall()

    def _wake(self, number: int) -> None:
        """It goes on, whatever others have made of it."""
        node = self.world.nodes[number - 1]
        if node.is_stalled:
            self.world.scheduler.note(f"{number} goes on")
            node.wake()

    def _start(self, setup: int, again: int) -> None:
        """All nodes start."""
        self._prepare(setup)
        for node in self.world.nodes:
            self._join(node.number, again)
            again = 0

    def _end(self) -> None:
        for node in self.world.nodes:
            node.stop()

    # Rest

    def _rest(self) -> None:
        for node in self.world.nodes:
            self._wake(node.number)
        self._do_without_the_dead()
        for node in self.world.nodes:
            self._join(node.number, 0)
        self.world.scheduler.advance(SLOW * HEARTBEAT)  # now all know what was said at others
        self.world.scheduler.process = 1 + self.world.lives % len(self.world.nodes)
        super()._rest()

    def _do_without_the_dead(self) -> None:
        """What the dead waited for comes to its end although nobody starts them again."""
        up = self.world.up
        if len(up) in {0, len(self.world.nodes)}:
            return
        self._calm()
        scheduler = self.world.scheduler
        scheduler.process = up[0].number
        scheduler.run_until(lambda: not self._under_way.total(), waiting_for="An answer")
        scheduler.advance(_WITHOUT)
        done = scheduler.spawn("heir", self._check_quiet)
        scheduler.run_until(lambda: done.is_finished, waiting_for="The heir's answer")

    def _check_quiet(self) -> None:
        if unstable := self.world.board.ask(ListUnstable()):
            raise Violation("stable at last", f"{unstable} after {_WITHOUT} quiet seconds")

    def _inspect(self) -> None:
        super()._inspect()
        for node in self.world.nodes:
            self._check_node(node)
        books = self.world.books
        assert isinstance(books, BooksOfNodes)  # noqa: S101 - where there are several
        books.check_all_staging()

    def _check_node(self, node: Node) -> None:
        """It knows all others, and who does what."""
        state = node.board.ask(DescribeNodes())
        bases = sorted(it.name.partition(".")[0] for it in state.nodes)
        if bases != sorted(each.base for each in self.world.nodes):
            raise Violation("all nodes are known", f"{node.base} knows {bases}")
        names = {it.name for it in state.nodes}
        if wrong := {duty: name for duty, name in state.duties.items() if name not in names}:
            raise Violation("nothing is the dead's", f"{wrong}")
        if not {"callbacks", "delivery"} <= state.duties.keys():
            raise Violation("each duty is somebody's", f"{state.duties}")
