"""ZIP archives of resources, and media with a DICOMDIR: sent while they are made."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from repertory.actors.messages.archives import (
    AbandonArchive,
    ArchiveForm,
    BeginArchive,
    ReadArchive,
)
from repertory.actors.messages.resources import DescribeResource
from repertory.errors import BadRequest, RepertoryError, Unsupported
from repertory.http import params
from repertory.http.answers import headers_for
from repertory.http.bodies import read_text
from repertory.http.bridge import BOARD, SETTINGS, ask
from repertory.http.downloads import disposition
from repertory.http.finding import Fields
from repertory.http.jobs import Submission, submit
from repertory.http.routing import Routes
from repertory.jobs import Object
from repertory.model import Level, ResourceId

routes = Routes()

log = structlog.get_logger(__name__)

ABOVE_INSTANCES = (Level.PATIENT, Level.STUDY, Level.SERIES)

_NO_TRANSCODING = "This archive does not transcode."


@dataclass(frozen=True, slots=True)
class Order:
    """What a request wants: resources, in which form, under which name."""

    ids: tuple[ResourceId, ...]
    level: Level | None
    form: ArchiveForm
    filename: str
    how: Submission | None = None


@routes.get("/{level}/{id}/archive", levels=ABOVE_INSTANCES)
async def download_archive(request: web.Request, level: Level) -> web.StreamResponse:
    """Give a ZIP archive of the instances of a resource.

    It is made while it is sent, hence has no length. Instances that cannot be read are left out,
    and told of in `missing-instances.json` at its end.

    - `filename`: the name that the client is told; otherwise the identifier.
    - `permissive`: `false` breaks the answer off where an instance cannot be read.
    """
    return await _send(request, _from_query(request, level, media=False))


@routes.post("/{level}/{id}/archive", levels=ABOVE_INSTANCES)
async def make_archive(request: web.Request, level: Level) -> web.StreamResponse:
    """Give a ZIP archive of the instances of a resource, as the body, an object, wants it.

    - `Filename`: the name that the client is told.
    - `Utf8`: whether names in the archive keep letters beyond ASCII (`ZipUseUtf8`).
    - `Permissive`: `false` breaks the answer off where an instance cannot be read (`true`).
    - `Asynchronous`: let a job make it, and answer `{ID, Path}`; `GET /jobs/{ID}/archive` gives
      it from then on, whole or in ranges, until the job is forgotten.
    - `Priority`, `UserData`: of the job.
    """
    return await _send(request, await _from_body(request, level, media=False))


@routes.get("/{level}/{id}/media", levels=ABOVE_INSTANCES)
async def download_media(request: web.Request, level: Level) -> web.StreamResponse:
    """Give a ZIP archive that can be written to a medium: with a DICOMDIR, and files in `IMAGES`.

    - `extended`: with optional elements in the DICOMDIR.
    - `filename`, `permissive`: as for archives.
    """
    return await _send(request, _from_query(request, level, media=True))


@routes.post("/{level}/{id}/media", levels=ABOVE_INSTANCES)
async def make_media(request: web.Request, level: Level) -> web.StreamResponse:
    """Give a ZIP archive that can be written to a medium, as the body, an object, wants it.

    - `Extended`: with optional elements in the DICOMDIR.
    - `Filename`, `Permissive`, `Asynchronous`, `Priority`, `UserData`: as for archives.
    """
    return await _send(request, await _from_body(request, level, media=True))


@routes.get("/tools/create-archive")
async def download_archive_of_many(request: web.Request) -> web.StreamResponse:
    """Give a ZIP archive of several resources, of whatever levels.

    - `resources`: their identifiers, separated by commas; required.
    - `filename`, `permissive`: as for one resource.
    """
    return await _send(request, _from_query(request, None, media=False))


@routes.post("/tools/create-archive")
async def make_archive_of_many(request: web.Request) -> web.StreamResponse:
    """Give a ZIP archive of several resources, of whatever levels.

    The body is an array of their identifiers, or an object.

    - `Resources`: their identifiers; required.
    - `Filename`, `Utf8`, `Permissive`, `Asynchronous`, `Priority`, `UserData`: as for one resource.
    """
    return await _send(request, await _from_body(request, None, media=False))


@routes.get("/tools/create-media")
async def download_media_of_many(request: web.Request) -> web.StreamResponse:
    """Give several resources, of whatever levels, as they can be written to a medium.

    - `resources`: their identifiers, separated by commas; required.
    - `extended`, `filename`, `permissive`: as for one resource.
    """
    return await _send(request, _from_query(request, None, media=True))


@routes.post("/tools/create-media")
async def make_media_of_many(request: web.Request) -> web.StreamResponse:
    """Give several resources, of whatever levels, as they can be written to a medium.

    The body is an array of their identifiers, or an object.

    - `Resources`: their identifiers; required.
    - `Extended`, `Filename`, `Permissive`, `Asynchronous`, `Priority`, `UserData`: as for one
      resource.
    """
    return await _send(request, await _from_body(request, None, media=True))


@routes.get("/tools/create-media-extended")
async def download_extended_media_of_many(request: web.Request) -> web.StreamResponse:
    """The same as `/tools/create-media`, with optional elements in the DICOMDIR."""
    return await _send(request, _from_query(request, None, media=True, extended=True))


@routes.post("/tools/create-media-extended")
async def make_extended_media_of_many(request: web.Request) -> web.StreamResponse:
    """The same as `/tools/create-media`, with optional elements in the DICOMDIR."""
    return await _send(request, await _from_body(request, None, media=True, extended=True))


def _from_query(
    request: web.Request, level: Level | None, *, media: bool, extended: bool = False
) -> Order:
    if "transcode" in request.query:
        raise Unsupported(_NO_TRANSCODING)
    if level is None:
        if "resources" not in request.query:
            raise BadRequest("The resources are missing: ?resources=ID,ID")
        ids = _unique(params.words(request, "resources", separator=","))
    else:
        ids = (params.resource_id(request),)
    form = ArchiveForm(
        media=media,
        extended=extended or params.flag(request, "extended"),
        utf8=request.app[SETTINGS].zip_use_utf8,
        permissive=params.switch(request, "permissive", default=True),
    )
    name = request.query.get("filename")
    return Order(ids, level, form, name or _name(ids, level))


async def _from_body(
    request: web.Request, level: Level | None, *, media: bool, extended: bool = False
) -> Order:
    body = await _read(request, level)
    fields = Fields({} if isinstance(body, list) else body)
    if level is not None:
        ids: tuple[ResourceId, ...] = (params.resource_id(request),)
    elif isinstance(body, list):
        ids = _unique(Fields({"Resources": body}).texts("Resources"))
    else:
        fields.need("Resources", list)
        ids = _unique(fields.texts("Resources"))
    if "Transcode" in fields:
        raise Unsupported(_NO_TRANSCODING)
    how = Submission(fields)
    form = ArchiveForm(
        media=media,
        extended=fields.get("Extended", default=extended),
        utf8=fields.get("Utf8", default=request.app[SETTINGS].zip_use_utf8),
        permissive=fields.get("Permissive", default=True),
    )
    return Order(ids, level, form, fields.get("Filename", "") or _name(ids, level), how)


async def _read(request: web.Request, level: Level | None) -> "dict[str, Any] | list[Any]":
    try:
        body = json.loads(await read_text(request))
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if isinstance(body, dict) or (isinstance(body, list) and level is None):
        return body
    raise BadRequest("The body must be a JSON object.")


def _unique(ids: tuple[str, ...]) -> tuple[ResourceId, ...]:
    return tuple(ResourceId(id_) for id_ in dict.fromkeys(ids))


def _name(ids: tuple[ResourceId, ...], level: Level | None) -> str:
    return "Archive.zip" if level is None else f"{ids[0]}.zip"


async def _submit(request: web.Request, order: Order, how: Submission) -> web.Response:
    """Let a job make it; whether the resources are there is asked at once."""
    if order.level is not None:
        await ask(request, DescribeResource(level=order.level, id=order.ids[0]))
    parameters: Object = {
        "Resources": list(order.ids),
        "Extended": order.form.extended,
        "Utf8": order.form.utf8,
        "Permissive": order.form.permissive,
        "Filename": order.filename,
    }
    if order.level is not None:
        parameters["Level"] = order.level.word
    return await submit(request, "Media" if order.form.media else "Archive", parameters, how)


async def _send(request: web.Request, order: Order) -> web.StreamResponse:
    if order.how is not None and not order.how.synchronous:
        return await _submit(request, order, order.how)
    question = BeginArchive(ids=order.ids, level=order.level, form=order.form)
    archive = await ask(request, question)
    headers = headers_for(
        "application/zip", content_disposition=disposition(order.filename, attached=False)
    )
    response = web.StreamResponse(headers=headers)
    ended = False
    ahead: asyncio.Task[bytes] | None = None
    try:
        parcel = await ask(request, ReadArchive(archive=archive))
        await response.prepare(request)
        while parcel:
            ahead = asyncio.create_task(ask(request, ReadArchive(archive=archive)))
            await response.write(parcel)
            parcel = await ahead
        ended = True
        await response.write_eof()
    except RepertoryError as error:
        ended = True  # the archiver has forgotten it
        if not response.prepared:
            raise
        # The status is sent: all that can be done is not to let the client take it for whole.
        log.error(  # noqa: TRY400 - the reason is said, the way here is known
            "archive_interrupted", error=type(error).__name__
        )
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the archive could not be sent to its end") from error
    finally:
        if not ended:
            # Nobody waits for the answer: the client is gone.
            request.app[BOARD].ask_soon(AbandonArchive(archive=archive))
        if ahead is not None:
            ahead.cancel()
    return response
