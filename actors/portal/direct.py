"""Lines straight to the index, by which instances come from other processes."""

import socket
from typing import Any

from repertory.actors.messages.base import Question
from repertory.actors.messages.instances import RecordInstance
from repertory.actors.portal.line import Line
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import NoReplyInTime


class DirectWay:
    """The end of the thread that asks."""

    def __init__(self, board: Switchboard, end: socket.socket) -> None:
        """Take the switchboard of this process, and the socket over."""
        self._board = board
        self._line = Line(end, self)

    def ask(self, command: RecordInstance) -> Reply[Any]:
        """Ask, and wait for the answer: as it reads itself, no other thread has to be woken."""
        reply = self._line.ask(command)
        if not self._line.hear_out(self._board.patience):
            reply.refuse(NoReplyInTime())
        return reply

    def close(self) -> None:
        """Hang up."""
        self._line.close()
        self._line.release()

    # Correspondent: the other side only answers

    def answer(self, _question: Any) -> Reply[Any]:
        """Nothing is asked of who asks."""
        reply: Reply[Any] = Reply()
        reply.refuse(TypeError("no question of ours"))
        return reply

    def hear(self, news: Any) -> None:
        """Nothing is told to who asks."""

    def end(self) -> None:
        """The other side is gone: what it has not answered is refused by the line."""


class DirectCounterpart:
    """The end of the index."""

    def __init__(self, board: Switchboard) -> None:
        """Take the switchboard of this process."""
        self._board = board

    def answer(self, question: Question[Any]) -> Reply[Any]:
        """Ask the index; whatever it would have to ask of others has another way."""
        if not isinstance(question, RecordInstance):
            raise TypeError("no question for here")
        return self._board.ask_soon(question)

    def hear(self, news: Any) -> None:
        """Nothing is told to the index."""

    def end(self) -> None:
        """The other side is gone; what it has asked is done all the same."""
