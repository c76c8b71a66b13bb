"""Who hands associations of DICOM on to the front-ends."""

from collections.abc import Callable

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.inline import Inline
from repertory.actors.messages.dicom import ServeAssociation
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard

HandOn = Callable[[ServeAssociation], Reply[bool] | None]


class DoorkeeperActor(RepertoryActor):
    """Owns nothing: knows which front-end has the fewest associations.

    It is played by whoever asks (``Inline``): the thread of an association, which then waits.
    """

    rank = 8

    def __init__(self, *, board: Switchboard, hand_on: HandOn) -> None:
        super().__init__(board=board)
        self._hand_on = hand_on

    @handles(ServeAssociation)
    def serve_association(self, command: ServeAssociation) -> Reply[bool]:
        """Let a front-end serve it; false where there is none that can."""
        served = self._hand_on(command)
        if served is None:
            served = Reply()
            served.set(value=False)
        return served


def stand_at_the_door(board: Switchboard, hand_on: HandOn) -> None:
    """Hand associations on from now on."""
    doorkeeper = Inline(lambda: DoorkeeperActor(board=board, hand_on=hand_on), DoorkeeperActor)
    board.take_over(ServeAssociation, doorkeeper, DoorkeeperActor.rank)
