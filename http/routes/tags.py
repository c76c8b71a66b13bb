"""Tags of patients, studies and series, and the order of a series' slices."""

from aiohttp import web

from repertory.actors.messages.resources import OrderSlices
from repertory.actors.messages.tags import ReadInstancesTags, ReadModule, ReadSharedTags
from repertory.http import item_views, params
from repertory.http.answers import answer
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
