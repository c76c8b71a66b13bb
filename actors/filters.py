"""Asks the filters, those of Lua's scripts and those of Python, what may come in."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from repertory.actors.base import RepertoryActor, handles
from repertory.actors.crew import Crew
from repertory.actors.filter_functions import FilterFunctions
from repertory.actors.lua.callbacks import origin_words
from repertory.actors.messages.scripting import (
    INCOMING_REQUEST,
    INCOMING_STORE,
    QUERY_FILTERS,
    RECEIVED_INSTANCE,
    AskLuaFilter,
    DescribeFilters,
    FilterInstance,
    FilterRequest,
    FiltersChanged,
    LuaFiltersChanged,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import InstanceRejected, NotPredicate
from repertory.model import OriginKind

log = structlog.get_logger(__name__)

R = TypeVar("R")

_LAST_STATUS: Final = 0xFFFF


class FiltersActor(RepertoryActor):
    """Says which instances and requests are let in.

    Lua's scripts are asked first, then the functions of Python, in threads of their own. They fail
    closed: where one cannot say, nothing is let in.
    """

    rank = 7

    def __init__(
        self,
        *,
        board: Switchboard,
        functions: FilterFunctions,
        make_crew: Callable[[], Crew],
    ) -> None:
        """Take the functions, and what makes the threads that call them."""
        super().__init__(board=board)
        self._functions = functions
        self._make_crew = make_crew
        self._crew: Crew | None = None
        self._of_lua: frozenset[str] = frozenset()
        self._of_python: frozenset[str] = frozenset()
        self._told: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def open(self) -> None:
        """Learn which filters there are, from now on as soon as there is one."""
        self.board.listen(LuaFiltersChanged, self._note_lua)
        self._functions.watch(self._note_functions)

    def close(self) -> None:
        """Let the functions end that were called."""
        self._functions.watch(None)
        self.board.unlisten(LuaFiltersChanged, self._note_lua)
        if self._crew is not None:
            self._crew.close()

    def _note_lua(self, event: LuaFiltersChanged) -> None:
        """Take note of those of Lua's scripts, in the thread that runs them."""
        self._of_lua = event.names
        self._tell()

    def _note_functions(self, names: frozenset[str]) -> None:
        """Take note of those of Python, in the thread that registers one: it counts at once."""
        self._of_python = names - set(QUERY_FILTERS)  # the queries ask their functions themselves
        self._tell()

    def _tell(self) -> None:
        with self._lock:  # or the last word could be an old one
            names = self._of_lua | self._of_python
            if names != self._told:
                self._told = names
                self.board.publish(FiltersChanged(names=names))

    @handles(DescribeFilters)
    def describe_filters(self, _query: DescribeFilters) -> frozenset[str]:
        """Tell which filters there are."""
        return self._told

    @handles(FilterInstance)
    def filter_instance(self, query: FilterInstance) -> Reply[bool | bytes]:
        """Ask those that filter instances."""
        first = self._ask_lua(RECEIVED_INSTANCE, query.tags, origin_words(query.origin), query.info)
        if self._of_python.isdisjoint({RECEIVED_INSTANCE, INCOMING_STORE}):
            return first.then(bool)
        return self._ask_python(first, partial(self._decide_on_instance, query))

    @handles(FilterRequest)
    def filter_request(self, query: FilterRequest) -> Reply[bool]:
        """Ask those that filter requests."""
        words = (query.method, query.uri, query.ip, query.username, query.headers)
        first = self._ask_lua(INCOMING_REQUEST, *words)
        if INCOMING_REQUEST not in self._of_python:
            return first
        return self._ask_python(first, partial(self._decide_on_request, query))

    def _ask_lua(self, name: str, *words: Any) -> Reply[bool]:
        if name in self._of_lua:
            return self.board.ask_soon(AskLuaFilter(name=name, words=words))
        admitted: Reply[bool] = Reply()
        admitted.set(True)
        return admitted

    def _ask_python(self, first: Reply[bool], decide: Callable[[], bool | R]) -> Reply[bool | R]:
        if self._crew is None:
            self._crew = self._make_crew()
        crew = self._crew

        def ask(admitted: bool) -> Reply[bool | R]:
            return crew.do(decide if admitted else bool)

        return first.then(ask)

    def _decide_on_instance(self, query: FilterInstance) -> bool | bytes:
        if query.origin.kind is OriginKind.DICOM_PROTOCOL:
            for ask in self._functions.of(INCOMING_STORE):
                status = ask(query)
                if type(status) is not int or not 0 <= status <= _LAST_STATUS:
                    raise _undecided(INCOMING_STORE, "no status of the DICOM protocol")
                if status:
                    raise InstanceRejected(status=status)
        changed: bytes | None = None
        for ask in self._functions.of(RECEIVED_INSTANCE):
            found = ask(query)
            if found is False:
                return False
            if isinstance(found, bytes):
                changed = found
                query = query.instead(found)
            elif found is not True:
                raise _undecided(RECEIVED_INSTANCE, "neither true nor false, nor a file")
        return True if changed is None else changed

    def _decide_on_request(self, query: FilterRequest) -> bool:
        for ask in self._functions.of(INCOMING_REQUEST):
            found = ask(query)
            if type(found) is not bool:
                raise _undecided(INCOMING_REQUEST, "neither true nor false")
            if not found:
                return False
        return True


def _undecided(name: str, what: str) -> NotPredicate:
    log.error("filter_undecided", function=name)
    return NotPredicate(f"{name} answered {what}.")
