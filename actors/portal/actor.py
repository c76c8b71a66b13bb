"""The actor that stands in for all those of another process."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.base import RepertoryActor
from repertory.actors.inline import Inline
from repertory.actors.messages.base import Question
from repertory.actors.portal.line import Line
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard


class PortalActor(RepertoryActor):
    """Owns nothing: hands each question to the other process, whose answer it forwards.

    It is played by whoever asks (``Inline``): a line may be used by any thread, so nothing is
    gained by a mailbox before it.
    """

    rank = 0

    def __init__(self, *, board: Switchboard, line: Line) -> None:
        super().__init__(board=board)
        self._line = line

    def on_receive(self, message: Any) -> Reply[Any]:
        """Let the other process answer."""
        return self._line.ask(message)


def open_portal(board: Switchboard, line: Line, kinds: Mapping[type[Question[Any]], int]) -> Inline:
    """Let the other end of a line answer these types of questions, which have these ranks there.

    Where an actor of this process sits already, it keeps its seat.
    """
    portal = Inline(lambda: PortalActor(board=board, line=line), PortalActor)
    here = set(board.kinds())
    for kind, rank in kinds.items():
        if kind not in here:
            board.take_over(kind, portal, rank)
    return portal
