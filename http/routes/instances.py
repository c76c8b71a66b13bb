"""Instances coming in."""

from collections.abc import AsyncIterator
from typing import Any

from aiohttp import BodyPartReader, hdrs, web
from aiohttp.http import HttpProcessingError

from repertory.actors.messages.instances import StoreInstance, StoreZip
from repertory.errors import BadRequest, NotDicom, TooLarge, Unsupported
from repertory.http import views
from repertory.http.answers import answer
from repertory.http.auth import current_origin, current_user, plain_address
from repertory.http.bodies import PIECE_SIZE, Intake, in_time, invite, pieces, room_for_body
from repertory.http.bridge import ask
from repertory.http.routing import Routes
from repertory.model import Origin

routes = Routes()

ZIP_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
"""APPNOTE.TXT 4.3.7 and 4.3.16: a local file header, or the end of an empty archive."""


_TRANSFER_ENCODINGS = ("binary", "8bit", "7bit", "base64", "quoted-printable")
"""RFC 2045 section 6.1."""


@routes.post("/instances")
async def upload_instance(request: web.Request) -> web.Response:
    """Store what the body holds: a DICOM file, or a ZIP archive of DICOM files.

    The Content-Type does not matter, except for `multipart/form-data`, each file of which is
    stored. `Content-Encoding: gzip` and chunked bodies are accepted. The answer names the
    instance and its parents, with its `Status`: `Success`, or `AlreadyStored`; for a ZIP archive,
    and for a form with several files, it is an array of such answers. Entries of a ZIP archive
    that are not DICOM files are passed over.
    """
    if request.content_type == "multipart/form-data":
        stored: list[Any] = []
        async for files in _form_files(request):
            receipt = await _store(request, files, expected=0)
            stored.extend(receipt if isinstance(receipt, list) else [receipt])
        if not stored:
            raise NotDicom("The form holds no file.")
        return answer(stored[0] if len(stored) == 1 else stored)
    expected = request.content_length or 0
    return answer(await _store(request, pieces(request), expected=expected))


async def _store(
    request: web.Request, content: AsyncIterator[bytes], *, expected: int
) -> views.Object | list[views.Object]:
    async with Intake(request, expected=expected) as intake:
        async for piece in content:
            await intake.add(piece)
        body = await intake.finish()
        if not body:
            raise NotDicom("The body is empty.")
        origin = Origin(
            kind=current_origin.get(),
            remote_ip=plain_address(request.remote or ""),
            http_username=current_user.get(),
        )
        if intake.beginning in ZIP_BEGINNINGS:
            receipts = await ask(request, StoreZip(content=body, origin=origin))
            return [views.store_receipt(receipt) for receipt in receipts]
        receipt = await ask(request, StoreInstance(content=body, origin=origin))
        return views.store_receipt(receipt)


async def _form_files(request: web.Request) -> AsyncIterator[AsyncIterator[bytes]]:
    """The files of a form, one after the other; each must be read before the next."""
    room = room_for_body(request)
    await invite(request)

    async def read(part: BodyPartReader) -> AsyncIterator[bytes]:
        nonlocal room
        if part.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise Unsupported("A file in a form cannot be packed.")
        transfer = part.headers.get(hdrs.CONTENT_TRANSFER_ENCODING, "binary").lower()
        if transfer not in _TRANSFER_ENCODINGS:
            raise BadRequest("The form's Content-Transfer-Encoding is not known.")
        while piece := await in_time(request, part.read_chunk(PIECE_SIZE)):
            room -= len(piece)
            if room < 0:
                raise TooLarge
            yield piece
        if request.content.at_eof():  # the boundary that ends a file still has to be read
            raise BadRequest("The form ends within a file.")

    try:
        parts = await request.multipart()
        while (part := await in_time(request, parts.next())) is not None:
            if isinstance(part, BodyPartReader) and part.filename is not None:
                yield read(part)
    except (ValueError, HttpProcessingError) as error:
        raise BadRequest("The form cannot be read.") from error
