"""Tags of patients, studies and series, and the order of a series' slices."""

from aiohttp import web

from repertory.actors.messages.resources import OrderSlices
from repertory.actors.messages.tags import (
    ReadContent,
    ReadInstancesTags,
    ReadModule,
    ReadSharedTags,
)
from repertory.errors import UnknownItem
from repertory.http import item_views, params
from repertory.http.answers import answer, headers_for
from repertory.http.bridge import ask
from repertory.http.routing import Routes
from repertory.maintags import TAGS
from repertory.model import Level, TagForm

routes = Routes()

_ABOVE = [Level.PATIENT, Level.STUDY, Level.SERIES]


def _ignored(request: web.Request) -> frozenset[str]:
    named = params.words(request, "ignore-length", separator=",")
    return frozenset(TAGS.get(word, word.lower().replace("-", ",")) for word in named)


async def _module(request: web.Request, level: Level, module: Level) -> web.Response:
    question = ReadModule(
        level=level,
        id=params.resource_id(request),
        module=module,
        form=params.tag_form(request, TagForm.FULL),
        ignore_length=_ignored(request),
    )
    return answer(await ask(request, question))


@routes.get("/{level}/{id}/module")
async def read_module(request: web.Request, level: Level) -> web.Response:
    """Give the tags of the DICOM module that describes a resource, from one of its instances.

    That is Patient, General Study, General Series or SOP Common (DICOM PS3.3).

    - `simplify`, `short`, `ignore-length`: as for `/instances/{id}/tags`.
    """
    return await _module(request, level, level)


@routes.get("/studies/{id}/module-patient")
async def read_patient_module(request: web.Request) -> web.Response:
    """Give the tags of the module Patient of a study; the same as `module` of its patient.

    - `simplify`, `short`, `ignore-length`: as for `/instances/{id}/tags`.
    """
    return await _module(request, Level.STUDY, Level.PATIENT)


@routes.get("/{level}/{id}/shared-tags", levels=_ABOVE)
async def read_shared_tags(request: web.Request, level: Level) -> web.Response:
    """Give the tags that have the same text in all instances of a resource.

    - `simplify`, `short`: as for `/instances/{id}/tags`.
    """
    question = ReadSharedTags(
        level=level,
        id=params.resource_id(request),
        form=params.tag_form(request, TagForm.FULL),
    )
    return answer(await ask(request, question))


@routes.get("/{level}/{id}/instances-tags", levels=_ABOVE)
async def read_instances_tags(request: web.Request, level: Level) -> web.Response:
    """Give the tags of all instances of a resource, by instance.

    - `simplify`, `short`, `ignore-length`: as for `/instances/{id}/tags`.
    """
    question = ReadInstancesTags(
        level=level,
        id=params.resource_id(request),
        form=params.tag_form(request, TagForm.FULL),
        ignore_length=_ignored(request),
    )
    return answer(await ask(request, question))


@routes.get("/series/{id}/ordered-slices")
async def order_slices(request: web.Request) -> web.Response:
    """Give the files and frames of a series in order.

    `Type` is `Volume` where they are parallel slices, ordered in space, else `Sequence`.
    `SlicesShort` are the instances, each with its first frame and the number of frames.
    """
    ordered = await ask(request, OrderSlices(id=params.resource_id(request)))
    return answer(item_views.slice_order(ordered))


async def read_content(request: web.Request) -> web.Response:
    """Give the raw value of an element of an instance.

    The path names tags (`gggg-eeee`, or by keyword) and, within sequences, numbers of items in
    turn. Where it ends at a data set, its tags are listed, and at a sequence the numbers of its
    items. What is not there: 404, without a body.
    """
    steps = [request.match_info.get(f"step{n}") for n in range(1, _DEEPEST + 1)]
    path = tuple(step for step in steps if step is not None)
    found = await ask(request, ReadContent(id=params.resource_id(request), path=path))
    if isinstance(found, bytes):
        return web.Response(body=found, headers=headers_for("application/octet-stream"))
    return answer(found)


_DEEPEST = 7
"""An element within three sequences."""

for _depth in range(_DEEPEST + 1):
    _steps = "".join(f"/{{step{n}}}" for n in range(1, _depth + 1))
    routes.get(f"/instances/{{id}}/content{_steps}", bare=(UnknownItem,))(read_content)
