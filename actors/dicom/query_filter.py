"""Queries that scripts may change before they are answered, or asked."""

from collections.abc import Mapping
from typing import Any, Final

from repertory.actors.dicom.access import Caller
from repertory.actors.messages.scripting import DescribeFilters, FilterQuery, FiltersChanged
from repertory.actors.switchboard import NobodyHandles, Switchboard

INCOMING_FIND: Final = "IncomingFindRequestFilter"
INCOMING_WORKLIST: Final = "IncomingWorklistRequestFilter"
OUTGOING_FIND: Final = "OutgoingFindRequestFilter"

Identifier = Mapping[str, Any]


class QueryFilter:
    """Asks the scripts, if they have a filter; nobody is kept waiting where they have none."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board
        self._filters: frozenset[str] = frozenset()

    def open(self) -> None:
        """Learn which filters there are, now and from now on."""
        self._board.listen(FiltersChanged, self.note)
        try:
            self._filters = self._board.ask(DescribeFilters())
        except NobodyHandles:
            return  # there are no scripts

    def close(self) -> None:
        """Learn nothing any more."""
        self._board.unlisten(FiltersChanged, self.note)

    def note(self, event: FiltersChanged) -> None:
        """Scripts have other filters than before."""
        self._filters = event.names

    def incoming(self, name: str, identifier: Identifier, caller: Caller) -> Identifier:
        """The identifier of somebody's query as the scripts would have it.

        Raises:
            ScriptFailed: they cannot say: the query is not to be answered.
        """
        if name not in self._filters:
            return identifier
        words = {
            "RemoteIp": caller.ip,
            "RemoteAet": caller.title,
            "CalledAet": caller.called,
        }
        return self._board.ask(FilterQuery(name=name, query=identifier, about=words))

    def outgoing(self, identifier: Identifier, title: str) -> Identifier:
        """The identifier of our query to somebody of that title, likewise."""
        if OUTGOING_FIND not in self._filters:
            return identifier
        question = FilterQuery(name=OUTGOING_FIND, query=identifier, about=title)
        return self._board.ask(question)
