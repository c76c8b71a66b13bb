"""How much a pass of housekeeping has to do: the index is looked through for it."""

from repertory.actors.messages.housekeeping import EstimateWork
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.housekeeping import Chores, Position, Workload

AT_ONCE = 500
"""Studies that one question is about: others have questions, too."""


class Estimate:
    """Adds up what some chores have to do with the studies from a position on."""

    def __init__(self, board: Switchboard, chores: Chores, last: int) -> None:
        self._board = board
        self._chores = chores
        self._last = last
        self._whole: Reply[Workload] = Reply()

    def begin(self, position: Position) -> Reply[Workload]:
        """Begin; the reply will be the sum."""
        self._go_on(Workload(position, is_last=not self._chores))
        return self._whole

    def _go_on(self, so_far: Workload) -> None:
        if so_far.is_last:
            self._whole.set(so_far)
            return
        question = EstimateWork(
            chores=self._chores, position=so_far.position, last=self._last, limit=AT_ONCE
        )
        self._board.ask_soon(question).on_done(lambda reply: self._take(so_far, reply))

    def _take(self, so_far: Workload, reply: Reply[Workload]) -> None:
        if reply.error is not None:
            self._whole.refuse(reply.error)
            return
        more = reply.get()
        self._go_on(
            Workload(
                more.position,
                so_far.studies + more.studies,
                so_far.instances + more.instances,
                so_far.size + more.size,
                is_last=more.is_last,
            )
        )
