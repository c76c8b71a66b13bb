"""Patients, studies, series and instances: list, describe, delete, go up and down."""

from aiohttp import web

from repertory.actors.messages.finding import DescribeFound
from repertory.actors.messages.resources import (
    DeleteResource,
    DescribeChildren,
    DescribeParent,
    DescribeResource,
    DescribeResources,
    DescribeStatistics,
    ListChildren,
    ListResources,
)
from repertory.criteria import Criteria
from repertory.errors import BadRequest, UnknownResource
from repertory.http import params, views
from repertory.http.answers import answer, answer_many
from repertory.http.bridge import SETTINGS, ask
from repertory.http.routing import Routes
from repertory.model import Level, ResourceRef, TagForm

routes = Routes()

_PLAIN = views.Resources()


def _resource_views(request: web.Request) -> views.Resources:
    """How the request wants resources to be written."""
    if not request.query_string:
        return _PLAIN
    numbers = request.app[SETTINGS].user_metadata
    return views.Resources(
        form=params.tag_form(request, TagForm.SIMPLIFIED),
        content=views.content_words(params.words(request, "response-content", "responseContent")),
        metadata_names={number: name for name, number in numbers.items()},
    )


async def _found(
    request: web.Request, criteria: Criteria, requested: tuple[str, ...]
) -> list[views.Object]:
    """The objects of what meets criteria, with the tags that were requested."""
    form = params.tag_form(request, TagForm.SIMPLIFIED)
    question = DescribeFound(criteria=criteria, requested=requested, form=form)
    found = await ask(request, question)
    return _resource_views(request).found(found)


def _requested(request: web.Request) -> tuple[str, ...]:
    return params.words(request, "requested-tags", "requestedTags")


@routes.get("/{level}")
async def list_resources(request: web.Request, level: Level) -> web.Response:
    """List the identifiers of all resources of a level, in order of arrival.

    - `expand`: describe each resource instead.
    - `response-content`: the same, with these contents only, joined by `;`: `MainDicomTags`,
      `RequestedTags`, `Metadata`, `Status`, `Parent`, `Children`, `Labels`, `Attachments`,
      `IsStable`, `IsProtected`.
    - `since` and `limit`: only together; skip so many, list so many (0: all the rest).
    - `full`, `short`, `requested-tags`: as for one resource.
    """
    since, limit = "since" in request.query, "limit" in request.query
    if since != limit:
        raise BadRequest("The arguments since and limit must be given together.")
    first = params.whole_number(request, "since") or 0
    count = params.whole_number(request, "limit") or 0
    if params.flag(request, "expand") or "response-content" in request.query:
        write = _resource_views(request)
        if requested := _requested(request):
            criteria = Criteria(level=level, since=first, limit=count)
            return answer(await _found(request, criteria, requested))
        question = DescribeResources(level=level, since=first, limit=count)
        return await answer_many(await ask(request, question), write.one)
    return answer(await ask(request, ListResources(level=level, since=first, limit=count)))


@routes.get("/{level}/{id}", bare=(UnknownResource,))
async def describe_resource(request: web.Request, level: Level) -> web.Response:
    """Describe a resource: its main DICOM tags, its parent, its children, whether it is stable.

    - `full`: tags as `{"gggg,eeee": {Name, Type, Value}}`; `short`: as `{"gggg,eeee": value}`.
    - `requested-tags`: names or numbers of tags to show besides, joined by `;`.
    - `response-content`: as for a list of resources.
    """
    id_ = params.resource_id(request)
    if requested := _requested(request):
        itself = Criteria(level=level, within=ResourceRef(level, id_))
        return answer(_only(await _found(request, itself, requested)))
    question = DescribeResource(level=level, id=id_)
    return answer(_resource_views(request).one(await ask(request, question)))


def _only(found: list[views.Object]) -> views.Object:
    """The one object that was meant; ``UnknownResource`` if it is gone in the meantime."""
    if not found:
        raise UnknownResource
    return found[0]


@routes.delete("/{level}/{id}", bare=(UnknownResource,))
async def delete_resource(request: web.Request, level: Level) -> web.Response:
    """Delete a resource with all below it, and the parents that it leaves empty.

    `RemainingAncestor` in the answer is the lowest parent that is still there, or null. Files
    are removed from the disk later (see `/plugins/delayed-deletion/status`), or before the
    answer where `DelayedDeletion.Enable` is false.
    """
    question = DeleteResource(level=level, id=params.resource_id(request))
    return answer(views.deletion_receipt(await ask(request, question)))


@routes.get("/{level}/{id}/statistics")
async def describe_statistics(request: web.Request, level: Level) -> web.Response:
    """Tell how many bytes and how many studies, series and instances a resource has.

    Sizes in bytes are strings, sizes in megabytes are numbers, as in Orthanc.
    """
    question = DescribeStatistics(level=level, id=params.resource_id(request))
    return answer(views.statistics(level, await ask(request, question)))


async def _children(request: web.Request, level: Level, at: Level) -> web.Response:
    id_ = params.resource_id(request)
    if params.switch(request, "expand", default=True):
        if requested := _requested(request):
            below = Criteria(level=at, within=ResourceRef(level, id_))
            return answer(await _found(request, below, requested))
        write = _resource_views(request)
        question = DescribeChildren(level=level, id=id_, at=at)
        return await answer_many(await ask(request, question), write.one)
    return answer(await ask(request, ListChildren(level=level, id=id_, at=at)))


@routes.get("/{level}/{id}/studies", levels=[Level.PATIENT])
async def list_studies(request: web.Request, level: Level) -> web.Response:
    """Describe the studies of a patient; `expand=false` lists their identifiers.

    - `full`, `short`, `requested-tags`, `response-content`: as for one resource.
    """
    return await _children(request, level, Level.STUDY)


@routes.get("/{level}/{id}/series", levels=[Level.PATIENT, Level.STUDY])
async def list_series(request: web.Request, level: Level) -> web.Response:
    """Describe the series of a resource; `expand=false` lists their identifiers.

    - `full`, `short`, `requested-tags`, `response-content`: as for one resource.
    """
    return await _children(request, level, Level.SERIES)


@routes.get("/{level}/{id}/instances", levels=[Level.PATIENT, Level.STUDY, Level.SERIES])
async def list_instances(request: web.Request, level: Level) -> web.Response:
    """Describe the instances of a resource; `expand=false` lists their identifiers.

    - `full`, `short`, `requested-tags`, `response-content`: as for one resource.
    """
    return await _children(request, level, Level.INSTANCE)


async def _parent(request: web.Request, level: Level, at: Level) -> web.Response:
    id_ = params.resource_id(request)
    if requested := _requested(request):
        above = Criteria(level=at, within=ResourceRef(level, id_))
        return answer(_only(await _found(request, above, requested)))
    question = DescribeParent(level=level, id=id_, at=at)
    return answer(_resource_views(request).one(await ask(request, question)))


@routes.get("/{level}/{id}/patient", levels=[Level.STUDY, Level.SERIES, Level.INSTANCE])
async def describe_patient(request: web.Request, level: Level) -> web.Response:
    """Describe the patient of a resource.

    - `full`, `short`, `requested-tags`, `response-content`: as for one resource.
    """
    return await _parent(request, level, Level.PATIENT)


@routes.get("/{level}/{id}/study", levels=[Level.SERIES, Level.INSTANCE])
async def describe_study(request: web.Request, level: Level) -> web.Response:
    """Describe the study of a resource.

    - `full`, `short`, `requested-tags`, `response-content`: as for one resource.
    """
    return await _parent(request, level, Level.STUDY)


@routes.get("/{level}/{id}/series", levels=[Level.INSTANCE])
async def describe_series(request: web.Request, level: Level) -> web.Response:
    """Describe the series of an instance.

    - `full`, `short`, `requested-tags`, `response-content`: as for one resource.
    """
    return await _parent(request, level, Level.SERIES)
