"""The reference of the routes, from what the routes say of themselves."""

from repertory.http.routes import ALL
from repertory.http.routing import Route

INTRODUCTION = """\
<!-- Written by `make docs` from the code: change that, not this. -->

# Routes

The REST API: Orthanc's, as far as it is there. `{level}` stands for `patients`, `studies`, `series`
or `instances`, `{id}` for the identifier of a resource. HEAD is answered wherever GET is, OPTIONS
by the methods of a path. Flags in the query count by their name alone; `=false` and `=0` switch
them off. Whatever is answered as JSON is answered as XML to `Accept: application/xml`.

What goes wrong is answered by a status and a body that are the same everywhere: see
[errors](errors.md).
"""


def entries() -> list[tuple[tuple[str, ...], str, str]]:
    """The methods, the path and the documentation of every route, in the order of the topics.

    Routes that share their documentation and their path are one entry.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for route in (route for routes in ALL for route in routes):
        found.setdefault((_path(route), route.documentation), []).append(route.method)
    return [(tuple(methods), path, text) for (path, text), methods in found.items()]


def page() -> str:
    """The whole reference, in Markdown."""
    parts = [INTRODUCTION]
    for methods, path, text in entries():
        parts.append(f"## {' '.join(methods)} `{path}`\n\n{text}\n")
    return "\n".join(parts)


def _path(route: Route) -> str:
    if not route.levels or len(route.levels) == 4:
        return route.path
    words = "|".join(level.plural for level in route.levels)
    return route.path.replace("{level}", words if len(route.levels) == 1 else f"{{{words}}}")
