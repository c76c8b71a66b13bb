"""The callbacks of an archive: kept over its stops and starts, each told by an actor of its own."""

import itertools
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

import pykka

from repertory.actors.messages.following import HoldLog, LetGoOfLog
from repertory.actors.subscriber import Announced, Callback, SubscriberActor
from repertory.actors.switchboard import Ref, Switchboard
from repertory.errors import RepertoryError
from repertory.events import ArchiveEvent, types_of

C = TypeVar("C", bound=Callable[..., Any])

STOP_PATIENCE = 5.0
"""Seconds that a callback may take to return when the archive stops; then nobody waits for it."""

_BEGINNING = "the beginning"
"""Who holds the log while the archive starts."""


class Subscription:
    """One callback, and what it wants to be told."""

    def __init__(
        self,
        name: str,
        kinds: tuple[type[ArchiveEvent], ...],
        callback: Callback,
        *,
        main_tags: bool,
        words: bool,
        context: Context | None,
    ) -> None:
        self.name = name
        self.words = words
        self.callback = callback
        self.cancelled = False
        self._types = types_of(*kinds)
        self._main_tags = main_tags
        self._context = context
        self._position: int | None = None
        self._ref: Ref | None = None

    def hold(self, board: Switchboard, position: int | None = None) -> None:
        """Hold the log: what comes after ``position``, or from now on, will be told."""
        self._position = board.ask(HoldLog(reader=self.name, position=position))

    def start(self, board: Switchboard, *, shared: bool) -> None:
        """Begin to tell; where nodes share the archive, one of them does."""
        if self._position is None:
            self.hold(board)
        self._ref = SubscriberActor.start(
            board=board,
            name=self.name,
            callback=self.callback,
            types=self._types,
            position=self._position,
            main_tags=self._main_tags,
            context=self._context,
            is_cancelled=lambda: self.cancelled,
            shared=shared,
        )

    def announce(self, word: str) -> None:
        """Tell what is no event of a resource."""
        if self._ref is not None and self._ref.is_alive():
            self._ref.tell(Announced(word=word))

    def stop(self) -> pykka.Future[bool] | None:
        """Tell no more; done when the callback has returned."""
        ref, self._ref, self._position = self._ref, None, None
        return None if ref is None else ref.stop(block=False)


class Subscriptions:
    """All callbacks of an archive."""

    def __init__(self) -> None:
        self._all: list[Subscription] = []
        self._board: Switchboard | None = None
        self._shared = False
        self._beginning: tuple[Switchboard, int] | None = None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    def on(
        self,
        kinds: tuple[type[ArchiveEvent], ...],
        *,
        main_tags: bool = False,
        words: bool = False,
        context: Context | None = None,
        origin: str = "",
    ) -> Callable[[C], C]:
        """What registers a callback, and gives it back.

        Args:
        kinds: the classes of events.
        main_tags: whether the events tell the main DICOM tags.
        words: whether it is called with the words of ``announce``, too.
        context: what is copied for it to be called in.
        origin: where it comes from, for the log and for ``forget``.

        Raises:
            TypeError: one of ``kinds`` is no class of ``repertory.events``.
        """
        strange = [kind for kind in kinds if not _is_event(kind)]
        if strange or not kinds:
            named = ", ".join(getattr(kind, "__name__", repr(kind)) for kind in strange)
            raise TypeError(f"on() takes classes of repertory.events, not {named or 'nothing'}")

        def register(callback: C) -> C:
            if not callable(callback):
                raise TypeError(f"a callback is called: {callback!r} cannot be")
            name = getattr(callback, "__qualname__", type(callback).__name__)
            with self._lock:
                subscription = Subscription(
                    f"{origin or callback.__module__}.{name}#{next(self._numbers)}",
                    kinds,
                    callback,
                    main_tags=main_tags,
                    words=words,
                    context=None if context is None else context.copy(),
                )
                self._all.append(subscription)
                if self._beginning is not None:
                    subscription.hold(*self._beginning)
                if self._board is not None:
                    subscription.start(self._board, shared=self._shared)
            return callback

        return register

    def off(self, callback: Callback) -> bool:
        """Forget a callback, however often it is registered; whether it was."""
        with self._lock:
            leaving = [one for one in self._all if one.callback == callback]
            self._all = [one for one in self._all if one.callback != callback]
        for one in leaving:
            # It may be the callback itself that asks: nobody waits for its thread.
            one.cancelled = True
            one.stop()
        return bool(leaving)

    def forget(self, origin: str) -> None:
        """Forget all callbacks of an origin."""
        with self._lock:
            self._all = [one for one in self._all if not one.name.startswith(f"{origin}.")]

    def announce(self, origin: str, word: str) -> None:
        """Tell the callbacks of an origin what is no event of a resource."""
        with self._lock:
            told = [one for one in self._all if one.words and one.name.startswith(f"{origin}.")]
        for one in told:
            one.announce(word)

    def hold(self, board: Switchboard) -> None:
        """Hold the log, before the first event, for all that will be registered at the start."""
        with self._lock:
            self._beginning = board, board.ask(HoldLog(reader=_BEGINNING))
            for one in self._all:
                one.hold(*self._beginning)

    def start(self, board: Switchboard, *, shared: bool = False) -> None:
        """Tell all, and those that will be registered."""
        with self._lock:
            self._board, self._beginning, self._shared = board, None, shared
            for one in self._all:
                one.start(board, shared=shared)
        board.ask_soon(LetGoOfLog(reader=_BEGINNING))

    def stop(self) -> tuple[str, ...]:
        """Tell nobody any more; the names of callbacks that did not return in time."""
        with self._lock:
            self._board = self._beginning = None
            leaving = [(one.name, one.stop()) for one in self._all]
        deadline = time.monotonic() + STOP_PATIENCE
        return tuple(
            name
            for name, stopped in leaving
            if stopped is not None and not _came(stopped, deadline - time.monotonic())
        )


def _came(stopped: pykka.Future[bool], patience: float) -> bool:
    try:
        stopped.get(timeout=max(patience, 0.001))
    except RepertoryError:
        return False
    return True


def _is_event(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, ArchiveEvent)
