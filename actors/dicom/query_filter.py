"""Queries that scripts may change before they are answered, or asked."""

from repertory.actors.dicom.access import Caller
from repertory.actors.filter_functions import FilterFunctions, Identifier
from repertory.actors.messages.scripting import (
    INCOMING_FIND,
    INCOMING_WORKLIST,
    OUTGOING_FIND,
    DescribeFilters,
    FilterQuery,
    FiltersChanged,
)
from repertory.actors.switchboard import NobodyHandles, Switchboard

__all__ = ["INCOMING_FIND", "INCOMING_WORKLIST", "OUTGOING_FIND", "QueryFilter"]


class QueryFilter:
    """Asks the scripts, if they have a filter; nobody is kept waiting where they have none.

    Those of Lua come first, then the functions of Python.
    """

    def __init__(self, board: Switchboard, functions: FilterFunctions | None = None) -> None:
        self._board = board
        self._functions = functions or FilterFunctions()
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
        words = {
            "RemoteIp": caller.ip,
            "RemoteAet": caller.title,
            "CalledAet": caller.called,
        }
        if name in self._filters:
            question = FilterQuery(name=name, query=identifier, about=words)
            identifier = self._board.ask(question)
        return self._functions.change(name, identifier, words)

    def outgoing(self, identifier: Identifier, title: str) -> Identifier:
        """The identifier of our query to somebody of that title, likewise."""
        if OUTGOING_FIND in self._filters:
            question = FilterQuery(name=OUTGOING_FIND, query=identifier, about=title)
            identifier = self._board.ask(question)
        return self._functions.change(OUTGOING_FIND, identifier, title)
