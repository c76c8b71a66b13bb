"""Frames: out of a data set whose values are little endian, one after the other."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from repertory.storage.pixels.syntaxes import JPEG_BASELINE, JPEG_EXTENDED, RLE, UNCOMPRESSED

LARGEST = 1 << 30
"""Bytes that all frames of a file may have together, decoded."""

_YBR_422 = "YBR_FULL_422"


class Undecodable(Exception):
    """The pixels cannot be decoded; the message says why, without what is in the file."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the Image Pixel module says of each frame (PS3.3 C.7.6.3), once it is decoded."""

    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    representation: int
    photometric: str
    frames: int

    @property
    def width(self) -> int:
        """Bytes of a sample."""
        return self.allocated // 8

    @property
    def size(self) -> int:
        """Bytes of a decoded frame."""
        return self.rows * self.columns * self.samples * self.width


def shape_of(dataset: Dataset) -> Shape:
    """What the data set says of its frames.

    Raises:
        Undecodable: it does not say it, or says what cannot be.
    """
    try:
        shape = Shape(
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=int(dataset.SamplesPerPixel),
            allocated=int(dataset.BitsAllocated),
            stored=int(dataset.get("BitsStored") or dataset.BitsAllocated),
            representation=int(dataset.get("PixelRepresentation") or 0),
            photometric=str(dataset.PhotometricInterpretation),
            frames=int(dataset.get("NumberOfFrames") or 1),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise Undecodable("The file does not describe its pixels.") from error
    if shape.allocated not in (8, 16, 32, 64):
        raise Undecodable(f"Pixels of {shape.allocated} bits cannot be transcoded.")
    if not (shape.rows and shape.columns and shape.samples in (1, 3) and shape.frames > 0):
        raise Undecodable("The file describes pixels that cannot be.")
    if not 1 <= shape.stored <= shape.allocated:
        raise Undecodable("The file describes pixels that cannot be.")
    if shape.size * shape.frames > LARGEST:
        raise Undecodable("The pixels are too many to be transcoded.")
    return shape


def decode(dataset: Dataset, syntax: str) -> tuple[Shape, list[bytes]]:
    """All frames: little endian, and with the samples of a pixel side by side.

    Raises:
        Undecodable: they cannot be decoded.
    """
    shape = shape_of(dataset)
    if "PixelData" not in dataset:
        raise Undecodable("Pixels that are not whole numbers cannot be compressed.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if syntax in UNCOMPRESSED:
            return _native(dataset, shape)
        try:
            shape, frames = _encapsulated(dataset, shape, syntax)
        except Undecodable:
            raise
        # Whatever a codec raises: it is about the file.
        except Exception as error:
            raise Undecodable("The pixels cannot be decoded.") from error
    if len(frames) != shape.frames or any(len(frame) != shape.size for frame in frames):
        raise Undecodable("The file has not the frames that it describes.")
    return shape, frames


def _native(dataset: Dataset, shape: Shape) -> tuple[Shape, list[bytes]]:
    content = dataset.PixelData
    size = shape.size
    subsampled = shape.photometric == _YBR_422
    if subsampled:
        if shape.allocated != 8 or shape.samples != 3 or shape.columns % 2:
            raise Undecodable("The file describes pixels that cannot be.")
        size = size // 3 * 2
    if len(content) < size * shape.frames:
        raise Undecodable("The pixel data is truncated.")
    pieces = (content[n * size : (n + 1) * size] for n in range(shape.frames))
    if subsampled:
        return replace(shape, photometric="YBR_FULL"), [_spread(piece) for piece in pieces]
    if shape.samples > 1 and dataset.get("PlanarConfiguration") == 1:
        return shape, [interleaved(piece, shape) for piece in pieces]
    return shape, list(pieces)


def _encapsulated(dataset: Dataset, shape: Shape, syntax: str) -> tuple[Shape, list[bytes]]:
    decoder = get_decoder(UID(syntax))
    if syntax == RLE:
        frames = []
        for buffer, _ in decoder.iter_buffer(dataset, raw=True):
            planar = bytes(buffer)
            frames.append(interleaved(planar, shape) if shape.samples > 1 else planar)
        return shape, frames
    # Only what has lost something already is given another colour space: that loses as well.
    is_lossy_jpeg = syntax in (JPEG_BASELINE, JPEG_EXTENDED)
    # At once: frame by frame, pydicom 3.0 cannot correct the sign of what gdcm decodes.
    array, properties = decoder.as_array(dataset, raw=not is_lossy_jpeg)
    kind = "i" if shape.representation else "u"
    converted = array.astype(f"<{kind}{shape.width}", copy=False)
    if (converted != array).any():
        raise Undecodable("The pixels have more bits than the file describes.")
    content: bytes = converted.tobytes()
    frames = [content[n : n + shape.size] for n in range(0, len(content), shape.size)]
    return replace(shape, photometric=str(properties["photometric_interpretation"])), frames


def interleaved(planar: bytes, shape: Shape) -> bytes:
    """A frame whose samples of a pixel are side by side, from one that has planes."""
    width, step = shape.width, shape.width * shape.samples
    plane = shape.rows * shape.columns * width
    if len(planar) < plane * shape.samples:
        raise Undecodable("The pixel data is truncated.")
    frame = bytearray(plane * shape.samples)
    for sample in range(shape.samples):
        for byte in range(width):
            start = sample * plane
            frame[sample * width + byte :: step] = planar[start + byte : start + plane : width]
    return bytes(frame)


def _spread(frame: bytes) -> bytes:
    """YBR_FULL from YBR_FULL_422: two pixels share their colour (PS3.3 C.7.6.3.1.2)."""
    spread = bytearray(len(frame) // 4 * 6)
    spread[0::6], spread[3::6] = frame[0::4], frame[1::4]
    spread[1::6] = spread[4::6] = frame[2::4]
    spread[2::6] = spread[5::6] = frame[3::4]
    return bytes(spread)


def pairs(frames: list[bytes], others: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Each frame with its like."""
    return zip(frames, others, strict=True)
