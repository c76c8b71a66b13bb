"""Searching: find and count resources, describe many at once."""

from aiohttp import web

from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    DescribeMany,
    FindResources,
)
from repertory.errors import BadParameter
from repertory.http import views
from repertory.http.answers import answer
from repertory.http.bridge import SETTINGS, ask
from repertory.http.finding import Fields, criteria_of, form_of, level_of, read_fields
from repertory.http.routing import Routes
from repertory.model import ResourceId

routes = Routes()


def _resource_views(
    request: web.Request, fields: Fields, content: frozenset[str]
) -> views.Resources:
    """How resources are to be written."""
    numbers = request.app[SETTINGS].user_metadata
    return views.Resources(
        form=form_of(fields),
        content=content,
        metadata_names={number: name for name, number in numbers.items()},
    )


@routes.post("/tools/find")
async def find_resources(request: web.Request) -> web.Response:
    r"""Find the patients, studies, series or instances that meet criteria.

    The body is an object; `Level` and `Query` are required. The answer is an array of
    identifiers, or of objects with `Expand` or `ResponseContent`.

    - `Level`: `Patient`, `Study`, `Series` or `Instance`.
    - `Query`: names or numbers of tags, and what their values must match: `*` and `?` stand for
      letters, `a-b` is a range of dates or times, a backslash separates alternatives, an empty
      string is no constraint. Tags of upper levels may be searched; tags that the index does not
      keep are read from the files, which is slow.
    - `CaseSensitive`: whether to heed case and accents (false).
    - `Labels`, `LabelsConstraint`: resources with `All` of the labels, `Any` or `None` of them.
    - `MetadataQuery`: as `Query`, for metadata.
    - `ParentPatient`, `ParentStudy`, `ParentSeries`: only what lies below that resource.
    - `OrderBy`: an array of `{Type, Key, Direction}`; types are `DicomTag`, `DicomTagAsInt`,
      `DicomTagAsFloat`, `Metadata`, `MetadataAsInt`, `MetadataAsFloat`, directions `ASC`, `DESC`.
    - `Since`, `Limit`: skip so many, find so many (0: all).
    - `Expand`, `Full`, `Short`, `ResponseContent`, `RequestedTags`: as in the query of a `GET`.
    """
    fields = await read_fields(request)
    criteria = criteria_of(fields, request.app[SETTINGS])
    requested = fields.texts("RequestedTags")
    content = views.content_words(fields.texts("ResponseContent"))
    write = _resource_views(request, fields, content)
    if not fields.get("Expand", default=False) and "ResponseContent" not in fields:
        return answer(await ask(request, FindResources(criteria=criteria)))
    question = DescribeFound(criteria=criteria, requested=requested, form=form_of(fields))
    found = await ask(request, question)
    if requested:
        return answer(write.found(found))
    return answer(write.many([it.description for it in found]))


@routes.post("/tools/count-resources")
async def count_resources(request: web.Request) -> web.Response:
    """Count the resources that meet criteria: the body is that of `/tools/find`.

    The answer is `{"Count": n}`. `CaseSensitive` cannot be true, as in Orthanc.
    """
    fields = await read_fields(request)
    criteria = criteria_of(fields, request.app[SETTINGS])
    if criteria.case_sensitive:
        raise BadParameter("Resources cannot be counted with regard to case.")
    return answer({"Count": await ask(request, CountResources(criteria=criteria))})


@routes.post("/tools/bulk-content")
async def describe_many(request: web.Request) -> web.Response:
    """Describe many resources of any level; identifiers that are unknown are left out.

    - `Resources`: an array of identifiers; required.
    - `Level`: describe what lies at this level above or below them instead.
    - `Metadata`: whether to show all metadata (true).
    - `Full`, `Short`: how tags are written.
    """
    fields = await read_fields(request)
    fields.need("Resources", list)
    ids = tuple(ResourceId(text) for text in fields.texts("Resources"))
    level = level_of(fields.need("Level", str)) if "Level" in fields else None
    with_metadata = fields.get("Metadata", default=True)
    content = views.DEFAULT_CONTENT | ({"Metadata"} if with_metadata else set())
    write = _resource_views(request, fields, frozenset(content))
    described = await ask(request, DescribeMany(ids=ids, at=level))
    return answer(write.many(described))
