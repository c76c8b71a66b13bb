"""Worklists: the examinations that are scheduled."""

from typing import Any

from aiohttp import web

from repertory.actors.messages.worklists import (
    CreateWorklist,
    DeleteWorklist,
    DescribeWorklist,
    ListWorklists,
    SetWorklist,
    WorklistDescription,
)
from repertory.errors import BadParameter
from repertory.http import params
from repertory.http.answers import answer, done
from repertory.http.bridge import ask
from repertory.http.finding import read_fields
from repertory.http.routing import Routes
from repertory.model import TagForm

routes = Routes()

_FORMS = {"Full": TagForm.FULL, "Short": TagForm.SHORT, "Simplify": TagForm.SIMPLIFIED}


def _form(request: web.Request) -> TagForm:
    word = request.query.get("format")
    if word is None:
        return params.tag_form(request, TagForm.SIMPLIFIED)
    if word not in _FORMS:
        raise BadParameter(f"The format must be one of {', '.join(_FORMS)}.")
    return _FORMS[word]


def _view(worklist: WorklistDescription) -> dict[str, Any]:
    return {"ID": worklist.id, "Path": f"/worklists/{worklist.id}", "Tags": worklist.tags}


@routes.get("/worklists")
async def list_worklists(request: web.Request) -> web.Response:
    """List the worklists: an array of `{ID, Path, Tags}`.

    - `format`: Simplify, Short or Full, the form of the tags.
    """
    found = await ask(request, ListWorklists(form=_form(request)))
    return answer([_view(it) for it in found])


@routes.post("/worklists/create")
async def create_worklist(request: web.Request) -> web.Response:
    """Make a worklist; `{ID, Path}` says where it is.

    - `Tags`: an object of tags; sequences are arrays of such objects. Required.
    """
    fields = await read_fields(request)
    id_ = await ask(request, CreateWorklist(tags=fields.need("Tags", dict)))
    return answer({"ID": id_, "Path": f"/worklists/{id_}"})


@routes.get("/worklists/{id}")
async def describe_worklist(request: web.Request) -> web.Response:
    """Show a worklist: `{ID, Path, Tags}`.

    - `format`: Simplify, Short or Full, the form of the tags.
    """
    query = DescribeWorklist(id=request.match_info["id"], form=_form(request))
    return answer(_view(await ask(request, query)))


@routes.put("/worklists/{id}")
async def set_worklist(request: web.Request) -> web.Response:
    """Give a worklist other tags.

    - `Tags`: all that it is to have, as for a new one; required.
    """
    fields = await read_fields(request)
    id_ = request.match_info["id"]
    await ask(request, SetWorklist(id=id_, tags=fields.need("Tags", dict)))
    return answer({"ID": id_, "Path": f"/worklists/{id_}"})


@routes.delete("/worklists/{id}")
async def delete_worklist(request: web.Request) -> web.Response:
    """Delete a worklist."""
    await ask(request, DeleteWorklist(id=request.match_info["id"]))
    return done()
