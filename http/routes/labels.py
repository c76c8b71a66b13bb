"""Labels of resources."""

from aiohttp import web

from repertory.actors.messages.labels import AddLabel, ListAllLabels, ListLabels, RemoveLabel
from repertory.errors import UnknownItem
from repertory.http import params
from repertory.http.answers import answer, done
from repertory.http.bridge import ask
from repertory.http.routing import Routes
from repertory.model import Level

routes = Routes()


@routes.get("/{level}/{id}/labels")
async def list_labels(request: web.Request, level: Level) -> web.Response:
    """List the labels of a resource, sorted."""
    return answer(await ask(request, ListLabels(level=level, id=params.resource_id(request))))


@routes.get("/{level}/{id}/labels/{label}", bare=(UnknownItem,))
async def has_label(request: web.Request, level: Level) -> web.Response:
    """Tell whether a resource has a label: 200 or 404, both without a body."""
    labels = await ask(request, ListLabels(level=level, id=params.resource_id(request)))
    if request.match_info["label"] not in labels:
        raise UnknownItem
    return done()


@routes.put("/{level}/{id}/labels/{label}")
async def add_label(request: web.Request, level: Level) -> web.Response:
    """Give a resource a label: 1 to 64 letters, digits, dashes and underscores."""
    label = request.match_info["label"]
    await ask(request, AddLabel(level=level, id=params.resource_id(request), label=label))
    return done()


@routes.delete("/{level}/{id}/labels/{label}")
async def remove_label(request: web.Request, level: Level) -> web.Response:
    """Take a label from a resource, which need not have it."""
    label = request.match_info["label"]
    await ask(request, RemoveLabel(level=level, id=params.resource_id(request), label=label))
    return done()


@routes.get("/tools/labels")
async def list_all_labels(request: web.Request) -> web.Response:
    """List the labels that any resource has, sorted."""
    return answer(await ask(request, ListAllLabels()))
