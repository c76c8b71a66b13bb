"""Long work in steps, each by a message of its own: its turns, and its retries."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

from repertory.actors.clock import Appointment
from repertory.actors.messages.base import Event, Message
from repertory.errors import LeaseLost, RepertoryError, ShuttingDown

FIRST_RETRY, LAST_RETRY = 1.0, 300.0
"""Seconds after which a step that failed is tried again; they double each time."""


class Stepping(ABC):
    """A part of actors that tell themselves the next step of their work.

    Of several steps that were told only the last counts: it has the number ``_turn``.
    """

    _turn = 0
    _alarm: Appointment | None = None
    _problem = ""
    _retry = FIRST_RETRY

    if TYPE_CHECKING:

        def tell_self(self, message: Message, *, after: float = 0.0) -> Appointment | None:
            """Send a message to this very actor; see ``RepertoryActor``."""

    @abstractmethod
    def _step_due(self, turn: int, *, rested: bool) -> Event:
        """The message that takes a step."""

    @abstractmethod
    def _note_postponed(self, error: RepertoryError) -> None:
        """Log that a step failed, and is tried again."""

    def _go_on(self, after: float = 0.0, *, rested: bool = False) -> None:
        """Take the next step, and not the one that was told before."""
        self._cancel_step()
        self._turn += 1
        self._alarm = self.tell_self(self._step_due(self._turn, rested=rested), after=after)

    def _cancel_step(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()

    def _guarded(self, work: Callable[[], None]) -> None:
        """Do ``work``; if it fails, nothing was recorded, and it is tried again."""
        try:
            work()
        except (ShuttingDown, LeaseLost):
            return  # another run goes on, or another node
        except RepertoryError as error:
            self._note_postponed(error)
            self._postpone(str(error))
        except Exception:
            self._postpone("It failed by a defect; see the log.")
            raise

    def _postpone(self, problem: str) -> None:
        self._problem = problem
        self._go_on(after=self._retry)
        self._retry = min(self._retry * 2, LAST_RETRY)

    def _recover(self) -> None:
        self._problem, self._retry = "", FIRST_RETRY
