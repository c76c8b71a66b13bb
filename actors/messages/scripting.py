"""Scripts, and what they decide."""

from collections.abc import Mapping
from typing import Any

from repertory.actors.messages.base import Command, Event, Query, message
from repertory.model import Origin


@message
class ExecuteScript(Command[str]):
    """Run a Lua script, and get what it printed.

    Raises:
        ScriptFailed: it is no Lua, or an error ended it, or one of its limits did.
    """

    text: str


@message
class FilterInstance(Query[bool]):
    """Whether the scripts let an instance in.

    ``tags`` are its tags by name, ``info`` what its file is like, both as scripts see them.

    Raises:
        ScriptFailed: the scripts cannot say: nothing is to be let in.
    """

    tags: Mapping[str, Any]
    origin: Origin
    info: Mapping[str, Any]


@message
class FilterRequest(Query[bool]):
    """Whether the scripts let a request of a client in.

    ``uri`` is the path without its query; names of ``headers`` are in lower case.

    Raises:
        ScriptFailed: the scripts cannot say: nothing is to be let in.
    """

    method: str
    uri: str
    ip: str
    username: str
    headers: Mapping[str, str]


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
class FiltersChanged(Event):
    """Scripts have other filters than before; ``names`` are those that there are now."""

    names: frozenset[str]
