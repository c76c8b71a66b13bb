"""From a request to the actors: what the application holds, and asking."""

import inspect
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from aiohttp import web

from repertory.actors.messages.base import Question
from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings

R = TypeVar("R")


class Control(Protocol):
    """What the service does for the front-end. Every method returns at once.

    Where the service is in another process, what it answers about the log is to be awaited.

    Log categories are Orthanc's: ``generic``, ``plugins``, ``http``, ``sqlite``, ``dicom``,
    ``jobs``, ``lua``, and "" for all of them; levels are ``default``, ``verbose``, ``trace``.
    """

    def shutdown(self) -> None:
        """Stop the archive, once what was asked before is answered."""

    def reset(self) -> None:
        """Stop it likewise, and start it anew from its configuration."""

    def log_level(self, category: str) -> str | Awaitable[str]:
        """How much a category logs."""

    def set_log_level(self, category: str, level: str) -> Awaitable[None] | None:
        """Let a category log more or less."""


BOARD = web.AppKey("board", Switchboard)
SETTINGS = web.AppKey("settings", Settings)
CONTROL: web.AppKey[Control | None] = web.AppKey("control")


async def ask(request: web.Request, question: Question[R]) -> R:
    """Ask the actors, without blocking the event loop.

    Raises:
        RepertoryError: whatever the answer is.
    """
    return await request.app[BOARD].ask_async(question)


async def settled(value: R | Awaitable[R]) -> R:
    """What a ``Control`` answered, now or later."""
    if inspect.isawaitable(value):
        return await value
    return value
