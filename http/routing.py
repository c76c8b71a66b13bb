"""Routes: declared beside their handlers, found by walking the path segment by segment.

aiohttp's own router tries the patterns of a folder one after the other, and knows nothing of
Orthanc's ways: doubled and trailing slashes and ``..`` in a path, a method in the query, HEAD for
whatever can be got, answers of its own to an unknown path and to a wrong method.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from repertory.errors import RepertoryError
from repertory.model import Level

Handler = Callable[..., Awaitable[web.StreamResponse]]
H = TypeVar("H", bound=Handler)

EVERY_LEVEL = tuple(Level)


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path; the path's ``{level}`` stands for each of ``levels`` in turn.

    The handler gets the request, and the level as ``level`` where there is one. ``bare`` are the
    errors that Orthanc answers without a body on this route.
    """

    method: str
    path: str
    handler: Handler
    levels: tuple[Level, ...] = ()
    bare: tuple[type[RepertoryError], ...] = ()

    @property
    def documentation(self) -> str:
        """What the route does: the reference entry."""
        return inspect.getdoc(self.handler) or ""


class Routes(list[Route]):
    """The routes of one topic."""

    def get(self, path: str, **more: Any) -> Callable[[H], H]:
        """Declare what GET does, and HEAD with it."""
        return self._declare("GET", path, **more)

    def post(self, path: str, **more: Any) -> Callable[[H], H]:
        """Declare what POST does."""
        return self._declare("POST", path, **more)

    def put(self, path: str, **more: Any) -> Callable[[H], H]:
        """Declare what PUT does."""
        return self._declare("PUT", path, **more)

    def delete(self, path: str, **more: Any) -> Callable[[H], H]:
        """Declare what DELETE does."""
        return self._declare("DELETE", path, **more)

    def _declare(
        self,
        method: str,
        path: str,
        *,
        levels: Sequence[Level] = EVERY_LEVEL,
        bare: tuple[type[RepertoryError], ...] = (),
    ) -> Callable[[H], H]:
        def declare(handler: H) -> H:
            meant = tuple(levels) if "{level}" in path else ()
            self.append(Route(method, path, handler, meant, bare))
            return handler

        return declare


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What answers a method on a path: takes the request alone."""

    call: Callable[[web.Request], Awaitable[web.StreamResponse]]
    bare: tuple[type[RepertoryError], ...]
    path: str


@dataclass(slots=True)
class Node:
    """A place in the tree of paths: what it answers, and what lies below."""

    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    children: dict[str, "Node"] = field(default_factory=dict)
    any_child: "Node | None" = None
    name: str = ""
    """What the segment that led here is called in ``match_info``, if it may be anything."""

    @property
    def allow(self) -> str:
        """The methods that the place answers, for the header Allow."""
        return ",".join(sorted(self.endpoints))


class RouteTree:
    """All routes, as a tree of path segments."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._root = Node()
        for route in routes:
            for path, call in _spell_out(route):
                node = self._root
                for segment in split(path):
                    node = _child(node, segment)
                node.endpoints[route.method] = Endpoint(call, route.bare, path)

    def names_below(self, path: str) -> list[str]:
        """The literal segments that may follow a path."""
        node = self._root
        for segment in split(path):
            child = node.children.get(segment, node.any_child)
            if child is None:
                return []
            node = child
        return sorted(node.children)

    def find(self, segments: Sequence[str]) -> tuple[Node | None, dict[str, str]]:
        """The place that a path leads to, if it answers anything, and the named segments.

        A literal segment wins over a named one wherever it leads to an answer.
        """
        node = self._root
        named: dict[str, str] = {}
        for segment in segments:
            child = node.children.get(segment)
            if child is None:
                child = node.any_child
                if child is None:
                    return self._find_again(segments)
                named[child.name] = segment
            node = child
        if node.endpoints:
            return node, named
        return self._find_again(segments)

    def _find_again(self, segments: Sequence[str]) -> tuple[Node | None, dict[str, str]]:
        """Try all ways, after the straight one led nowhere."""
        ways: list[tuple[Node, int, dict[str, str]]] = [(self._root, 0, {})]
        while ways:
            node, depth, named = ways.pop()
            if depth == len(segments):
                if node.endpoints:
                    return node, named
                continue
            segment = segments[depth]
            if node.any_child is not None:
                ways.append((node.any_child, depth + 1, {**named, node.any_child.name: segment}))
            if segment in node.children:
                ways.append((node.children[segment], depth + 1, named))
        return None, {}


TREE = web.AppKey("tree", RouteTree)
"""The application's own tree."""


def split(path: str) -> list[str]:
    """The segments of a path: doubled and trailing slashes ignored, ``.`` and ``..`` resolved."""
    segments = [segment for segment in path.split("/") if segment]
    if ".." not in segments and "." not in segments:
        return segments
    resolved: list[str] = []
    for segment in segments:
        if segment == "..":
            resolved = resolved[:-1]
        elif segment != ".":
            resolved.append(segment)
    return resolved


def _child(node: Node, segment: str) -> Node:
    if not segment.startswith("{"):
        return node.children.setdefault(segment, Node())
    if node.any_child is None:
        node.any_child = Node(name=segment.strip("{}"))
    elif node.any_child.name != segment.strip("{}"):
        raise ValueError(f"{segment} has another name in another route")
    return node.any_child


def _spell_out(route: Route) -> Iterator[tuple[str, Handler]]:
    if not route.levels:
        yield route.path, route.handler
    for level in route.levels:
        yield (
            route.path.replace("{level}", level.plural),
            partial(route.handler, level=level),
        )
