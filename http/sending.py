"""Bodies of requests that send resources to others."""

from typing import Any

from aiohttp import web

from repertory.actors.messages.finding import DescribeMany
from repertory.errors import BadRequest, UnknownResource
from repertory.http.bridge import ask
from repertory.http.finding import Fields
from repertory.http.modalities import read_body
from repertory.model import Level, ResourceId


async def read_sending(request: web.Request) -> Fields:
    """The fields of a body that names resources: an identifier, an array of them, or an object.

    Raises:
        BadRequest: it is something else.
    """
    body: Any = await read_body(request)
    if isinstance(body, str):
        body = {"Resources": [body]}
    elif isinstance(body, list):
        body = {"Resources": body}
    if not isinstance(body, dict):
        raise BadRequest("The body must be an identifier, an array, or an object.")
    return Fields(body)


async def what_to_send(request: web.Request, fields: Fields) -> dict[str, list[str]]:
    """The parameters of a job that sends: the resources, and the instances that they are.

    Raises:
        UnknownResource: one of them is not there.
    """
    wanted = tuple(dict.fromkeys(map(ResourceId, fields.texts("Resources"))))
    found = await ask(request, DescribeMany(ids=wanted))
    if len(found) < len(wanted):
        raise UnknownResource
    instances = await ask(request, DescribeMany(ids=wanted, at=Level.INSTANCE))
    return {"ParentResources": list(wanted), "Instances": [it.id for it in instances]}
