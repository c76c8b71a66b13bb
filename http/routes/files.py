"""Instances going out: their files and their tags."""

from aiohttp import hdrs, web

from repertory.actors.messages.attachments import (
    LendFile,
    ReadAttachment,
    ReadFile,
    ReadHeader,
    ReadTags,
)
from repertory.actors.messages.transcoding import ReadTranscoded
from repertory.http import params
from repertory.http.answers import answer, headers_for
from repertory.http.bodies import PIECE_SIZE
from repertory.http.bridge import ask
from repertory.http.downloads import disposition, stream
from repertory.http.passing import can_send, send_path
from repertory.http.routing import Routes
from repertory.maintags import TAGS
from repertory.model import Level, ResourceRef, TagForm

routes = Routes()


@routes.get("/instances/{id}/file")
async def download_instance(request: web.Request) -> web.StreamResponse:
    """Give the DICOM file of an instance, as it was received.

    - `filename`: the name that the client is told; otherwise the identifier with `.dcm`.
    - `transcode`: the transfer syntax that the file shall have, by its UID; where it loses
      something, the file gets another SOPInstanceUID.
    - `lossy-quality`: 1 to 100, for such syntaxes (`DicomLossyTranscodingQuality`).
    """
    id_ = params.resource_id(request)
    headers = headers_for(
        "application/dicom",
        content_disposition=disposition(request.query.get("filename") or f"{id_}.dcm"),
    )
    if "transcode" in request.query:
        syntax, quality = params.transcoding(request)
        wanted = ReadTranscoded(id=id_, syntaxes=(syntax,), quality=quality)
        made = await ask(request, wanted)
        return web.Response(body=made.content, headers=headers)
    just_looking = request.method == "HEAD"
    if not just_looking and can_send(request):
        lent = await ask(request, LendFile(level=Level.INSTANCE, id=id_))
        if lent.path is not None:
            size = lent.attachment.uncompressed_size
            sent = await send_path(request, lent.path, size, headers=headers)
            if sent is not None:
                return sent
    question = ReadAttachment(
        level=Level.INSTANCE, id=id_, length=1 if just_looking else PIECE_SIZE
    )
    first = await ask(request, question)
    if just_looking:
        headers[hdrs.CONTENT_LENGTH] = str(first.attachment.uncompressed_size)
        return web.Response(headers=headers)
    if len(first.content) >= first.attachment.uncompressed_size:
        return web.Response(body=first.content, headers=headers)
    headers[hdrs.CONTENT_LENGTH] = str(first.attachment.uncompressed_size)
    it = first.attachment
    return await stream(
        request,
        web.StreamResponse(headers=headers),
        first.content,
        (0, it.uncompressed_size),
        lambda start, length: ReadFile(
            attachment=it, start=start, length=length, owner=ResourceRef(Level.INSTANCE, id_)
        ),
        uuid=it.uuid,
    )


async def _tags(request: web.Request, default: TagForm) -> web.Response:
    ignored = (
        TAGS.get(word, word.lower().replace("-", ","))
        for word in params.words(request, "ignore-length", separator=",")
    )
    question = ReadTags(
        id=params.resource_id(request),
        ignore_length=frozenset(ignored),
        form=params.tag_form(request, default),
    )
    return answer(await ask(request, question))


@routes.get("/instances/{id}/tags")
async def read_tags(request: web.Request) -> web.Response:
    """Give the tags of an instance as `{"gggg,eeee": {Name, Type, Value}}`.

    - `simplify`: as `{name: value}`; `short`: as `{"gggg,eeee": value}`.
    - `ignore-length`: tags that are given whatever their length, as `gggg-eeee` joined by `,`.
    """
    return await _tags(request, TagForm.FULL)


@routes.get("/instances/{id}/simplified-tags")
async def read_simplified_tags(request: web.Request) -> web.Response:
    """Give the tags of an instance as `{name: value}`; binary and too long values are null.

    - `full`, `short`, `ignore-length`: as for `/tags`.
    """
    return await _tags(request, TagForm.SIMPLIFIED)


@routes.get("/instances/{id}/header")
async def read_header(request: web.Request) -> web.Response:
    """Give the file meta information of an instance (DICOM PS3.10 section 7.1).

    - `simplify`, `short`: as for `/tags`.
    """
    question = ReadHeader(
        id=params.resource_id(request), form=params.tag_form(request, TagForm.FULL)
    )
    return answer(await ask(request, question))
