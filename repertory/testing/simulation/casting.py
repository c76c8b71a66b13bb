"""The archive's own actors as strands, their code unchanged."""

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from repertory.actors.base import Inbox, RepertoryActor
from repertory.actors.crew import InlineCrew
from repertory.actors.reply import Reply
from repertory.errors import ShuttingDown
from repertory.testing.simulation.scheduler import ProcessDied, Scheduler

R = TypeVar("R")
S = TypeVar("S")


class SimulatedInbox(Inbox):
    """Mail that is taken when the scheduler says so."""

    scheduler: Scheduler
    owner = ""

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The next message, once it is this actor's turn."""
        self.scheduler.pause("mail", lambda: not self.empty())
        envelope = super().get(block, timeout)
        self.scheduler.note(f"{self.owner} takes {type(envelope.message).__name__}")
        return envelope


class SimulatedReply(Reply[R]):
    """A reply that is waited for without holding the baton."""

    scheduler: ClassVar[Scheduler]

    def get(self, *, timeout: float | None = None) -> R:
        """Wait for the outcome."""
        if self._get_hook is None and not self.done:
            if self.scheduler.current is None:
                self.scheduler.run_until(lambda: self.done, waiting_for="A reply")
            else:
                self.scheduler.pause("a reply", lambda: self.done)
        return super().get(timeout=timeout)

    def then(self, step: Callable[[R], S | Reply[S]]) -> Reply[S]:
        """A reply that can be waited for like this one."""
        following: Reply[S] = type(self)()  # type: ignore[assignment]  # of another value
        following.set(super().then(step))
        return following


class Casting:
    """Makes classes of actors whose threads are strands of one scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._reply: type[SimulatedReply[Any]] = type(
            "SimulatedReply", (SimulatedReply,), {"scheduler": scheduler}
        )
        self._classes: dict[type[RepertoryActor], type[RepertoryActor]] = {}
        self.actors: list[RepertoryActor] = []
        """Those that play, or played, in this life of the process."""

    def of(self, actor: type[RepertoryActor]) -> type[RepertoryActor]:
        """``actor``, played by a strand."""
        if actor not in self._classes:
            self._classes[actor] = self._make(actor)
        return self._classes[actor]

    def _make(self, actor: type[RepertoryActor]) -> type[RepertoryActor]:
        scheduler, actors = self._scheduler, self.actors

        def make_inbox() -> SimulatedInbox:
            inbox = SimulatedInbox()
            inbox.scheduler = scheduler
            inbox.owner = actor.__name__
            return inbox

        def start_loop(self: Any) -> None:
            actors.append(self)
            scheduler.spawn(actor.__name__, self._actor_loop)

        parts = {
            "_create_actor_inbox": staticmethod(make_inbox),
            "_create_future": staticmethod(self._reply),
            "_start_actor_loop": start_loop,
            "__doc__": actor.__doc__,
        }
        return type(actor.__name__, (actor,), parts)


class SimulatedCrew:
    """A ``ThreadCrew`` whose threads are strands."""

    def __init__(self, scheduler: Scheduler, size: int, *, name: str = "crew") -> None:
        self._scheduler = scheduler
        self._queue: deque[Callable[[], None]] = deque()
        self._is_closed = False
        self._strands = [scheduler.spawn(f"{name}-{number}", self._run) for number in range(size)]

    def do(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """Have ``work`` done by the next strand that is free."""
        reply: Reply[R] = Reply()
        if self._is_closed:
            reply.refuse(ShuttingDown())
            return reply

        def perform() -> None:
            try:
                reply.set(work())
            except ProcessDied:
                raise
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                reply.refuse(error)

        self._queue.append(perform)
        return reply

    def tidy(self, work: Callable[[], R | Reply[R]]) -> Reply[R]:
        """Have ``work`` done by a strand, or do it now if they end."""
        return InlineCrew().do(work) if self._is_closed else self.do(work)

    def leave(self) -> None:
        """Let the strands end once nothing waits."""
        self._is_closed = True

    def close(self) -> None:
        """Finish what waits, then end the strands."""
        self.leave()
        self._scheduler.pause(
            "the crew", lambda: all(strand.is_finished for strand in self._strands)
        )

    def _run(self) -> None:
        while True:
            self._scheduler.pause("work", lambda: bool(self._queue) or self._is_closed)
            if not self._queue:
                return
            self._scheduler.note("crew takes work")
            self._queue.popleft()()
