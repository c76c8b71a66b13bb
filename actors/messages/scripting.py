"""Scripts, and what they decide."""

from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Final

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import Origin

RECEIVED_INSTANCE: Final = "ReceivedInstanceFilter"
INCOMING_STORE: Final = "IncomingCStoreInstanceFilter"
INCOMING_REQUEST: Final = "IncomingHttpRequestFilter"
INCOMING_FIND: Final = "IncomingFindRequestFilter"
INCOMING_WORKLIST: Final = "IncomingWorklistRequestFilter"
OUTGOING_FIND: Final = "OutgoingFindRequestFilter"
QUERY_FILTERS: Final = (INCOMING_FIND, INCOMING_WORKLIST, OUTGOING_FIND)
FILTERS: Final = (RECEIVED_INSTANCE, INCOMING_STORE, INCOMING_REQUEST, *QUERY_FILTERS)
"""The filters that scripts may have, by Orthanc's names."""


@message
class ExecuteScript(Command[str]):
    """Run a Lua script, and get what it printed.

    Raises:
        ScriptFailed: it is no Lua, or an error ended it, or one of its limits did.
    """

    text: str


@message
class FilterInstance(Query[bool | bytes]):
    """Whether the scripts let an instance in, or another file in its place.

    ``tags`` are its tags by name, ``info`` what its file is like, both as scripts see them;
    ``file`` is the file, or where it lies until then.

    Raises:
        ScriptFailed: the scripts cannot say: nothing is to be let in.
        InstanceRejected: they do not let it in, and want the sender to be told by a status.
    """

    tags: Mapping[str, Any]
    origin: Origin
    info: Mapping[str, Any]
    file: bytes | Path = b""

    @property
    def content(self) -> bytes:
        """The file."""
        return self.file if isinstance(self.file, bytes) else self.file.read_bytes()

    def instead(self, file: bytes) -> "FilterInstance":
        """The same about a file that is to take its place."""
        return replace(self, file=file)


@message
class FilterRequest(Query[bool]):
    """Whether the scripts let a request of a client in.

    ``uri`` is the path without its ``query``; names of ``headers`` are in lower case.

    Raises:
        ScriptFailed: the scripts cannot say: nothing is to be let in.
    """

    method: str
    uri: str
    ip: str
    username: str
    headers: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)


@message
class AskLuaFilter(Query[bool]):
    """What Lua's scripts say by their filter ``name``, which is called with these words.

    Raises:
        ScriptFailed: they cannot say.
    """

    name: str
    words: tuple[Any, ...]


@message
class FilterQuery(Query[Mapping[str, Any]]):
    """What the scripts make of the identifier of a query, by their filter ``name``.

    ``query`` are its tags by number, items within lists; ``about`` tells from whom it comes, or to
    whom it goes.

    Raises:
        ScriptFailed: the scripts cannot say: nothing is to be asked or answered.
    """

    name: str
    query: Mapping[str, Any]
    about: Mapping[str, str] | str


@message
class DescribeFilters(Query[frozenset[str]]):
    """The names of the filters that scripts have at this moment."""


@message
class LuaFiltersChanged(Event):
    """Lua's scripts have other filters than before; ``names`` are those that they have now."""

    names: frozenset[str]


@message
class FiltersChanged(Event):
    """Scripts have other filters than before; ``names`` are those that there are now."""

    names: frozenset[str]
