"""Jobs that ask others, who may not be there for a while."""

from collections.abc import Callable
from typing import TypeVar

from repertory.actors.jobs.base import Parameters, Turn
from repertory.actors.reply import Reply
from repertory.errors import BadParameter, NetworkFailed
from repertory.jobs import JobStep, Object

T = TypeVar("T")

FIRST_DELAY, LAST_DELAY = 10.0, 600.0
"""Seconds between two attempts: twice as many each time, up to ten minutes."""

MOST_RETRIES = 1000


class Retrying:
    """How often a step is tried again that another did not answer."""

    def __init__(self, parameters: Parameters) -> None:
        """Take the parameter ``Retries``.

        Raises:
            BadRequest: it is no number.
            BadParameter: it is out of range.
        """
        self.retries = parameters.get("Retries", 0)
        if not 0 <= self.retries <= MOST_RETRIES:
            raise BadParameter(f"The field Retries must be from 0 to {MOST_RETRIES}.")

    def step(
        self, turn: Turn, progress: float, asked: Reply[T], ends: Callable[[T, Object], JobStep]
    ) -> Reply[JobStep]:
        """What the step comes to: its end, or a rest before it is tried again.

        Args:
            turn: the turn.
            progress: how far the job had come before.
            asked: what was asked of another.
            ends: makes the step of the answer, and of the position before, without attempts.
        """
        outcome: Reply[JobStep] = Reply()
        before = {name: value for name, value in turn.position.items() if name != "Attempts"}

        def settle(reply: Reply[T]) -> None:
            attempts = int(turn.position.get("Attempts", 0)) + 1
            if isinstance(reply.error, NetworkFailed) and attempts <= self.retries:
                delay = min(FIRST_DELAY * 2.0 ** (attempts - 1), LAST_DELAY)
                position = {**before, "Attempts": attempts}
                outcome.set(turn.ends(position, progress=progress, pause=delay, rests=True))
            else:
                outcome.set(reply.then(lambda answer: ends(answer, before)))

        asked.on_done(settle)
        return outcome
