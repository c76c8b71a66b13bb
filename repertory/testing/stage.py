"""The stage: real actors, understudies for the parts that a test does not play, manual time."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from repertory.actors.base import Inbox, RepertoryActor
from repertory.actors.messages.base import Event, Message, Question
from repertory.actors.messages.system import CallIn
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Ref, Switchboard
from repertory.testing.clock import ManualClock

R = TypeVar("R")
M = TypeVar("M", bound=Message)

PATIENCE = 30.0
"""Seconds after which an answer in a test is taken for missing: only a defect reaches it."""


class Understudy(RepertoryActor):
    """An actor that answers types of messages as it was told to, and remembers what it heard."""

    rank = 0

    def __init__(
        self, *, board: Switchboard, answers: dict[type[Message], Any], heard: list[Message]
    ) -> None:
        super().__init__(board=board)
        self.answers = answers
        self.heard = heard

    def on_receive(self, message: Any) -> Any:
        """Remember the message and give its answer; an exception is a refusal."""
        if isinstance(message, CallIn):
            return None
        self.heard.append(message)
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        inbox.handled += 1
        answer = self.answers.get(type(message))
        if callable(answer) and not isinstance(answer, type):
            answer = answer(message)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Stage:
    """Plays some actors for real, in their own threads, on a switchboard of their own."""

    def __init__(self, *, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.clock.settle = self.settle
        self.board = Switchboard(clock=self.clock, patience=PATIENCE)
        self._cast: list[Ref] = []
        self._answers: dict[type[Message], Any] = {}
        self._heard: list[Message] = []
        self._understudy_ref = Understudy.start(
            board=self.board, answers=self._answers, heard=self._heard
        )

    def understudy(
        self, *kinds: type[Message], answer: "Any | Callable[[Any], Any]" = None
    ) -> None:
        """Let an understudy take the part of whoever handles these types of messages.

        Args:
            kinds: types of commands, queries or events.
            answer: the reply, or what makes it from the message; an exception is a refusal.
        """
        for kind in kinds:
            self._answers[kind] = answer
            if issubclass(kind, Event):
                self.listen(kind)
            else:
                self.board.take_over(kind, self._understudy_ref, rank=0)

    def listen(self, *kinds: type[Event]) -> None:
        """Remember the events of these types for ``heard``."""
        for kind in kinds:
            self.board.listen(kind, lambda event: self.board.tell(self._understudy_ref, event))

    def heard(self, kind: type[M]) -> list[M]:
        """The messages of a type that the understudy heard, in their order."""
        self.settle()
        return [message for message in self._heard if isinstance(message, kind)]

    def put_on(self, actor: type[RepertoryActor], *, connected: bool = True, **parts: Any) -> Ref:
        """Start an actor with its parts, and wait until it is ready.

        One that is not ``connected`` gets no mail but from whoever knows it.

        Raises:
            Exception: what kept it from starting.
        """
        ref = actor.start(board=self.board, **parts)
        self._cast.append(ref)
        if connected:
            self.board.connect(ref, actor)
        ref.ask(CallIn(), timeout=PATIENCE)
        return ref

    def take_off(self, ref: Ref) -> None:
        """Stop one actor in good order."""
        self._cast.remove(ref)
        self.board.disconnect(ref)
        ref.stop(timeout=PATIENCE)

    def ask(self, question: Question[R]) -> R:
        """Ask, and wait for the answer."""
        return self.board.ask(question)

    def ask_soon(self, question: Question[R]) -> Reply[R]:
        """Ask; the ``Reply`` will hold the answer."""
        return self.board.ask_soon(question)

    def settle(self) -> None:
        """Wait until no actor has mail or is at work; time stands still meanwhile."""
        before = -1
        while True:
            alive = [ref for ref in (*self._cast, self._understudy_ref) if ref.is_alive()]
            for ref in alive:
                ref.ask(CallIn(), timeout=PATIENCE)
            inboxes: list[Inbox] = [ref.actor_inbox for ref in alive]  # type: ignore[misc]
            after = sum(inbox.handled for inbox in inboxes)
            # Mail on its way from one actor to another would have been handled in this round.
            if after == before and all(inbox.empty() and not inbox.busy for inbox in inboxes):
                return
            before = after

    def close(self) -> None:
        """Stop all actors, the last that was put on first."""
        while self._cast:
            self._cast.pop().stop(timeout=PATIENCE)
        self._understudy_ref.stop(timeout=PATIENCE)
        self.clock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()
