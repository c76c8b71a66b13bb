"""Answers what another process asks, by asking the actors of this one."""

import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from repertory.actors.clock import Appointment
from repertory.actors.messages.archives import AbandonArchive, BeginArchive, ReadArchive
from repertory.actors.messages.base import Event, Question
from repertory.actors.messages.changes import ChangesLogged
from repertory.actors.messages.dicom_rules import EncodingChanged
from repertory.actors.messages.instances import AbandonUpload, BeginUpload
from repertory.actors.messages.lines import ListenTo
from repertory.actors.messages.scripting import FiltersChanged
from repertory.actors.messages.system import ActorDied
from repertory.actors.portal.direct import DirectCounterpart
from repertory.actors.portal.line import Line
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard

NEWS_PACE = 0.02
"""Seconds within which another process hears of the log of changes at most once, and at the end."""

RELAYED: tuple[type[Event], ...] = (FiltersChanged, EncodingChanged, ActorDied)
"""The events that other processes hear of besides ``ChangesLogged``."""


class Counterpart:
    """What one other process asks for, and what it is told.

    What it has begun and not ended, an upload or a ZIP archive, is abandoned when it is gone.
    """

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._begun: dict[Any, Callable[[Any], Question[None]]] = {}
        self._line: Line | None = None
        self._rings: Appointment | None = None
        self._has_news = False
        self._listeners: list[tuple[type[Event], Callable[[Any], None]]] = []

    def kinds(self) -> dict[type[Question[Any]], int]:
        """What it may ask, with the rank of whoever answers."""
        return self._board.ranks()

    def answer(self, question: Question[Any]) -> Reply[Any]:
        """Ask the actors."""
        reply = self._board.ask_soon(question)
        kind = type(question)
        if kind is BeginUpload:
            reply.on_done(partial(self._note, lambda it: AbandonUpload(upload=it)))
        elif kind is BeginArchive:
            reply.on_done(partial(self._note, lambda it: AbandonArchive(archive=it)))
        elif isinstance(question, ReadArchive):
            reply.on_done(partial(self._forget_at_the_end, question.archive))
        elif isinstance(question, AbandonArchive):
            self._begun.pop(question.archive, None)
        elif isinstance(question, AbandonUpload):
            self._begun.pop(question.upload, None)
        else:
            content = getattr(question, "content", None)
            if isinstance(content, str):  # the upload is its own from now on
                self._begun.pop(content, None)
        return reply

    def _forget_at_the_end(self, archive: str, reply: Reply[bytes]) -> None:
        if reply.error is not None or not reply.get():
            self._begun.pop(archive, None)

    def _note(self, abandon: Callable[[Any], Question[None]], reply: Reply[Any]) -> None:
        if reply.error is None:
            self._begun[reply.get()] = abandon

    def open_direct_line(self) -> socket.socket:
        """The other end of a new line, by which instances go straight to the index."""
        ours, theirs = socket.socketpair()

        def see_that_it_is_read(listens: Reply[bool]) -> None:
            if listens.error is not None:
                ours.close()
            elif listens.get():
                ours.detach()
            else:
                line = Line(ours, DirectCounterpart(self._board))
                threading.Thread(target=line.attend, name="direct-line", daemon=True).start()

        self._board.ask_soon(ListenTo(descriptor=ours.fileno())).on_done(see_that_it_is_read)
        return theirs

    def relay(self, line: Line) -> None:
        """From now on, tell the other process what happens."""
        self._line = line
        for kind in RELAYED:
            self._listen(kind, line.tell)
        self._listen(ChangesLogged, self._ring)

    def _listen(self, kind: type[Event], listener: Callable[[Any], None]) -> None:
        self._listeners.append((kind, listener))
        self._board.listen(kind, listener)

    def _ring(self, event: ChangesLogged) -> None:
        # A busy index logs a thousand times a second, and it is the index's thread that rings.
        if self._rings is not None:
            self._has_news = True
            return
        self._rings = self._board.clock.call_after(NEWS_PACE, self._ring_again)
        if self._line is not None:
            self._line.tell(event)

    def _ring_again(self) -> None:
        self._rings = None
        if self._has_news:
            self._has_news = False
            self._ring(ChangesLogged())

    def end(self) -> None:
        """The other process is gone: tell it nothing, and abandon what it had begun."""
        for kind, listener in self._listeners:
            self._board.unlisten(kind, listener)
        self._listeners.clear()
        rings = self._rings
        if rings is not None:
            rings.cancel()
        while self._begun:
            it, abandon = self._begun.popitem()
            self._board.ask_soon(abandon(it))
