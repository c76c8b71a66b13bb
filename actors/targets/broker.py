"""What all brokers of messages have in common: a connection that lives in a loop of its own."""

import asyncio
import concurrent.futures
import contextlib
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from repertory.actors.clock import Clock
from repertory.actors.targets.base import Outcome, Rules, Verdict
from repertory.actors.targets.writing import event_body
from repertory.errors import CannotStart
from repertory.events import ArchiveEvent

_LAST_WORDS = 1.0
"""Seconds that a connection gets to end in good order when the archive stops."""

_STOPPING = Outcome(0, Verdict.UNREACHABLE, "The archive is stopping.")


class NeverTaken(Exception):
    """The broker can never take this event; the message says why."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where a broker is, and as whom one comes: addresses, names, and what proves them."""

    urls: tuple[str, ...]
    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    def __repr__(self) -> str:
        return f"Access({self.urls})"


def tls_context(
    option: str, *, ca_certificates: str, certificate: str, private_key: str
) -> ssl.SSLContext:
    """How to speak TLS to a broker; certificates are verified.

    Raises:
        CannotStart: a file cannot be read; ``option`` names the section.
    """
    try:
        context = ssl.create_default_context(cafile=ca_certificates or None)
    except (OSError, ssl.SSLError) as error:
        raise CannotStart(f"{option}.CACertificates cannot be read.") from error
    if certificate:
        try:
            # A password would be asked for at the terminal, for ever.
            context.load_cert_chain(certificate, private_key or None, password=lambda: "")
        except (OSError, ssl.SSLError, ValueError) as error:
            raise CannotStart(f"{option}.Certificate or PrivateKey cannot be read.") from error
    return context


class BrokerTarget(ABC):
    """Publishes each event as a message, and waits until the broker confirms it.

    One after the other, so that the order holds whatever fails. The connection is made with the
    first event, and lives in the loop of a thread of its own, which answers its heartbeats.
    """

    kind = "Broker"

    def __init__(
        self,
        name: str,
        access: Access,
        *,
        clock: Clock,
        rules: Rules | None = None,
        prefix: str = "repertory",
        timeout: float = 10.0,
    ) -> None:
        """Take what the target is.

        Args:
            name: its name.
            access: where the broker is.
            clock: limits the time that an event may take.
            rules: what it is told of.
            prefix: how routing keys, or subjects, begin.
            timeout: seconds to connect and to have an event confirmed.
        """
        self.name = name
        self.access = access
        self.address = ", ".join(
            f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, access.urls)
        )
        self.rules = rules or Rules()
        self._clock = clock
        self._prefix = prefix
        self._timeout = timeout
        self._archive = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._aborted = False
        self._is_connected = False
        self._under_way: asyncio.Task[Outcome] | None = None
        self._over: asyncio.Event | None = None

    # What a kind of broker does; in the loop

    @abstractmethod
    async def connect(self) -> None:
        """Connect, and see that there is somewhere to publish to; any exception is a failure."""

    @abstractmethod
    async def publish(self, key: str, body: bytes, id_: str, event: ArchiveEvent) -> None:
        """Publish a message, and return once the broker has it in safe hands.

        Args:
            key: the routing key, or subject.
            body: the event as JSON.
            id_: the message's own name, the same when it comes again.
            event: the event.

        Raises:
            NeverTaken: it need not be tried again.
            Exception: it could not be published now.
        """

    @abstractmethod
    async def disconnect(self) -> None:
        """Close what ``connect`` opened, also where it failed midway; raises nothing of note."""

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """A sentence about an error of the broker's library, without secrets; "" for none."""

    # What the courier asks for

    def open(self, archive: str) -> None:
        """Remember what the archive is called."""
        self._archive = archive

    def deliver(self, events: Sequence[ArchiveEvent]) -> Outcome:
        """Publish events one after the other, up to the first that is not confirmed."""
        with self._lock:
            if self._aborted:
                return _STOPPING
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=self._run, args=(self._loop,), name=f"broker-{self.name}", daemon=True
                ).start()
            future = asyncio.run_coroutine_threadsafe(self._begin(events), self._loop)
        try:
            return future.result()
        except (asyncio.CancelledError, concurrent.futures.CancelledError):
            return _STOPPING

    def abort(self) -> None:
        """Give up what is under way, and close the connection."""
        with self._lock:
            first, self._aborted = not self._aborted, True
            if first and self._loop is not None:
                # The loop ends by this alone, so it is still there.
                self._loop.call_soon_threadsafe(self._end)

    def key(self, event: ArchiveEvent) -> str:
        """The routing key, or subject, of an event."""
        return f"{self._prefix}.{event.level.word}.{event.type.word}.{event.id}"

    # In the loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(self._live())
        finally:
            loop.close()

    async def _live(self) -> None:
        self._over = asyncio.Event()
        if not self._aborted:
            await self._over.wait()
        mine = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is self._under_way]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._close()
        rest = [task for task in asyncio.all_tasks() if task is not mine]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _end(self) -> None:
        if self._over is not None:
            self._over.set()

    async def _begin(self, events: Sequence[ArchiveEvent]) -> Outcome:
        self._under_way = asyncio.ensure_future(self._publish_all(events))
        try:
            return await self._under_way
        finally:
            self._under_way = None

    async def _publish_all(self, events: Sequence[ArchiveEvent]) -> Outcome:
        for delivered, event in enumerate(events):
            try:
                await self._in_time(event)
            except NeverTaken as error:
                return Outcome(delivered, Verdict.REFUSED, str(error))
            except Exception as error:  # noqa: BLE001 - of the libraries, which have many
                await self._close()
                return Outcome(delivered, Verdict.UNREACHABLE, self._why(error))
        return Outcome(len(events))

    async def _in_time(self, event: ArchiveEvent) -> None:
        """Publish one event.

        Raises:
            TimeoutError: it was not confirmed in time.
        """
        loop = asyncio.get_running_loop()
        work = asyncio.ensure_future(self._publish(event))
        is_late = False

        def expire() -> None:
            nonlocal is_late
            is_late = not work.done()
            work.cancel()

        def ring() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: all is over
                loop.call_soon_threadsafe(expire)

        alarm = self._clock.call_after(self._timeout, ring)
        try:
            await work
        except asyncio.CancelledError:
            if is_late:
                raise TimeoutError from None
            work.cancel()
            raise
        finally:
            alarm.cancel()

    async def _publish(self, event: ArchiveEvent) -> None:
        if not self._is_connected:
            await self.connect()
            self._is_connected = True
        body = event_body(self._archive, event, main_tags=self.rules.main_tags)
        # The date, for an index that was put back from a backup gives numbers anew.
        id_ = f"{self._archive}-{event.number}-{event.date}"
        await self.publish(self.key(event), body, id_, event)

    async def _close(self) -> None:
        self._is_connected = False
        with contextlib.suppress(Exception):  # of the libraries: it is closed whatever they say
            async with asyncio.timeout(_LAST_WORDS):
                await self.disconnect()

    def _why(self, error: Exception) -> str:
        causes = (error, error.__cause__, error.__context__)
        for cause in causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return f"Its certificate is not to be trusted: {cause.verify_message}."
        if explained := self.explain(error):
            return explained
        if isinstance(error, TimeoutError):
            return f"It did not confirm in {self._timeout:g} seconds."
        if any(isinstance(cause, socket.gaierror) for cause in causes):
            return "Its name cannot be resolved."
        return f"It cannot be reached ({type(error).__name__})."
