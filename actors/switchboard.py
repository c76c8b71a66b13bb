"""The switchboard: finds who handles a message, so that nobody addresses an actor."""

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable, Collection, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar

import pykka
import structlog

from repertory.actors.base import Inbox, RepertoryActor, current_rank
from repertory.actors.clock import Clock, SystemClock
from repertory.actors.messages.base import Event, Message, Question
from repertory.actors.messages.system import ActorDied
from repertory.actors.probing import Probes, load
from repertory.actors.reply import Reply
from repertory.actors.tracing import Tracer
from repertory.actors.waking import Waker
from repertory.errors import NoReplyInTime, RepertoryError, ShuttingDown
from repertory.meters import Mail, Meters

log = structlog.get_logger(__name__)

R = TypeVar("R")
E = TypeVar("E", bound=Event)

Ref = pykka.ActorRef[Any]


class DeadlockRisk(RepertoryError):
    """An actor may wait only for actors of a lower rank; forward the reply instead."""


class NobodyHandles(RepertoryError):
    """No actor on the stage handles this type of message."""


class _Here(threading.local):
    """What is so of one thread alone."""

    is_volunteer = False
    kind: type[Question[Any]] | None = None
    way: Callable[[Any], Reply[Any]]


class Switchboard:
    """Routes each message by its type.

    ``ask`` waits for the answer, ``ask_soon`` gives a ``Reply``, ``ask_async`` awaits without
    blocking the event loop, ``publish`` tells an event to all who listen. Where several actors
    hold the same part, the one with the least mail gets the message.

    ``meters``, if there are any, hear how long each answer takes. With a ``tracer``, each question
    is followed to its answer.
    ``patience`` is how many seconds ``ask`` and ``ask_async`` wait unless told otherwise.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        patience: float | None = 600.0,
        meters: Meters | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self.meters = meters
        self.tracer = tracer
        self._probes = Probes()
        self.clock = clock or SystemClock()
        self.patience = patience
        self.dead: str | None = None
        self._visits = 0
        self._visits_elsewhere: Callable[[], int] = int
        self._seats: dict[type[Message], tuple[Ref, ...]] = {}
        self._ranks: dict[type[Message], int] = {}
        self._lent: dict[type[Message], tuple[Ref, Callable[[Any], Reply[Any] | None]]] = {}
        self._listeners: dict[type[Event], tuple[Callable[[Any], None], ...]] = {}
        self._lock = threading.Lock()
        self._here = _Here()
        self._wakers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Waker] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def visits(self) -> int:
        """How often somebody who is no actor has asked: what the archive is busy with."""
        return self._visits + self._visits_elsewhere()

    def volunteer(self) -> None:
        """Let small work be done by this thread, when it asks for it, rather than for it.

        That is for an event loop of the archive's own, which may be held up for a moment.
        """
        self._here.is_volunteer = True

    @property
    def has_volunteer(self) -> bool:
        """Whether this thread does small work."""
        return self._here.is_volunteer

    def go_by(self, way: Callable[[Any], Reply[Any]], *, kind: type[Question[Any]]) -> None:
        """Let what this thread asks of one kind go by a way of its own, as long as it lives."""
        self._here.kind, self._here.way = kind, way

    def count_visits_of(self, others: Callable[[], int]) -> None:
        """Add what is asked in other processes of the archive to ``visits``."""
        self._visits_elsewhere = others

    def connect(
        self,
        ref: Ref,
        actor_class: type[RepertoryActor],
        *,
        only: Collection[type[Message]] | None = None,
    ) -> None:
        """Let an actor handle every type of message that its class handles, or some of them."""
        for kind in actor_class.handlers:
            if only is not None and kind not in only:
                continue
            if issubclass(kind, Event):
                self.listen(kind, partial(self.tell, ref))
            else:
                with self._lock:
                    self._seats[kind] = (*self._seats.get(kind, ()), ref)
                    self._ranks[kind] = actor_class.rank

    def take_over(self, kind: type[Message], ref: Ref, rank: int) -> None:
        """Let ``ref`` alone handle one type of message, whoever handled it before."""
        with self._lock:
            self._seats[kind] = (ref,)
            self._ranks[kind] = rank

    def disconnect(self, ref: Ref) -> None:
        """Route nothing to an actor any more; what comes for it is answered by ShuttingDown."""
        with self._lock:
            for kind, seats in self._seats.items():
                self._seats[kind] = tuple(seat for seat in seats if seat is not ref)

    def listen(self, kind: type[E], listener: Callable[[E], None]) -> None:
        """Call ``listener`` with each event of a type, from the publisher's thread: be short."""
        with self._lock:
            self._listeners[kind] = (*self._listeners.get(kind, ()), listener)

    def unlisten(self, kind: type[E], listener: Callable[[E], None]) -> None:
        """Call ``listener`` no more."""
        with self._lock:
            others = self._listeners.get(kind, ())
            self._listeners[kind] = tuple(other for other in others if other != listener)

    def ask(self, question: Question[R], *, timeout: float | None = None) -> R:
        """Ask, and wait for the answer.

        Raises:
            DeadlockRisk: an actor waits for one that is not of a lower rank.
            NoReplyInTime: no answer came in ``timeout`` seconds.
            RepertoryError: whatever the answer is.
        """
        rank = current_rank()
        if rank is not None and self._ranks.get(type(question), 0) >= rank:
            raise DeadlockRisk
        if rank is None:
            self._visits += 1
        return self.ask_soon(question).get(timeout=timeout or self.patience)

    def lend(
        self,
        kind: type[Question[R]],
        ref: Ref,
        handler: Callable[[Any], Reply[R] | None],
    ) -> None:
        """Let whoever asks an actor by ``ask_here`` do its work; ``None``: not now.

        The handler is called in any thread, and only while the actor alone handles the message.
        """
        with self._lock:
            self._lent[kind] = (ref, handler)

    def ask_here(self, question: Question[R]) -> R:
        """Ask from a thread that has nothing else to do: what it can do by itself, it does.

        Each thread that need not be woken makes an answer come sooner.

        Raises:
            RepertoryError: whatever the answer is.
        """
        kind = type(question)
        ref, handler = self._lent.get(kind, (None, None))
        seats = self._seats.get(kind, ())
        alone = len(seats) == 1 and _actor_of(seats[0]) is ref
        if handler is None or not alone or current_rank() is not None:
            return self.ask(question)
        reply: Reply[R] | None = handler(question)
        if reply is None:
            return self.ask(question)
        self._visits += 1
        return reply.get(timeout=self.patience)

    def ask_soon(self, question: Question[R]) -> Reply[R]:
        """Ask, and get the ``Reply`` that will hold the answer."""
        if type(question) is self._here.kind and self.tracer is None:
            return self._ask_own_way(question)
        seats = self._seats.get(type(question))
        if not seats:
            refusal: Reply[R] = Reply()
            unknown = NobodyHandles(f"Nobody handles {type(question).__name__}.")
            refusal.refuse(unknown if seats is None else ShuttingDown())
            return refusal
        ref = seats[0] if len(seats) == 1 else min(seats, key=load)
        meters = self.meters
        reply: Reply[R]
        if self.tracer is not None:
            reply = self._ask_traced(self.tracer, ref, question)
        elif meters is not None and meters.is_on:
            timer = meters.timer(type(question))
            reply = ref.ask(question, block=False)  # type: ignore[assignment]
            reply.on_done(timer)
        else:
            reply = ref.ask(question, block=False)  # type: ignore[assignment]
        if not ref.is_alive():
            _answer_for_the_dead(ref)
        return reply

    def _ask_own_way(self, question: Question[R]) -> Reply[R]:
        meters = self.meters
        if meters is None or not meters.is_on:
            return self._here.way(question)
        timer = meters.timer(type(question))
        reply = self._here.way(question)
        reply.on_done(timer)
        return reply

    def _ask_traced(self, tracer: Tracer, ref: Ref, question: Question[R]) -> Reply[R]:
        kind = type(question)
        with tracer.asking(kind.__name__) as end:
            reply: Reply[R] = ref.ask(question, block=False)  # type: ignore[assignment]
        reply.on_done(end)
        if self.meters is not None and self.meters.is_on:
            reply.on_done(self.meters.timer(kind))
        reply.carry = tracer.carried
        return reply

    def call(self, question: Question[R]) -> Reply[R]:
        """``ask_soon`` for somebody who is no actor: it counts as a visit."""
        self._visits += 1
        return self.ask_soon(question)

    async def ask_async(self, question: Question[R], *, timeout: float | None = None) -> R:
        """Ask, and await the answer without blocking the running event loop.

        Raises:
            NoReplyInTime: no answer came in ``timeout`` seconds.
            RepertoryError: whatever the answer is.
        """
        return await self.arrival(self.call(question), timeout=timeout)

    async def arrival(self, reply: Reply[R], *, timeout: float | None = None) -> R:
        """Await an answer without blocking the running event loop.

        Raises:
            NoReplyInTime: it does not come in ``timeout`` seconds.
            RepertoryError: whatever the answer is.
        """
        if not reply.done:
            loop = asyncio.get_running_loop()
            waker = self._waker(loop)
            arrived: asyncio.Future[None] = loop.create_future()

            def arrive() -> None:
                if not arrived.done():
                    arrived.set_result(None)

            reply.on_done(lambda _: waker.wake(arrive))
            try:
                async with asyncio.timeout(timeout or self.patience):
                    await arrived
            except TimeoutError:
                raise NoReplyInTime from None
        return reply.get()

    def on_arrival(self, reply: Reply[R], call: Callable[[Reply[R]], None]) -> None:
        """Call ``call`` in the running event loop with an answer, once it is there.

        If none comes in ``patience`` seconds, it is called with one that is ``NoReplyInTime``.
        """
        if reply.done:
            call(reply)
            return
        loop = asyncio.get_running_loop()
        waker = self._waker(loop)
        waits = True

        def arrive(found: Reply[R]) -> None:
            nonlocal waits
            if waits:
                waits = False
                if timer is not None:
                    timer.cancel()
                call(found)

        timer = None
        if self.patience is not None:
            late: Reply[R] = Reply()
            late.refuse(NoReplyInTime())
            timer = loop.call_later(self.patience, arrive, late)
        reply.on_done(lambda it: waker.wake(lambda: arrive(it)))

    def _waker(self, loop: asyncio.AbstractEventLoop) -> Waker:
        waker = self._wakers.get(loop)
        if waker is None:
            waker = self._wakers[loop] = Waker(loop)
        return waker

    def publish(self, event: Event) -> None:
        """Tell an event to all who listen."""
        for listener in self._listeners.get(type(event), ()):
            try:
                listener(event)
            except Exception:
                # The publisher did its part, and still has somebody to answer.
                log.exception("listener_failed", event_type=type(event).__name__)

    def tell(self, ref: Ref, message: Message) -> None:
        """Tell an actor something, unless it is gone."""
        try:
            ref.tell(message)
        except pykka.ActorDeadError:
            log.debug("message_dropped", message_type=type(message).__name__)

    def report_death(self, actor: str, error: BaseException | None) -> None:
        """Say that an actor ended by an error; the service acts on it."""
        self.dead = actor
        self.publish(ActorDied(actor=actor, reason=type(error).__name__))

    def is_handled(self, kind: type[Message]) -> bool:
        """Whether somebody handles a type of message."""
        return bool(self._seats.get(kind))

    def kinds(self) -> Iterable[type[Message]]:
        """The types of message that somebody handles."""
        return tuple(self._seats)

    def ranks(self) -> dict[type[Question[Any]], int]:
        """The types of question that somebody handles, with the rank of those who do."""
        with self._lock:
            return {kind: self._ranks[kind] for kind in self._seats if issubclass(kind, Question)}

    def loads(self) -> dict[str, int]:
        """How many messages wait in each actor's mailbox, by the actor's class."""
        loads: dict[str, int] = {}
        for ref in self._refs():
            name = ref.actor_class.__name__
            loads[name] = loads.get(name, 0) + load(ref)
        return loads

    async def mail(self, *, patience: float) -> dict[str, Mail]:
        """What waits in the mailboxes, by the actor's class, and for how long a message waits now.

        That is found out by sending one, which no handler sees; ``patience`` is how many seconds
        to wait for it. Where it is not through by then, its age is told, the next time too.
        """
        return await self._probes.look(self._refs(), patience)

    def _refs(self) -> set[Ref]:
        with self._lock:
            return {_actor_of(ref) for seats in self._seats.values() for ref in seats}


def _actor_of(seat: Ref) -> Ref:
    """The actor that has a seat, whoever plays it there."""
    actor: Ref = getattr(seat, "stands_for", seat)
    return actor


def _answer_for_the_dead(ref: Ref) -> None:
    """Answer mail that arrived after an actor emptied its mailbox for the last time."""
    inbox: Inbox = ref.actor_inbox  # type: ignore[assignment]
    taken = False
    while True:
        try:
            envelope = inbox.get_nowait()
        except queue.Empty:
            break
        taken = True
        if envelope.reply_to is not None:
            envelope.reply_to.set_exception((ShuttingDown, ShuttingDown(), None))
    if taken:
        # The actor's own thread may have seen the mail that was taken, and wait for it.
        inbox.put(SimpleNamespace(message=None, reply_to=None))
