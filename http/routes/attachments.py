"""Attachments: the files of resources, the archive's own and those that users give."""

from collections.abc import Callable

from aiohttp import hdrs, web
from multidict import CIMultiDict

from repertory.actors.messages.attachments import (
    CheckAttachment,
    DeleteAttachment,
    LendFile,
    ListAttachments,
    ReadFile,
    ReadStoredFile,
    StoreAttachment,
    VerifyFile,
)
from repertory.actors.messages.places import ListPlaces
from repertory.conf.storages import storage_names
from repertory.errors import BadRequest, Forbidden, UnknownItem, UnknownResource
from repertory.http import params, revisions, views
from repertory.http.answers import JSON_TYPE, answer, done, headers_for, ready_answer, text_answer
from repertory.http.bodies import Intake, pieces
from repertory.http.bridge import SETTINGS, ask
from repertory.http.downloads import disposition, send_file
from repertory.http.names import vocabulary
from repertory.http.routing import Routes
from repertory.items import is_user_number, written
from repertory.model import Attachment, Compression, ContentType, Level, ResourceRef

routes = Routes()

_OPERATIONS = (
    "compress",
    "compressed-data",
    "compressed-md5",
    "compressed-size",
    "data",
    "info",
    "is-compressed",
    "md5",
    "size",
    "uncompress",
    "verify-md5",
    "uuid",
)
"""In Orthanc's order."""

_MIME_TYPES = {
    int(ContentType.DICOM): "application/dicom",
    int(ContentType.DICOM_AS_JSON): JSON_TYPE,
}


async def _list(request: web.Request, level: Level) -> tuple[Attachment, ...]:
    return await ask(request, ListAttachments(level=level, id=params.resource_id(request)))


def _number(request: web.Request) -> int:
    return vocabulary(request).attachments.number(request.match_info["name"])


async def _find(request: web.Request, level: Level) -> Attachment:
    """The attachment in the path.

    Raises:
        UnknownItem: its name is unknown.
        UnknownResource: the resource is unknown, or has none such.
    """
    number = _number(request)
    for attachment in await _list(request, level):
        if attachment.content_type == number:
            return attachment
    raise UnknownResource("There is no such attachment.")


async def _tell(
    request: web.Request, level: Level, write: Callable[[Attachment], web.Response]
) -> web.Response:
    """Answer something about the attachment in the path, with its ETag."""
    attachment = await _find(request, level)
    if revisions.is_known(request, written(attachment)):
        return revisions.not_modified(written(attachment))
    response = write(attachment)
    response.headers[hdrs.ETAG] = revisions.etag(written(attachment))
    return response


@routes.get("/{level}/{id}/attachments")
async def list_attachments(request: web.Request, level: Level) -> web.Response:
    """List the names of a resource's attachments.

    - `full`: give their numbers, too.
    """
    names = vocabulary(request).attachments
    found = {names.name(it.content_type): it.content_type for it in await _list(request, level)}
    return answer(found if params.flag(request, "full") else list(found))


@routes.get("/{level}/{id}/attachments/{name}")
async def list_operations(request: web.Request, level: Level) -> web.Response:
    """List what can be asked of an attachment; its name may be its number.

    Here and below, the header `ETag` names the revision, and a request whose `If-None-Match`
    names it, too, is answered by 304.
    """
    return await _tell(request, level, lambda _: answer(_OPERATIONS))


@routes.put("/{level}/{id}/attachments/{name}", bare=(Forbidden,))
async def store_attachment(request: web.Request, level: Level) -> web.Response:
    """Give a resource a file of the user's (numbers 1024 to 65535): the body is its content.

    It takes the place of the one that was there. `If-Match` names the revision that is to be
    replaced: 409 if there is another one by now. Where the option CheckRevisions is on, what is
    there is not replaced without it.
    """
    number = _number(request)
    expected = revisions.expected(request)
    id_ = params.resource_id(request)
    # Refused before a long body is received; it is checked once more when all is there.
    await ask(request, CheckAttachment(level=level, id=id_, content_type=number, expected=expected))
    async with Intake(request, expected=request.content_length or 0) as intake:
        async for piece in pieces(request):
            await intake.add(piece)
        command = StoreAttachment(
            level=level,
            id=id_,
            content_type=number,
            content=await intake.finish(),
            expected=expected,
        )
        stored = await ask(request, command)
    response = ready_answer({})
    response.headers[hdrs.ETAG] = revisions.etag(written(stored))
    return response


@routes.delete("/{level}/{id}/attachments/{name}", bare=(Forbidden,))
async def delete_attachment(request: web.Request, level: Level) -> web.Response:
    """Delete a user's attachment, or an obsolete `dicom-as-json`; `If-Match` as for PUT."""
    number = _number(request)
    if not is_user_number(number) and number != ContentType.DICOM_AS_JSON:
        raise Forbidden
    command = DeleteAttachment(
        level=level,
        id=params.resource_id(request),
        content_type=number,
        expected=revisions.expected_for_deletion(request),
    )
    try:
        await ask(request, command)
    except UnknownItem as error:
        # Orthanc's code for what is missing; an unknown name has another one.
        raise UnknownResource("There is no such attachment.") from error
    return done()


@routes.get("/{level}/{id}/attachments/{name}/data")
async def download_attachment(request: web.Request, level: Level) -> web.StreamResponse:
    """Give the content of an attachment, uncompressed; `Range` is honoured.

    - `filename`: the name that the client is told; otherwise the file's UUID.
    """
    it = await _find(request, level)
    owner = ResourceRef(level, params.resource_id(request))
    if revisions.is_known(request, written(it)):
        return revisions.not_modified(written(it))
    kind = vocabulary(request).mime_types.get(it.content_type) or _MIME_TYPES.get(
        it.content_type, "application/octet-stream"
    )
    return await send_file(
        request,
        _headers(request, it, kind),
        it.uncompressed_size,
        lambda start, length: ReadFile(attachment=it, start=start, length=length, owner=owner),
        uuid=it.uuid,
        lend=LendFile(level=level, id=owner.id, content_type=it.content_type),
    )


@routes.get("/{level}/{id}/attachments/{name}/compressed-data")
async def download_stored_file(request: web.Request, level: Level) -> web.StreamResponse:
    """Give the bytes of an attachment as they are on the disk; `Range` is honoured.

    - `filename`: the name that the client is told; otherwise the file's UUID.
    """
    it = await _find(request, level)
    owner = ResourceRef(level, params.resource_id(request))
    if revisions.is_known(request, written(it)):
        return revisions.not_modified(written(it))
    return await send_file(
        request,
        _headers(request, it, "application/octet-stream"),
        it.compressed_size,
        lambda start, length: ReadStoredFile(
            attachment=it, start=start, length=length, owner=owner
        ),
        uuid=it.uuid,
    )


def _headers(request: web.Request, it: Attachment, kind: str) -> "CIMultiDict[str]":
    headers = headers_for(kind)
    headers[hdrs.ETAG] = revisions.etag(written(it))
    name = request.query.get("filename") or it.uuid
    headers[hdrs.CONTENT_DISPOSITION] = disposition(name, attached=False)
    return headers


@routes.get("/{level}/{id}/attachments/{name}/size")
async def tell_size(request: web.Request, level: Level) -> web.Response:
    """Tell how many bytes an attachment has."""
    return await _tell(request, level, lambda it: text_answer(str(it.uncompressed_size)))


@routes.get("/{level}/{id}/attachments/{name}/compressed-size")
async def tell_compressed_size(request: web.Request, level: Level) -> web.Response:
    """Tell how many bytes an attachment has on the disk."""
    return await _tell(request, level, lambda it: text_answer(str(it.compressed_size)))


def _sum_answer(md5: str) -> web.Response:
    if not md5:
        raise UnknownItem
    return text_answer(md5)


@routes.get("/{level}/{id}/attachments/{name}/md5", bare=(UnknownItem,))
async def tell_md5(request: web.Request, level: Level) -> web.Response:
    """Give the MD5 sum of an attachment; 404 where none is kept."""
    return await _tell(request, level, lambda it: _sum_answer(it.uncompressed_md5))


@routes.get("/{level}/{id}/attachments/{name}/compressed-md5", bare=(UnknownItem,))
async def tell_compressed_md5(request: web.Request, level: Level) -> web.Response:
    """Give the MD5 sum of an attachment as it is on the disk; 404 where none is kept."""
    return await _tell(request, level, lambda it: _sum_answer(it.compressed_md5))


@routes.get("/{level}/{id}/attachments/{name}/is-compressed")
async def tell_compression(request: web.Request, level: Level) -> web.Response:
    """Tell whether an attachment is compressed on the disk: `0` or `1`."""
    return await _tell(
        request,
        level,
        lambda it: text_answer("0" if it.compression is Compression.NONE else "1"),
    )


@routes.get("/{level}/{id}/attachments/{name}/uuid")
async def tell_uuid(request: web.Request, level: Level) -> web.Response:
    """Give the name of an attachment's file in the storage area."""
    return await _tell(request, level, lambda it: text_answer(it.uuid))


@routes.get("/{level}/{id}/attachments/{name}/info")
async def describe_attachment(request: web.Request, level: Level) -> web.Response:
    """Describe an attachment: its UUID, its number, its sizes and MD5 sums.

    Where files lie in several storages, `Storage` is the name of the one that it lies in.
    """
    if len(storage_names(request.app[SETTINGS])) == 1:
        return await _tell(request, level, lambda it: answer(views.attachment(it)))
    names = {place.number: place.name for place in await ask(request, ListPlaces())}
    return await _tell(
        request, level, lambda it: answer({**views.attachment(it), "Storage": names[it.location]})
    )


@routes.post("/{level}/{id}/attachments/{name}/verify-md5", bare=(BadRequest,))
async def verify_attachment(request: web.Request, level: Level) -> web.Response:
    """Read an attachment from the disk, and compare its MD5 sum with the one kept.

    `{}` where they agree, 500 with Orthanc's code 20 where they do not, with code 2006 where the
    file is lost; 400 where there is no such attachment, or no MD5 sum of it.
    """
    number = _number(request)
    found = [it for it in await _list(request, level) if it.content_type == number]
    if not found or not found[0].compressed_md5:
        raise BadRequest
    owner = ResourceRef(level, params.resource_id(request))
    await ask(request, VerifyFile(attachment=found[0], owner=owner))
    return ready_answer({})
