"""Which node tells its scripts what happens, where several serve one archive."""

from collections import deque
from typing import TYPE_CHECKING, Any

from repertory.actors.base import handles
from repertory.actors.messages.following import HoldLog
from repertory.actors.messages.nodes import DescribeNodes, NodesLooked
from repertory.actors.switchboard import Switchboard
from repertory.nodes import CALLBACKS

READER = "LuaScripts"


class LuaTurns:
    """A part of ``LuaActor``: alone it always tells its scripts, among nodes one does."""

    board: Switchboard
    _at_work: bool
    _grown: bool
    _is_on: bool
    _position: int
    _shared: bool
    _waiting: deque[Any]

    if TYPE_CHECKING:

        def _read(self) -> None: ...

    def _join_nodes(self) -> None:
        if self._shared:
            state = self.board.ask(DescribeNodes())
            self._is_on = state.duties.get(CALLBACKS) == state.name

    @handles(NodesLooked)
    def nodes_looked(self, event: NodesLooked) -> None:
        """Tell, from where another node was; or keep up with the one that tells."""
        if not self._shared:
            return
        was_on, self._is_on = self._is_on, CALLBACKS in event.duties
        if self._is_on:
            self._grown = self._grown or not was_on
            self._let_go()
            self._read()
        elif event.told is not None and (was_on or event.told != self._position):
            self._position = event.told
            self.board.ask_soon(HoldLog(reader=READER, position=self._position))

    def _let_go(self) -> None:
        """Let go of what was told; alone, of what was read, for that is told from memory."""
        if not self._shared or not (self._waiting or self._at_work):
            self.board.ask_soon(HoldLog(reader=READER, position=self._position))
