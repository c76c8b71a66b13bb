"""Calls a function of a program or script for each event that it wants, in a thread of its own."""

import asyncio
import inspect
import traceback
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.base import Event, message
from repertory.actors.messages.changes import ChangesLogged
from repertory.actors.messages.following import HoldLog, LetGoOfLog, ListEvents
from repertory.actors.messages.nodes import DescribeNodes, NodesLooked
from repertory.actors.switchboard import Switchboard
from repertory.errors import RepertoryError
from repertory.events import ArchiveEvent
from repertory.model import ChangeType
from repertory.nodes import CALLBACKS

log = structlog.get_logger(__name__)

PAGE = 50
_RETRY = 1.0
LAST_WORDS = 2.0
"""Seconds that may be spent, when the archive stops, on what a callback was not told of yet."""

Callback = Callable[[Any], object]


@message
class NewsCame(Event):
    """There may be something new; the subscriber tells it to itself."""


@message
class CallDue(Event):
    """The next event may be told; the subscriber tells it to itself."""


@message
class Announced(Event):
    """The callback is to be called with a word, for what is no event of a resource."""

    word: str


class SubscriberActor(RepertoryActor):
    """Tells one callback of the events that it wants, in order, each once.

    It reads the log of changes at the callback's own pace, a page at a time: a slow callback keeps
    nobody waiting, and what it was not told of yet lies in the index and not in memory. The log is
    held, so that a resource that is deleted meanwhile takes nothing away. A callback that raises is
    logged, and called again for the next event. A coroutine is run to its end, in an event loop of
    this thread.
    """

    rank = 7

    def __init__(
        self,
        *,
        board: Switchboard,
        name: str,
        callback: Callback,
        types: frozenset[ChangeType],
        position: int,
        main_tags: bool = False,
        context: Context | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
        shared: bool = False,
    ) -> None:
        """Take what the actor works with.

        Args:
        board: the switchboard.
        name: names the callback in the log, and its hold of the log of changes.
        callback: what is called; what it returns is awaited if it can be.
        types: the types of change that it wants to be told of.
        position: the number after which it begins; the log is held there already.
        main_tags: whether events tell the main DICOM tags.
        context: the context that it is called in; ``None``: an empty one.
        is_cancelled: whether it is not to be called any more.
        shared: whether other nodes have the same callback: one at a time calls it.
        """
        super().__init__(board=board)
        self._name = name
        self._callback = callback
        self._types = types
        self._position = position
        self._main_tags = main_tags
        self._context = context or Context()
        self._is_cancelled = is_cancelled
        self._shared = shared
        self._is_on = not shared
        self._looked = partial(board.tell, self.actor_ref)
        self._events: deque[ArchiveEvent] = deque()
        self._last = position
        self._done = True
        self._woken = False
        self._working = False
        self._runner: asyncio.Runner | None = None

    def open(self) -> None:
        """Look what there is since the position."""
        self.board.listen(ChangesLogged, self._wake)
        if self._shared:
            state = self.board.ask(DescribeNodes())
            self._is_on = state.duties.get(CALLBACKS) == state.name
            self.board.listen(NodesLooked, self._looked)
        self._work()

    def close(self) -> None:
        """Tell what is left, if it does not take long."""
        self.board.unlisten(ChangesLogged, self._wake)
        if self._shared:
            self.board.unlisten(NodesLooked, self._looked)
        self._drain()
        if self._runner is not None:
            self._runner.close()
        if not self._shared:  # or it is the last word on how far it was
            self.board.ask_soon(LetGoOfLog(reader=self._name))

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Tell, from where another node was; or keep up with the one that tells."""
        was_on, self._is_on = self._is_on, CALLBACKS in event.duties
        if self._is_on:
            if not was_on:
                self._done = False
                self._work()
        elif event.told is not None and (was_on or event.told != self._position):
            self._events.clear()
            self._position = self._last = event.told
            self.board.ask_soon(HoldLog(reader=self._name, position=event.told))

    @handles(NewsCame)
    def news_came(self, _event: NewsCame) -> None:
        """Look what there is, unless that is being told already."""
        self._woken = False
        self._done = False
        self._work()

    @handles(CallDue)
    def call_due(self, _event: CallDue) -> None:
        """Tell one event, or read the next page."""
        self._working = False
        if self._is_cancelled() or not self._is_on:
            return
        if self._events:
            self._tell_next()
        else:
            try:
                self._read()
            except RepertoryError as error:
                # Nothing is lost: the log is in the index.
                log.warning("events_unread", callback=self._name, error=type(error).__name__)
                self._work(after=_RETRY)
                return
        if self._events or not self._done:
            self._work()

    @handles(Announced)
    def announced(self, event: Announced) -> None:
        """Call the callback with the word, after the events that came before it."""
        self._drain()
        if not self._is_cancelled():
            self._call(event.word, event_type=event.word, number=None)

    def _drain(self) -> None:
        """Tell what there is, if it does not take long."""
        deadline = self.clock.monotonic() + LAST_WORDS
        try:
            while self._is_on and not self._is_cancelled() and self.clock.monotonic() < deadline:
                if not self._events:
                    self._read()
                if not self._events:
                    break
                self._tell_next()
        except RepertoryError as error:
            log.warning("events_unread", callback=self._name, error=type(error).__name__)

    def _read(self) -> None:
        page = self.board.ask(
            ListEvents(since=self._last, limit=PAGE, types=self._types, main_tags=self._main_tags)
        )
        self._events.extend(page.events)
        self._last, self._done = page.last, page.done
        self._advance()

    def _tell_next(self) -> None:
        event = self._events.popleft()
        self._call(event, event_type=event.type.word, number=event.number)
        self._advance()

    def _call(self, told: object, *, event_type: str, number: int | None) -> None:
        try:
            outcome = self._context.run(self._callback, told)
            if inspect.isawaitable(outcome):
                self._runner = self._runner or asyncio.Runner()
                self._runner.run(_await(outcome), context=self._context)
        except BaseException as error:  # noqa: BLE001 - SystemExit, too, is the callback's affair
            # Its words may tell of patients: only what was raised, and where.
            log.error(  # noqa: TRY400 - see above
                "callback_failed",
                callback=self._name,
                event_type=event_type,
                number=number,
                error=type(error).__name__,
                at=_place(error),
            )

    def _advance(self) -> None:
        """Let go of what was told: the log need not be held for it."""
        if not self._events and self._position != self._last:
            self._position = self._last
            self.board.ask_soon(HoldLog(reader=self._name, position=self._position))

    def _wake(self, _event: ChangesLogged) -> None:
        # In the index's thread. One message at most, however often it rings: a callback that
        # takes hours finds one in its mailbox.
        if not self._woken:
            self._woken = True
            self.board.tell(self.actor_ref, NewsCame())

    def _work(self, after: float = 0.0) -> None:
        if not self._working:
            self._working = True
            self.tell_self(CallDue(), after=after)


async def _await(outcome: Awaitable[object]) -> None:
    await outcome


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
