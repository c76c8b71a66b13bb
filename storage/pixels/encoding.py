"""Encoding frames by the codecs."""

import io
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydicom.pixels.encoders.base import get_encoder
from pydicom.uid import UID

from repertory.storage.pixels.frames import Shape
from repertory.storage.pixels.syntaxes import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_SV1,
    JPEG_LS,
    JPEG_LS_NEAR,
    RLE,
)


class Unencodable(Exception):
    """Such pixels cannot be encoded so; the message says why."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Frames as a codec wrote them, and what has to be said of them."""

    frames: list[bytes]
    photometric: str
    planar: int = 0


def encode(shape: Shape, frames: list[bytes], syntax: str, quality: int) -> Encoded:
    """Encode frames, those of a lossy syntax with a ``quality`` from 1 to 100.

    Raises:
        Unencodable: it cannot be done.
    """
    try:
        return _ENCODERS[syntax](shape, frames, syntax, quality)
    except Unencodable:
        raise
    # Whatever a codec raises: it does not take such pixels.
    except Exception as error:
        raise Unencodable("No codec encodes such pixels.") from error


def _options(shape: Shape, photometric: str) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rows": shape.rows,
        "columns": shape.columns,
        "samples_per_pixel": shape.samples,
        "number_of_frames": 1,
        "bits_allocated": shape.allocated,
        "bits_stored": shape.stored,
        "pixel_representation": shape.representation,
        "photometric_interpretation": photometric,
    }
    if shape.samples > 1:
        options["planar_configuration"] = 0
    return options


def _by_pydicom(
    shape: Shape, frames: list[bytes], syntax: str, photometric: str, **more: Any
) -> list[bytes]:
    encoder = get_encoder(UID(syntax))
    options = {**_options(shape, photometric), **more}
    encoded = []
    for frame in frames:
        try:
            encoded.append(bytes(encoder.encode(frame, index=0, **options)))
        except RuntimeError:
            # OpenJPEG wants 32 pixels a side, and pyjpegls has no room for noise: gdcm does it.
            if syntax not in (JPEG_LS, JPEG_2000_LOSSLESS) or shape.samples > 1:
                raise
            encoded.append(_by_gdcm(shape, frame, syntax))
    return encoded


def _rle(shape: Shape, frames: list[bytes], syntax: str, _quality: int) -> Encoded:
    # gdcm's own ends the process where planes are odd.
    own = {"encoding_plugin": "pydicom"}
    return Encoded(
        _by_pydicom(shape, frames, syntax, shape.photometric, **own), shape.photometric, 1
    )


def _jpeg_ls(shape: Shape, frames: list[bytes], syntax: str, quality: int) -> Encoded:
    more = {}
    if syntax == JPEG_LS_NEAR:
        _refuse_palette(shape)
        # The greatest error of a sample, of 256 values one for each ten of quality.
        error = max(1, round((100 - quality) / 10))
        more["jls_error"] = min(255, error << _growth(shape, frames))
    return Encoded(_by_pydicom(shape, frames, syntax, shape.photometric, **more), shape.photometric)


def _jpeg_2000(shape: Shape, frames: list[bytes], syntax: str, quality: int) -> Encoded:
    lossless = syntax == JPEG_2000_LOSSLESS
    photometric, more = shape.photometric, {}
    if photometric == "RGB":
        photometric = "YBR_RCT" if lossless else "YBR_ICT"
    if not lossless:
        _refuse_palette(shape)
        # Peak signal-to-noise ratio, in decibels: of 256 values 30 to 50. The peak is that of all
        # bits that are stored, each of which is 6 decibels.
        bits = max(0, shape.stored - 8) - _growth(shape, frames)
        more["j2k_psnr"] = [30 + quality / 5 + 6 * bits]
    return Encoded(_by_pydicom(shape, frames, syntax, photometric, **more), photometric)


def _jpeg_lossless(shape: Shape, frames: list[bytes], syntax: str, _quality: int) -> Encoded:
    if shape.allocated > 16:
        raise Unencodable("JPEG has samples of 16 bits at most.")
    encoded = [_by_gdcm(shape, frame, syntax) for frame in frames]
    return Encoded(encoded, shape.photometric)


def _by_gdcm(shape: Shape, frame: bytes, syntax: str) -> bytes:
    gdcm = import_module("gdcm")
    writer = gdcm.ImageWriter()
    image = writer.GetImage()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((shape.columns, shape.rows, 1))
    kind = gdcm.PhotometricInterpretation.GetPIType(shape.photometric)
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    image.SetPixelFormat(
        gdcm.PixelFormat(
            shape.samples, shape.allocated, shape.stored, shape.stored - 1, shape.representation
        )
    )
    if shape.samples > 1:
        image.SetPlanarConfiguration(0)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(frame + b"\0" * (len(frame) % 2))
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    change.SetInput(image)
    if not change.Change():
        raise Unencodable("No codec encodes such pixels.")
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    if fragments is None:
        raise Unencodable("No codec encodes such pixels.")
    pieces = (
        fragments.GetFragment(number).GetByteValue().GetBuffer()
        for number in range(fragments.GetNumberOfFragments())
    )
    return b"".join(piece.encode("utf-8", "surrogateescape") for piece in pieces)


def _jpeg_baseline(shape: Shape, frames: list[bytes], _syntax: str, quality: int) -> Encoded:
    modes = {"MONOCHROME1": "L", "MONOCHROME2": "L", "RGB": "RGB", "YBR_FULL": "YCbCr"}
    mode = modes.get(shape.photometric)
    if mode is None or shape.allocated != 8 or shape.representation:
        raise Unencodable("JPEG Baseline has unsigned samples of 8 bits, and no palette.")
    images = import_module("PIL.Image")
    encoded = []
    for frame in frames:
        image = images.frombytes(mode, (shape.columns, shape.rows), frame)
        target = io.BytesIO()
        # 4:2:2, as PS3.5 8.2.1 has colour.
        image.save(target, format="JPEG", quality=quality, subsampling=1)
        encoded.append(target.getvalue())
    return Encoded(encoded, shape.photometric if mode == "L" else "YBR_FULL_422")


def _growth(shape: Shape, frames: list[bytes]) -> int:
    """How many bits an error may grow by where samples have more than eight.

    Half of those by which they have more, of the bits that the image makes use of: most have
    room for more values than there are, and a viewer shows fewer.
    """
    numpy = import_module("numpy")
    kind = f"<{'i' if shape.representation else 'u'}{shape.width}"
    arrays = [numpy.frombuffer(frame, kind) for frame in frames]
    span = max(int(it.max()) for it in arrays) - min(int(it.min()) for it in arrays)
    return max(0, span.bit_length() - 8) // 2


def _refuse_palette(shape: Shape) -> None:
    if shape.photometric == "PALETTE COLOR":
        raise Unencodable("The numbers of a palette must not be changed.")


_ENCODERS = {
    RLE: _rle,
    JPEG_BASELINE: _jpeg_baseline,
    JPEG_LOSSLESS: _jpeg_lossless,
    JPEG_LOSSLESS_SV1: _jpeg_lossless,
    JPEG_LS: _jpeg_ls,
    JPEG_LS_NEAR: _jpeg_ls,
    JPEG_2000_LOSSLESS: _jpeg_2000,
    JPEG_2000: _jpeg_2000,
}
