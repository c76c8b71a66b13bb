"""Replies: pykka futures that wake whoever waits, and can be forwarded."""

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import pykka
import structlog

from repertory.errors import NoReplyInTime, ShuttingDown

log = structlog.get_logger(__name__)

R = TypeVar("R")
S = TypeVar("S")

OptExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


Carry = Callable[[Callable[..., Any]], Callable[..., Any]]


class ActorGone(ShuttingDown, pykka.ActorDeadError):
    """The archive is stopping: nothing was done."""


class Reply(pykka.Future[R]):
    """The answer to a question, now or later.

    An actor that returns a ``Reply`` from a handler forwards it: whoever asked gets that reply's
    outcome, and the actor is free at once. ``set`` and ``set_exception`` never raise, for an
    error in them would silently end the actor's thread; of several outcomes the first holds.
    """

    carry: Carry | None = None
    """Makes what is called later belong to what the asker is in the midst of (``Tracer``)."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._done = False
        self._value: R | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Reply[R]], None]] = []

    @property
    def done(self) -> bool:
        """Whether the outcome is there."""
        return self._done

    @property
    def error(self) -> BaseException | None:
        """The error that is the outcome, if it is one."""
        return self._error

    def get(self, *, timeout: float | None = None) -> R:
        """Wait for the outcome, ``timeout`` seconds at most.

        Raises:
            NoReplyInTime: there is none yet.
        """
        if self._get_hook is not None:  # pykka's own, for `ActorRef.stop`
            return super().get(timeout=timeout)
        if not self._done:
            arrived = threading.Event()
            self.on_done(lambda _: arrived.set())
            if not arrived.wait(timeout):
                raise NoReplyInTime
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # R may be None itself

    def set(self, value: "R | Reply[R] | None" = None) -> None:
        """The outcome is ``value``; a ``Reply`` is forwarded."""
        if isinstance(value, Reply):
            value.on_done(self._adopt)
        else:
            self._finish(value, None)

    def set_exception(self, exc_info: OptExcInfo | None = None) -> None:
        """The outcome is an error: the one given, or the one being handled."""
        error = (exc_info or sys.exc_info())[1]
        if isinstance(error, pykka.ActorDeadError):
            error = ActorGone()
        self._finish(None, error or ActorGone())

    def refuse(self, error: BaseException) -> None:
        """The outcome is ``error``."""
        self._finish(None, error)

    def on_done(self, callback: "Callable[[Reply[R]], None]") -> None:
        """Call ``callback`` with this reply when it is done, or now if it is.

        The call comes from the thread that sets the outcome: be short, do not wait.
        """
        if self.carry is not None:
            callback = self.carry(callback)
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                return
        self._call(callback)

    def then(self, step: "Callable[[R], S | Reply[S]]") -> "Reply[S]":
        """A reply that will be what ``step`` makes of this one's value; an error passes through.

        ``step`` runs in the thread that sets the outcome: be short, do not wait.
        """
        following: Reply[S] = Reply()
        following.carry = self.carry
        if self._done and self._error is None and self.carry is None:
            try:
                following.set(step(self._value))  # type: ignore[arg-type]  # it is an R
            except Exception as error:  # noqa: BLE001 - as below
                following.refuse(error)
            return following

        def go_on(reply: "Reply[R]") -> None:
            if reply.error is not None:
                following.refuse(reply.error)
                return
            try:
                following.set(step(reply.get()))
            except Exception as error:  # noqa: BLE001 - whoever asked gets it, whatever it is
                following.refuse(error)

        self.on_done(go_on)
        return following

    def _adopt(self, other: "Reply[R]") -> None:
        self._finish(other._value, other._error)  # noqa: SLF001 - another of this class

    def _finish(self, value: R | None, error: BaseException | None) -> None:
        with self._lock:
            if self._done:
                return
            self._value, self._error = value, error
            self._done = True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._call(callback)

    def _call(self, callback: "Callable[[Reply[R]], None]") -> None:
        try:
            callback(self)
        except Exception:
            # Raised further, it would end the thread of the actor that answered.
            log.exception("reply_callback_failed")


def gather(replies: "list[Reply[Any]]") -> "Reply[tuple[Any, ...]]":
    """One reply for many: their values in order, or the first error among them."""
    whole: Reply[tuple[Any, ...]] = Reply()
    left = len(replies)
    lock = threading.Lock()
    if not replies:
        whole.set(())

    def one_done(_: Reply[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            if left:
                return
        for reply in replies:
            if reply.error is not None:
                whole.refuse(reply.error)
                return
        whole.set(tuple(reply.get() for reply in replies))

    for reply in replies:
        reply.on_done(one_done)
    return whole
