"""Metadata of resources."""

from aiohttp import hdrs, web

from repertory.actors.messages.metadata import (
    DeleteMetadata,
    DescribeMetadata,
    ListMetadata,
    SetMetadata,
)
from repertory.errors import Forbidden, UnknownItem, UnknownResource
from repertory.http import params, revisions
from repertory.http.answers import answer, done, text_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import ask
from repertory.http.errors import bare_answer
from repertory.http.names import vocabulary
from repertory.http.routing import Routes
from repertory.items import is_user_number
from repertory.model import Level

routes = Routes()


@routes.get("/{level}/{id}/metadata")
async def list_metadata(request: web.Request, level: Level) -> web.Response:
    """List the names of a resource's metadata, in the order of their numbers.

    - `expand`: give their values, too.
    - `numeric`: the numbers instead of the names.
    """
    found = await ask(request, ListMetadata(level=level, id=params.resource_id(request)))
    names = vocabulary(request).metadata
    numeric = params.flag(request, "numeric")
    if params.flag(request, "expand"):
        named = {str(n) if numeric else names.name(n): value for n, value in found.items()}
        return answer(named)
    return answer([n if numeric else names.name(n) for n in found])


@routes.get("/{level}/{id}/metadata/{name}")
async def describe_metadata(request: web.Request, level: Level) -> web.Response:
    """Give the value of a metadata as text; its name may be its number.

    The header `ETag` names the revision; a request whose `If-None-Match` names it, too, is
    answered by 304. A resource without that metadata: 404, without a body.
    """
    number = _number(request)
    question = DescribeMetadata(level=level, id=params.resource_id(request), number=number)
    found = await ask(request, question)
    if found is None:
        return bare_answer(404)
    if revisions.is_known(request, found.revision):
        return revisions.not_modified(found.revision)
    response = text_answer(found.value)
    response.headers[hdrs.ETAG] = revisions.etag(found.revision)
    return response


@routes.put("/{level}/{id}/metadata/{name}", bare=(Forbidden,))
async def set_metadata(request: web.Request, level: Level) -> web.Response:
    """Write a user's metadata (numbers 1024 to 65535): the body is its value.

    `If-Match` names the revision that is to be overwritten: 409 if there is another one by now.
    Where the option CheckRevisions is on, what is there is not overwritten without it.
    """
    number = _number(request)
    expected = revisions.expected(request)
    command = SetMetadata(
        level=level,
        id=params.resource_id(request),
        number=number,
        value=await read_text(request),
        expected=expected,
    )
    written = await ask(request, command)
    response = done()
    response.headers[hdrs.ETAG] = revisions.etag(written.revision)
    return response


@routes.delete("/{level}/{id}/metadata/{name}", bare=(Forbidden,))
async def delete_metadata(request: web.Request, level: Level) -> web.Response:
    """Delete a user's metadata; `If-Match` as for PUT."""
    number = _number(request)
    if not is_user_number(number):
        raise Forbidden
    command = DeleteMetadata(
        level=level,
        id=params.resource_id(request),
        number=number,
        expected=revisions.expected_for_deletion(request),
    )
    try:
        await ask(request, command)
    except UnknownItem as error:
        # Orthanc's code for what is missing; an unknown name has another one.
        raise UnknownResource("There is no such metadata.") from error
    return done()


def _number(request: web.Request) -> int:
    return vocabulary(request).metadata.number(request.match_info["name"])
