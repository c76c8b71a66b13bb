"""Functions of Python that filter what comes in, and change queries, as Lua's scripts do."""

import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextvars import Context
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import structlog

from repertory.actors.messages.scripting import FILTERS
from repertory.errors import ScriptFailed
from repertory.storage.dicom.names import parse_tag

log = structlog.get_logger(__name__)

C = TypeVar("C", bound=Callable[..., Any])

Identifier = Mapping[str, Any]
Watcher = Callable[[frozenset[str]], None]


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    origin: str
    function: Callable[..., Any]
    context: Context | None


class FilterFunctions:
    """The functions of a program, or of its scripts, that filter.

    Those that change queries are called in the thread of the association, or of the call, that a
    query belongs to: one that takes its time keeps that one waiting, and nobody else. The others
    are called by ``FiltersActor``.
    """

    def __init__(self) -> None:
        self._entries: tuple[_Entry, ...] = ()
        self._watcher: Watcher | None = None
        self._lock = threading.RLock()

    def on(
        self, name: str, *, context: Context | None = None, origin: str = ""
    ) -> Callable[[C], C]:
        """What registers a function, and gives it back.

        Args:
            name: the filter that it is.
            context: what is copied for it to be called in.
            origin: where it comes from, for the log and for ``forget``.

        Raises:
            ValueError: there is no such filter.
        """
        if name not in FILTERS:
            raise ValueError(f"{name!r} is none of {', '.join(sorted(FILTERS))}")

        def register(function: C) -> C:
            if not callable(function):
                raise TypeError(f"a filter is called: {function!r} cannot be")
            with self._lock:
                self._change((*self._entries, _Entry(name, origin, function, context)))
            return function

        return register

    def off(self, function: Callable[..., Any]) -> bool:
        """Forget a function; whether it was registered."""
        with self._lock:
            before = self._entries
            self._change(tuple(it for it in before if it.function != function))
            return len(self._entries) < len(before)

    def forget(self, origin: str) -> None:
        """Forget all functions of an origin."""
        with self._lock:
            self._change(tuple(it for it in self._entries if it.origin != origin))

    @property
    def names(self) -> frozenset[str]:
        """The filters of which there are functions."""
        return frozenset(it.name for it in self._entries)

    def watch(self, watcher: Watcher | None) -> None:
        """Tell one, from now on, which filters there are whenever that changes; first now.

        It is called in the thread of whoever registers a function, before that goes on.
        """
        with self._lock:
            self._watcher = watcher
            if watcher is not None:
                watcher(self.names)

    def change(self, name: str, query: Identifier, about: Mapping[str, str] | str) -> Identifier:
        """A query as the functions of that name would have it, in the order of their registering.

        Raises:
            ScriptFailed: one of them failed, or returned none: nothing is to be asked or answered.
        """
        for entry in self._entries:
            if entry.name == name:
                words = deepcopy(dict(query)), about if isinstance(about, str) else dict(about)
                query = _query(entry, _call(entry, *words))
        return query

    def of(self, name: str) -> Iterator[Callable[..., Any]]:
        """What calls each function of that name, and raises ScriptFailed where it fails."""
        return (partial(_call, entry) for entry in self._entries if entry.name == name)

    def _change(self, entries: tuple[_Entry, ...]) -> None:
        before = self.names
        self._entries = entries
        if self._watcher is not None and self.names != before:
            self._watcher(self.names)


def _call(entry: _Entry, *words: Any) -> Any:
    try:
        if entry.context is None:
            return entry.function(*words)
        # A copy for each call: associations call at the same time.
        return entry.context.copy().run(entry.function, *words)
    except Exception as error:
        # What it says may be about a patient: the log tells the place alone.
        log.error(  # noqa: TRY400 - as above
            "filter_failed",
            filter=entry.name,
            function=_where(entry),
            error=type(error).__name__,
            at=_place(error),
        )
        raise ScriptFailed("A filter of the scripts failed.") from error


def _query(entry: _Entry, found: Any) -> Identifier:
    if not _is_query(found):
        log.error("filter_undecided", function=_where(entry))
        raise ScriptFailed(f"{entry.name} answered no query.")
    return {tag: _plain(value) for tag, value in found.items()}


def _where(entry: _Entry) -> str:
    return getattr(entry.function, "__qualname__", type(entry.function).__name__)


def _is_query(value: Any) -> bool:
    """Whether it is a mapping of tags by number; within sequences, of such mappings."""
    return isinstance(value, Mapping) and all(
        isinstance(tag, str)
        and parse_tag(tag) is not None
        and (all(map(_is_query, it)) if isinstance(it, list | tuple) else not _is_nested(it))
        for tag, it in value.items()
    )


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping | set | bytes)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [{tag: _plain(it) for tag, it in item.items()} for item in value]
    return "" if value is None else str(value)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
