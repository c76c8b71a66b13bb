"""Actors without a thread of their own: played by whoever asks."""

import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import pykka

from repertory.actors.base import Inbox, RepertoryActor
from repertory.actors.messages.base import Message
from repertory.actors.reply import Reply
from repertory.errors import ShuttingDown

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard


def played_anywhere(actor_class: type[RepertoryActor]) -> frozenset[type[Message]]:
    """The messages that any thread may play an actor of this class for."""
    return frozenset(
        kind
        for kind, name in actor_class.handlers.items()
        if getattr(getattr(actor_class, name), "__anywhere__", False)
    )


class Beside(pykka.ActorRef[Any]):
    """A seat for an actor that has a thread, whose handlers need not be played by it.

    What only hands out work (``handles(…, anywhere=True)``) is played by the thread that asks.
    """

    def __init__(self, ref: pykka.ActorRef[Any]) -> None:
        """Take the actor; it is stopped by whoever started it."""
        self.actor_class = ref.actor_class
        self.actor_urn = f"beside:{ref.actor_urn}"
        self.actor_inbox = ref.actor_inbox
        self.stands_for = ref
        self._played = ref._actor_weakref  # noqa: SLF001 - pykka has no other way
        self._kinds = played_anywhere(ref.actor_class)

    def is_alive(self) -> bool:
        """Whether the actor is."""
        return self.stands_for.is_alive()

    def ask(self, message: Any, *, block: bool = False, timeout: float | None = None) -> Any:  # noqa: ARG002 - as pykka has it
        """Play the actor for this one message."""
        actor = self._played()
        if actor is None or type(message) not in self._kinds or not self.stands_for.is_alive():
            return self.stands_for.ask(message, block=False)
        return _play(actor, message)

    def tell(self, message: Any) -> None:
        """Leave it to the actor."""
        self.stands_for.tell(message)


def stand_beside(
    board: "Switchboard", ref: pykka.ActorRef[Any], kinds: Collection[type[Message]]
) -> None:
    """Let whoever asks an actor play it, for those of the messages that any thread may play."""
    seat = Beside(ref)
    for kind in played_anywhere(ref.actor_class):
        if kind in kinds:
            board.take_over(kind, seat, ref.actor_class.rank)


def _play(actor: RepertoryActor, message: Any) -> Reply[Any]:
    error: Exception | None = None
    answer: Any = None
    try:
        answer = actor.on_receive(message)
    except Exception as raised:  # noqa: BLE001 - whoever asked gets it, whatever it is
        error = raised
    if isinstance(answer, Reply) and answer.done:
        return answer  # nobody will have to wait for it, of whatever kind it is
    reply = actor._create_future()  # noqa: SLF001 - pykka's: of the kind that is waited for here
    if error is None:
        reply.set(answer)
    else:
        reply.refuse(error)
    return reply


class Inline(pykka.ActorRef[Any]):
    """A seat at the switchboard whose actor is played by the thread that asks, at once.

    Each thread plays an actor of its own, which is made and opened when that thread first asks: so
    an actor still has one thread, and what it owns needs no lock. What takes its time is not for
    such a seat: whoever asks, an event loop perhaps, does nothing else meanwhile.
    """

    def __init__(
        self, make: Callable[[], RepertoryActor], actor_class: type[RepertoryActor]
    ) -> None:
        """Take what makes an actor; it is called in the thread that will play it."""
        self.actor_class = actor_class
        self.actor_urn = f"inline:{actor_class.__name__}"
        self.actor_inbox = Inbox()
        self._make = make
        self._here = threading.local()
        self._actors: list[RepertoryActor] = []
        self._closed = False

    def is_alive(self) -> bool:
        """Always: there is no thread that could end."""
        return True

    def ask(self, message: Any, *, block: bool = False, timeout: float | None = None) -> Any:  # noqa: ARG002 - as pykka has it
        """Play the actor: the reply holds the answer, or will."""
        try:
            actor = self._actor()
        except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
            reply: Reply[Any] = Reply()
            reply.refuse(error)
            return reply
        return _play(actor, message)

    def tell(self, message: Any) -> None:
        """Play the actor for something that is not answered."""
        self._actor().on_receive(message)

    def _actor(self) -> RepertoryActor:
        if self._closed:
            raise ShuttingDown
        actor: RepertoryActor | None = getattr(self._here, "actor", None)
        if actor is None:
            actor = self._make()
            actor.open()
            self._here.actor = actor
            self._actors.append(actor)
        return actor

    def close(self) -> None:
        """Close what the actors own, once nobody asks any more; to close twice does no harm."""
        self._closed = True
        while self._actors:
            self._actors.pop().close()
