"""What every actor of the archive has in common."""

import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pykka
import structlog

from repertory.actors.clock import Appointment
from repertory.actors.messages.base import Event, Message
from repertory.actors.messages.system import CallIn
from repertory.actors.reply import Reply
from repertory.errors import Failed

if TYPE_CHECKING:
    from repertory.actors.switchboard import Switchboard
    from repertory.actors.tracing import Tracer

log = structlog.get_logger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_here = threading.local()


def current_rank() -> int | None:
    """The rank of the actor whose thread this is; ``None`` in any other thread."""
    return getattr(_here, "rank", None)


def handles(message_type: type[Message], *, anywhere: bool = False) -> Callable[[F], F]:
    """Mark the method that answers messages of ``message_type``.

    ``anywhere``: it touches nothing that the actor's thread owns, hands work to a crew at most, and
    waits for nobody: any thread may play it (``actors/inline.py``).
    """

    def mark(method: F) -> F:
        method.__handles__ = message_type  # type: ignore[attr-defined]
        method.__anywhere__ = anywhere  # type: ignore[attr-defined]
        return method

    return mark


class Inbox(queue.SimpleQueue[Any]):
    """An actor's mail: a queue in C, much quicker than ``queue.Queue``.

    ``busy`` tells the switchboard whether the actor is handling something just now, ``handled``
    how much it has handled so far.
    """

    busy = False
    handled = 0
    context: Any = None
    """What whoever sent what is handled now was in the midst of; only where there is a tracer."""


class TracedInbox(Inbox):
    """A mailbox whose mail keeps the context that it was sent in."""

    def __init__(self, tracer: "Tracer") -> None:
        super().__init__()
        self._tracer = tracer

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Put mail, with the context."""
        super().put((self._tracer.context(), item), block, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Take the next mail, and note its context."""
        self.context, item = super().get(block, timeout)
        return item

    def get_nowait(self) -> Any:
        """Take the next mail, if there is any."""
        return super().get_nowait()[1]


class RepertoryActor(pykka.ThreadingActor):
    """An actor of the archive: one thread, one mailbox, one method for each type of message.

    A handler returns the answer, or a ``Reply`` that will be it. What it raises reaches whoever
    asked, and the actor lives; a handler of an event that raises is logged, and the actor lives.

    ``rank`` orders the cast: actors start in ascending order, stop in descending order, and may
    wait only for lower ranks (``docs/explanation/actors.md``).
    """

    use_daemon_thread = True  # an embedding program that forgets to stop us can still end

    rank: ClassVar[int]
    handlers: ClassVar[dict[type[Message], str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.handlers = dict(cls.handlers)
        for name in dir(cls):
            message_type = getattr(getattr(cls, name, None), "__handles__", None)
            if message_type is not None:
                cls.handlers[message_type] = name

    def __init__(self, *, board: "Switchboard") -> None:
        self._tracer = board.tracer
        super().__init__()
        self.board = board
        self.clock = board.clock
        self._refusal: Exception | None = None
        self._table = {kind: getattr(self, name) for kind, name in self.handlers.items()}

    def _create_actor_inbox(self) -> Inbox:  # type: ignore[override]  # pykka calls it on `self`
        return Inbox() if self._tracer is None else TracedInbox(self._tracer)

    @staticmethod
    def _create_future() -> Reply[Any]:
        return Reply()

    def open(self) -> None:
        """Open what the actor's own thread owns, before the first message."""

    def close(self) -> None:
        """Close it again, after the last message."""

    def tell_self(self, message: Message, *, after: float = 0.0) -> Appointment | None:
        """Send a message to this very actor, ``after`` seconds from now."""
        if after <= 0:
            self.actor_ref.tell(message)
            return None
        return self.clock.call_after(after, lambda: self.board.tell(self.actor_ref, message))

    def on_start(self) -> None:
        """Called by pykka in the actor's thread; see ``open``."""
        _here.rank = self.rank
        structlog.contextvars.bind_contextvars(actor=type(self).__name__)
        try:
            self.open()
        except Exception as error:  # noqa: BLE001 - told to whoever waits for the start
            self._refusal = error

    def on_stop(self) -> None:
        """Called by pykka in the actor's thread; see ``close``."""
        if self._refusal is None:
            self.close()

    def on_failure(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        """Called by pykka when the thread ends by an error."""
        self.board.report_death(type(self).__name__, error)

    def on_receive(self, message: Any) -> Any:
        """Hand a message to its handler."""
        kind = type(message)
        if self._refusal is not None:
            raise self._refusal
        if kind is CallIn:
            return None
        inbox: Inbox = self.actor_inbox  # type: ignore[assignment]
        inbox.busy = True
        try:
            if self._tracer is not None:
                name = type(self).__name__
                with self._tracer.handling(name, kind.__name__, inbox.context):
                    return self._table[kind](message)
            return self._table[kind](message)
        except Exception:
            # Nobody waits for an event: raised further, its failure would end the actor.
            if not isinstance(message, Event):
                raise
            log.exception("event_failed", event_type=kind.__name__)
        except BaseException as error:
            # SystemExit in a handler would make pykka stop every actor of the process.
            raise Failed("The request was interrupted.") from error
        finally:
            inbox.handled += 1
            inbox.busy = False
        return None
