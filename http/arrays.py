"""Arrays of many frames, as NumPy keeps them, put together on the disk."""

import asyncio
import tempfile
import zipfile
from collections.abc import AsyncIterator
from typing import IO, Any, Self

from aiohttp import hdrs, web

from repertory.actors.messages.pictures import Picture
from repertory.errors import Unsupported
from repertory.http.answers import headers_for
from repertory.http.bodies import PIECE_SIZE

_MEMORY = 32 << 20
"""Bytes that are kept in memory; more of them wait on the disk."""

_NAME = "arr_0.npy"  # what numpy.savez calls an array without a name
_ALIGNMENT = 64


class ArrayFile:
    """An array that grows frame by frame: of one shape, and of one kind of numbers."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(_MEMORY)  # noqa: SIM115 - closed below
        self._frames = 0
        self._shape: tuple[int, ...] = ()
        self._numbers = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self._file.close)

    async def add(self, some: Picture) -> None:
        """Add frames.

        Raises:
            Unsupported: they have another shape, or other numbers, than those before.
        """
        if not self._shape:
            self._shape, self._numbers = some.shape[1:], some.numbers
        if (some.shape[1:], some.numbers) != (self._shape, self._numbers):
            raise Unsupported("The instances have not all the same size and kind of pixels.")
        self._frames += some.shape[0]
        await asyncio.to_thread(self._file.write, some.content)

    async def send(self, request: web.Request, *, compress: bool) -> web.StreamResponse:
        """Answer the array as ``.npy``, or packed as ``.npz``."""
        head = npy_head((self._frames, *self._shape), self._numbers)
        if compress:
            with tempfile.SpooledTemporaryFile(_MEMORY) as packed:
                await asyncio.to_thread(self._pack, head, packed)
                return await _send(request, b"", packed)
        return await _send(request, head, self._file)

    def _pack(self, head: bytes, target: IO[bytes]) -> None:
        self._file.seek(0)
        with (
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(_NAME, "w", force_zip64=True) as entry,
        ):
            entry.write(head)
            while piece := self._file.read(PIECE_SIZE):
                entry.write(piece)


def npy_head(shape: tuple[int, ...], numbers: str) -> bytes:
    """What stands before the numbers in the format of NumPy, version 1.0 (NEP 1)."""
    text = f"{{'descr': {numbers!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    padding = -(10 + len(text) + 1) % _ALIGNMENT
    body = f"{text}{' ' * padding}\n".encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


async def _send(request: web.Request, head: bytes, file: IO[bytes]) -> web.StreamResponse:
    headers = headers_for("application/octet-stream")
    size = await asyncio.to_thread(file.seek, 0, 2)
    headers[hdrs.CONTENT_LENGTH] = str(len(head) + size)
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    if request.method != "HEAD":
        await response.write(head)
        async for piece in _pieces(file):
            await response.write(piece)
    await response.write_eof()
    return response


async def _pieces(file: IO[bytes]) -> AsyncIterator[Any]:
    await asyncio.to_thread(file.seek, 0)
    while piece := await asyncio.to_thread(file.read, PIECE_SIZE):
        yield piece
