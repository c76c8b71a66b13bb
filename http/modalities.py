"""Bodies of requests that are about other application entities."""

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repertory.errors import BadParameter, BadRequest, NotDicom
from repertory.http.bodies import read_text
from repertory.http.bridge import SETTINGS
from repertory.http.finding import Fields
from repertory.jobs import Object
from repertory.modalities import Modality, read_modality

_SHORTEST_TIMEOUT = 0


async def read_body(request: web.Request) -> Any:
    """The body as JSON; ``None`` where there is none, a text where it is not JSON.

    Raises:
        BadRequest: it is not text.
    """
    text = (await read_text(request)).strip()
    if not text:
        return None
    if text[0] not in '{["':
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None


async def read_optional_fields(request: web.Request) -> Fields:
    """The members of the object that is the body; none where it is empty.

    Raises:
        BadRequest: it is something else.
    """
    body = await read_body(request)
    if body is None:
        return Fields({})
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object, or empty.")
    return Fields(body)


def modality_of(body: Any) -> Modality:
    """The modality that a body describes.

    Raises:
        NotDicom: a field is missing or has a wrong value (Orthanc: bad file format).
    """
    try:
        return read_modality(body)
    except ValueError as error:
        raise NotDicom(str(error)) from None


def timeout_of(fields: Fields) -> int:
    """The field ``Timeout``, in seconds.

    Raises:
        BadParameter: it is negative.
    """
    seconds = fields.get("Timeout", 0)
    if seconds < _SHORTEST_TIMEOUT:
        raise BadParameter("The field Timeout must be 0 or more.")
    return seconds


def strings_of(members: Mapping[str, Any], name: str) -> dict[str, str]:
    """An object of which all values are strings.

    Raises:
        BadRequest: one is none.
    """
    for key, value in members.items():
        if not isinstance(value, str):
            raise BadRequest(f"In the field {name}, the value of {key[:64]} must be a string.")
    return dict(members)


def call_of(request: web.Request, fields: Fields, *, synchronous: bool) -> Object:
    """The parameters of a job that say how somebody is called, and how often it is tried again.

    Whoever waits for the answer is told at once that it cannot be, unless they say otherwise.
    """
    retries = 0 if synchronous else request.app[SETTINGS].dicom_scu_retries
    return {
        "LocalAet": fields.get("LocalAet", ""),
        "Timeout": timeout_of(fields),
        "Retries": fields.get("Retries", retries),
    }
