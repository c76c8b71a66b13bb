"""Frames and pictures of instances."""

import gzip
import math
import struct
import zlib
from asyncio import to_thread

from aiohttp import hdrs, web

from repertory.actors.messages.pictures import Picture, ReadPicture
from repertory.actors.messages.resources import DescribeResource, OrderSlices
from repertory.actors.messages.tags import ReadContent
from repertory.errors import BadParameter, UnknownItem, UnknownResource, Unsupported
from repertory.http import params
from repertory.http.answers import STANDARD_HEADERS, answer, headers_for
from repertory.http.arrays import ArrayFile
from repertory.http.bridge import ask
from repertory.http.negotiating import choose
from repertory.http.routing import TREE, Handler, Routes
from repertory.model import Level
from repertory.pictures import LARGEST_SIDE, Depiction, Encoding, PictureOrder

routes = Routes()

_NUMBER_OF_FRAMES = "0028,0008"
_FORMATS = [(it.value, it) for it in (Encoding.PNG, Encoding.JPEG, Encoding.PAM)]
_DEEP = (Depiction.UINT16, Depiction.INT16)
"""Those with samples of 16 bits, which JPEG has not."""
_PLACEHOLDER = "app/images/unsupported.png"


@routes.get("/instances/{id}/frames")
async def list_frames(request: web.Request) -> web.Response:
    """List the numbers of the frames of an instance, from 0."""
    question = DescribeResource(level=Level.INSTANCE, id=params.resource_id(request))
    text = (await ask(request, question)).main_tags.get(_NUMBER_OF_FRAMES, "").strip()
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 1
    return answer(list(range(max(count, 1))))


@routes.get("/instances/{id}/frames/{frame}", bare=(UnknownItem,))
async def list_frame_operations(request: web.Request) -> web.Response:
    """List what can be asked of a frame."""
    _frame(request)
    await ask(request, DescribeResource(level=Level.INSTANCE, id=params.resource_id(request)))
    return answer(request.app[TREE].names_below(request.path))


async def preview(request: web.Request) -> web.Response:
    """Give a picture of a frame: its least number black, its greatest white; colours as they are.

    It is PNG, JPEG or PAM, as the header Accept wants it.

    - `quality`: of JPEG, 1 to 100 (90).
    - `returnUnsupportedImage`: where there is no picture, lead to one that says so.
    """
    return await _image(request, PictureOrder(Depiction.PREVIEW))


async def rendered(request: web.Request) -> web.Response:
    """Give a frame as a viewer shows it: through the window of the file; colours as they are.

    Where the file has no window, all that there is goes from black to white. It is PNG, JPEG or
    PAM, as the header Accept wants it.

    - `window-center`, `window-width`: another window, in the units of the modality.
    - `width`, `height`: how many pixels it has at most; its shape is kept.
    - `smooth`: whether pixels are blended where its size changes.
    - `quality`, `returnUnsupportedImage`: as for `preview`.
    """
    return await _image(
        request,
        PictureOrder(
            Depiction.RENDERED,
            window=(_real(request, "window-center"), _real(request, "window-width")),
            width=_side(request, "width"),
            height=_side(request, "height"),
            smooth=params.flag(request, "smooth"),
        ),
    )


async def image_of_bytes(request: web.Request) -> web.Response:
    """Give the numbers of a frame as a picture, those outside of 0 to 255 cut off there.

    Of colours there is none. Otherwise as for `preview`.
    """
    return await _image(request, PictureOrder(Depiction.UINT8))


async def image_of_words(request: web.Request) -> web.Response:
    """Give the numbers of a frame as a picture of 16 bits, cut off at 0 and 65535.

    It is PNG or PAM. Of colours there is none.
    """
    return await _image(request, PictureOrder(Depiction.UINT16))


async def image_of_signed_words(request: web.Request) -> web.Response:
    """Give the numbers of a frame as a picture of 16 bits with a sign: -32768 to 32767.

    It is PNG or PAM, which both show negative numbers as 65536 more. Of colours there is none.
    """
    return await _image(request, PictureOrder(Depiction.INT16))


async def matlab(request: web.Request) -> web.Response:
    """Give the numbers of a frame as a matrix for Octave and MATLAB; colours in three layers."""
    order = PictureOrder(Depiction.MATLAB, frame=_frame(request))
    return _response(await _read(request, order))


async def numpy_of_frame(request: web.Request) -> web.Response:
    """Give the numbers of a frame as `.npy`: rows, columns, samples.

    - `rescale`: whether they are in the units of the modality, as 32-bit floats (they are).
    - `compress`: whether it is packed, as `.npz`.
    """
    return await _numpy(request, _frame(request))


@routes.get("/instances/{id}/numpy")
async def numpy_of_instance(request: web.Request) -> web.Response:
    """Give the numbers of all frames as `.npy`: frames, rows, columns, samples.

    - `rescale`, `compress`: as for a frame.
    """
    return await _numpy(request, None)


async def _numpy(request: web.Request, frame: int | None) -> web.Response:
    order = PictureOrder(
        Depiction.NUMPY,
        frame=frame,
        rescale=params.switch(request, "rescale", default=True),
        compress=params.flag(request, "compress"),
    )
    return _response(await _read(request, order))


_FIRST = {
    "preview": preview,
    "rendered": rendered,
    "image-uint8": image_of_bytes,
    "image-uint16": image_of_words,
    "image-int16": image_of_signed_words,
    "matlab": matlab,
}
"""What an instance can be asked for, too: of its first frame."""


def _declare(path: str, handler: Handler) -> None:
    routes.get(path, bare=(UnknownItem,))(handler)


for _name, _handler in _FIRST.items():
    _declare(f"/instances/{{id}}/frames/{{frame}}/{_name}", _handler)
    _declare(f"/instances/{{id}}/{_name}", _handler)
_declare("/instances/{id}/frames/{frame}/numpy", numpy_of_frame)


@routes.get("/instances/{id}/frames/{frame}/raw", bare=(UnknownItem,))
async def raw_frame(request: web.Request) -> web.Response:
    """Give the bytes of a frame as the file has them, compressed or not."""
    order = PictureOrder(Depiction.RAW, frame=_frame(request))
    return _response(await _read(request, order))


@routes.get("/instances/{id}/frames/{frame}/raw.gz", bare=(UnknownItem,))
async def packed_raw_frame(request: web.Request) -> web.Response:
    """Give the bytes of a frame as the file has them, packed by gzip."""
    found = await _read(request, PictureOrder(Depiction.RAW, frame=_frame(request)))
    packed = await to_thread(gzip.compress, found.content, 6, mtime=0)
    return web.Response(body=packed, headers=headers_for("application/gzip"))


@routes.get("/series/{id}/numpy")
async def numpy_of_series(request: web.Request) -> web.StreamResponse:
    """Give the numbers of a series as `.npy`: frames, rows, columns, samples.

    The frames come in the order of `/series/{id}/ordered-slices`. 415 where they have not all the
    same size.

    - `rescale`, `compress`: as for a frame.
    """
    ordered = await ask(request, OrderSlices(id=params.resource_id(request)))
    if not ordered.slices:
        raise UnknownResource
    order = PictureOrder(
        Depiction.ARRAY, frame=None, rescale=params.switch(request, "rescale", default=True)
    )
    async with ArrayFile() as array:
        for id_, _ in ordered.slices:
            await array.add(await ask(request, ReadPicture(id=id_, order=order, remember=False)))
        return await array.send(request, compress=params.flag(request, "compress"))


@routes.get("/instances/{id}/pdf", bare=(UnknownItem,))
async def read_pdf(request: web.Request) -> web.Response:
    """Give the PDF file that an instance holds (PS3.3 A.45.1); 404 where it holds none."""
    id_ = params.resource_id(request)
    kind = await ask(request, ReadContent(id=id_, path=("0042-0012",)))
    if not isinstance(kind, bytes) or kind.strip(b"\0 ") != b"application/pdf":
        raise UnknownItem
    content = await ask(request, ReadContent(id=id_, path=("0042-0011",)))
    if not isinstance(content, bytes):
        raise UnknownItem
    return web.Response(body=content, headers=headers_for("application/pdf"))


@routes.get("/app/images/unsupported.png")
async def show_placeholder(_: web.Request) -> web.Response:
    """Show what stands for pictures that there are not: a grey square with a cross."""
    return web.Response(body=_CROSS, headers=headers_for(Encoding.PNG.value))


async def _image(request: web.Request, order: PictureOrder) -> web.Response:
    formats = [it for it in _FORMATS if order.depiction not in _DEEP or it[1] is not Encoding.JPEG]
    encoding = choose(request, formats)
    ordered = PictureOrder(
        order.depiction,
        frame=_frame(request),
        encoding=encoding,
        quality=_quality(request),
        window=order.window,
        width=order.width,
        height=order.height,
        smooth=order.smooth,
    )
    try:
        return _response(await _read(request, ordered))
    except Unsupported:
        if not params.flag(request, "returnUnsupportedImage"):
            raise
    headers = STANDARD_HEADERS.copy()
    headers[hdrs.LOCATION] = "../" * (request.path.rstrip("/").count("/") - 1) + _PLACEHOLDER
    return web.Response(status=307, headers=headers)


async def _read(request: web.Request, order: PictureOrder) -> Picture:
    return await ask(request, ReadPicture(id=params.resource_id(request), order=order))


def _response(picture: Picture) -> web.Response:
    return web.Response(body=picture.content, headers=headers_for(picture.media_type))


def _frame(request: web.Request) -> int:
    """The number in the path; ``UnknownItem`` where it is none, 0 where the path has none."""
    text = request.match_info.get("frame", "0")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise UnknownItem
    return int(text)


def _quality(request: web.Request) -> int:
    text = request.query.get("quality", "90").strip()
    quality = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= quality <= 100:
        raise BadParameter("The quality must be from 1 to 100.")
    return quality


def _side(request: web.Request, name: str) -> int:
    text = request.query.get(name, "0").strip()
    side = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if not 0 <= side <= LARGEST_SIDE:
        raise BadParameter(f"The {name} must be from 0 to {LARGEST_SIDE}.")
    return side


def _real(request: web.Request, name: str) -> float | None:
    text = request.query.get(name)
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadParameter(f"The {name} must be a number.")
    return number


def _png(rows: list[bytes]) -> bytes:
    """A grey picture (ISO/IEC 15948), which needs no library."""

    def chunk(name: bytes, content: bytes) -> bytes:
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


_SIDE = 128
_CROSS = _png(
    [bytes(96 if x in (y, _SIDE - 1 - y) else 192 for x in range(_SIDE)) for y in range(_SIDE)]
)
