"""What a tracer does for the actors: a request is followed through all of them.

Who asks is in the midst of something: its context goes with the message, and what the handler does,
and asks in turn, belongs to it. There is no tracer unless somebody wants one.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

R = TypeVar("R")


class RequestTrace(Protocol):
    """A request that is followed."""

    def name(self, method: str, path: str) -> None:
        """Its route is known: ``path`` is the pattern of its path."""

    def end(self, status: int) -> None:
        """It was answered with a HTTP status."""


class Tracer(Protocol):
    """Notes what happens, and what belongs to what. Its methods may be called from any thread."""

    def context(self) -> Any:
        """What the calling thread, or task, is in the midst of."""

    def asking(self, message: str) -> AbstractContextManager[Callable[[Any], None]]:
        """A question is put to an actor within it; it is answered when what it gives is called.

        That is called with the reply.
        """

    def handling(self, actor: str, message: str, context: Any) -> AbstractContextManager[None]:
        """An actor handles a message that was sent in a context."""

    def request(
        self, method: str, headers: Mapping[str, str]
    ) -> AbstractContextManager[RequestTrace]:
        """A request is being answered; its headers may say what it belongs to."""

    def carried(self, work: Callable[..., R]) -> Callable[..., R]:
        """``work``, to be done by another thread, or later, as if it were done here."""
