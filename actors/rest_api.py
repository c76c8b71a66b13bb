"""The archive's own REST API, for those within it who would rather speak HTTP."""

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Protocol

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.messages.rest_api import CallRestApi, RestAnswer
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard


class FrontEnd(Protocol):
    """Answers requests as the HTTP server does; ``repertory.http.inner`` for the service."""

    def call(self, request: CallRestApi) -> "Future[RestAnswer]":
        """Begin to answer a request; the caller does not wait."""

    def close(self) -> None:
        """Answer no more, and end what runs."""


class RestApiActor(RepertoryActor):
    """Owns the inner front-end of the REST API, which is there from the first call on.

    The actor never waits: a route may ask any actor, even one that waits for the route's answer.
    """

    rank = 6

    def __init__(self, *, board: Switchboard, make_front_end: Callable[[], FrontEnd]) -> None:
        super().__init__(board=board)
        self._make_front_end = make_front_end
        self._front_end: FrontEnd | None = None

    def close(self) -> None:
        """End the calls that are still being answered."""
        if self._front_end is not None:
            self._front_end.close()

    @handles(CallRestApi)
    def call_rest_api(self, command: CallRestApi) -> Reply[RestAnswer]:
        """Hand the request to the front-end, whose answer it will be."""
        if self._front_end is None:
            self._front_end = self._make_front_end()
        reply: Reply[RestAnswer] = Reply()
        self._front_end.call(command).add_done_callback(partial(_settle, reply))
        return reply


def _settle(reply: Reply[RestAnswer], answer: "Future[RestAnswer]") -> None:
    if answer.cancelled():
        reply.set_exception()  # the archive is stopping
        return
    error = answer.exception()
    if error is None:
        reply.set(answer.result())
    else:
        reply.refuse(error)
