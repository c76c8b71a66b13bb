"""Connecting to a server: how often, and how long to wait between."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import structlog

from repertory.errors import CannotStart
from repertory.storage.index.server.session import Session, SessionFailed, Trouble

log = structlog.get_logger(__name__)

RESPITE = 1.0
"""Seconds after the last attempt in which nobody tries to connect."""

_FINAL = {
    Trouble.LOGIN: "it refuses the user name or the password",
    Trouble.NO_DATABASE: "there is no such database, or the user may not use it",
}
"""What will be no better in a moment."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often to try to connect before giving up, and seconds between; ``pause`` waits them."""

    tries: int = 10
    interval: float = 5.0
    pause: Callable[[float], None] = time.sleep


class Connector:
    """Makes sessions with one server. ``section`` is its name in the configuration."""

    def __init__(
        self, section: str, open_session: Callable[[], Session], patience: Patience
    ) -> None:
        self.section = section
        self.patience = patience
        self._open = open_session
        self._given_up_at = -math.inf

    def at_start(self) -> Session:
        """A session for an archive that starts.

        Raises:
            CannotStart: there is none to be had.
        """
        for count in range(self.patience.tries, -1, -1):
            try:
                return self._open()
            except SessionFailed as error:
                if error.trouble in _FINAL:
                    raise self.cannot(_FINAL[error.trouble]) from error
                if not count:
                    raise self.cannot("it cannot be reached") from error
                log.warning("index_connection_failed", reason=error.trouble.value)
            self.patience.pause(self.patience.interval)
        raise AssertionError

    def again(self) -> Session:
        """A session in the place of one that was lost: a server restarts within seconds.

        Who asks right after it was given up for another is refused at once: if each waited for
        itself, the last of many would wait for minutes.

        Raises:
            SessionFailed: there is none to be had.
        """
        for pause in self._pauses():
            try:
                session = self._open()
            except SessionFailed as error:
                if pause is None:
                    self._given_up_at = time.monotonic()
                    raise
                log.info("index_connection_failed", reason=error.trouble.value)
            else:
                self._given_up_at = -math.inf
                return session
            self.patience.pause(pause)
        raise SessionFailed(Trouble.LOST)

    def _pauses(self) -> Iterator[float | None]:
        """Seconds to wait after each attempt, ``None`` after the last; no attempt: nothing."""
        if time.monotonic() - self._given_up_at < RESPITE:
            return
        yield from (min(0.1 * 2**count, self.patience.interval) for count in range(5))
        yield None

    def cannot(self, why: str) -> CannotStart:
        """What is said to whoever starts an archive."""
        return CannotStart(
            f"The index in the database server cannot be used: {why}. See the section"
            f" {self.section} of the configuration."
        )
