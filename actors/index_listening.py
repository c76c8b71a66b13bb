"""Instances that come from other processes straight to the index."""

import socket
from typing import TYPE_CHECKING

from repertory.actors.base import Inbox, TracedInbox, handles
from repertory.actors.index_part import IndexPart
from repertory.actors.listening import ListeningInbox
from repertory.actors.messages.lines import ListenTo
from repertory.actors.portal.direct import DirectCounterpart
from repertory.actors.portal.line import Line
from repertory.actors.switchboard import Switchboard

if TYPE_CHECKING:
    from repertory.actors.tracing import Tracer


class IndexListening(IndexPart):
    """A part of ``IndexActor``: reads lines itself, where nobody follows its mail (``Tracer``)."""

    board: Switchboard
    _tracer: "Tracer | None"
    _listening: ListeningInbox | None = None

    def _create_actor_inbox(self) -> Inbox:
        if self._tracer is not None:
            return TracedInbox(self._tracer)
        self._listening = ListeningInbox()
        return self._listening

    @handles(ListenTo)
    def listen_to(self, command: ListenTo) -> bool:
        """Read a line of another process while there is nothing else to do."""
        if self._listening is None:
            return False
        end = socket.socket(fileno=command.descriptor)
        self._listening.listen_to(Line(end, DirectCounterpart(self.board)))
        return True

    def listen_no_more(self) -> None:
        """Hang up: nobody will be answered any more."""
        if self._listening is not None:
            self._listening.end()
