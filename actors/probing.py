"""How long a message waits in a mailbox: found out by sending one, so that no other pays for it."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from time import perf_counter
from typing import Any

import pykka

from repertory.actors.base import Inbox
from repertory.actors.messages.system import CallIn
from repertory.actors.reply import Reply
from repertory.meters import Mail

Ref = pykka.ActorRef[Any]


class _Probe:
    """One message under way through a mailbox."""

    def __init__(self, ref: Ref) -> None:
        self.began = perf_counter()
        self.ended: float | None = None
        self.reply: Reply[None] = ref.ask(CallIn(), block=False)  # type: ignore[assignment]
        self.reply.on_done(self._end)

    def _end(self, _: Reply[None]) -> None:
        self.ended = perf_counter()

    @property
    def age(self) -> float:
        """Seconds that it took, or that it takes so far."""
        return (perf_counter() if self.ended is None else self.ended) - self.began

    async def arrival(self) -> None:
        """Wait until it is through."""
        loop = asyncio.get_running_loop()
        arrived = loop.create_future()

        def note() -> None:
            if not arrived.done():
                arrived.set_result(None)

        def wake(_: Reply[None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(note)

        self.reply.on_done(wake)
        await arrived


class Probes:
    """Those under way, one for each actor at most."""

    def __init__(self) -> None:
        self._probes: dict[Ref, _Probe] = {}

    async def look(self, refs: Collection[Ref], patience: float) -> dict[str, Mail]:
        """What waits in the mailboxes of actors, by their class: the sum, and the oldest."""
        there = [ref for ref in refs if ref.is_alive()]
        probes = {ref: self._probes.get(ref) or _Probe(ref) for ref in there}
        arrivals = [asyncio.create_task(probe.arrival()) for probe in probes.values()]
        if arrivals:
            _, late = await asyncio.wait(arrivals, timeout=patience)
            for arrival in late:
                arrival.cancel()
        mail: dict[str, Mail] = {}
        for ref, probe in probes.items():
            name = ref.actor_class.__name__
            depth, age = mail.get(name, (0, 0.0))
            mail[name] = Mail(depth + load(ref), max(age, probe.age))
        # What is not through yet goes on: the next one who looks learns how long it has waited.
        self._probes = {ref: probe for ref, probe in probes.items() if probe.ended is None}
        return mail


def load(ref: Ref) -> int:
    """How many messages wait in an actor's mailbox, with the one that it handles."""
    inbox: Inbox = ref.actor_inbox  # type: ignore[assignment]
    return inbox.qsize() + inbox.busy
