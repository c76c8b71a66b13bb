"""The numbers of frames, as arrays. For the workers.

An array has the shape (frames, rows, columns, samples). Colours are RGB; where a palette has
16 bits, and where colours have more than 8, they keep them.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_color_lut, convert_color_space

from repertory.storage.pixels.frames import LARGEST, Shape, Undecodable, decode
from repertory.storage.pixels.raw import (
    FLOATS,
    count_frames,
    encapsulated_frame,
    layout_of,
    native_frame,
)
from repertory.storage.pixels.syntaxes import SYNTAXES, UNCOMPRESSED

np: Any = import_module("numpy")

Array = Any


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of some frames, and whether they are colours."""

    array: Array
    is_color: bool


def read_numbers(dataset: FileDataset, frame: int | None) -> Numbers:
    """The numbers of a frame, or of all; of a data set whose values are little endian.

    Raises:
        NoSuchFrame: there is none of this number.
        Undecodable: they cannot be decoded.
    """
    count = count_frames(dataset, frame or 0)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    if syntax not in SYNTAXES or not SYNTAXES[syntax].can_be_decoded:
        raise Undecodable("Nothing here decodes the transfer syntax of the instance.")
    for name, kind in FLOATS.items():
        if name in dataset:
            return Numbers(_floats(dataset, name, kind, frame), is_color=False)
    if "PixelData" not in dataset:
        raise Undecodable("The instance has no pixels.")
    if dataset.get("BitsAllocated") == 1 and syntax in UNCOMPRESSED:
        return Numbers(_bits(dataset, frame, count), is_color=False)
    if frame is not None:
        _keep_one(dataset, syntax, frame, count)
    shape, frames = decode(dataset, syntax)
    return _numbers(dataset, syntax, shape, b"".join(frames))


def _keep_one(dataset: FileDataset, syntax: str, frame: int, count: int) -> None:
    """Leave one frame in a data set: others need not be decoded."""
    if count == 1:
        return
    if syntax in UNCOMPRESSED:
        dataset.PixelData = native_frame(dataset, "PixelData", frame)
    else:
        dataset.PixelData = encapsulate([encapsulated_frame(dataset, frame, count)])
        dataset["PixelData"].is_undefined_length = True
    for name in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if name in dataset:
            del dataset[name]
    dataset.NumberOfFrames = 1


def _floats(dataset: Dataset, name: str, kind: str, frame: int | None) -> Array:
    rows, columns, *_ = layout_of(dataset)
    numbers = np.frombuffer(dataset[name].value, kind)
    return _frames(numbers, rows, columns, frame, dataset)


def _bits(dataset: Dataset, frame: int | None, count: int) -> Array:
    """Pixels of one bit each (PS3.5 8.1.1), black and white."""
    rows, columns, samples, _ = layout_of(dataset)
    if samples != 1:
        raise Undecodable("The file describes pixels that cannot be.")
    if rows * columns * count > LARGEST:
        raise Undecodable("The pixels are too many.")
    content = np.frombuffer(dataset.PixelData, np.uint8)
    numbers = np.unpackbits(content, bitorder="little") * np.uint8(255)
    return _frames(numbers, rows, columns, frame, dataset)


def _frames(numbers: Array, rows: int, columns: int, frame: int | None, dataset: Dataset) -> Array:
    count = int(dataset.get("NumberOfFrames") or 1)
    size = rows * columns
    if numbers.size < size * count:
        raise Undecodable("The pixel data is truncated.")
    array = numbers[: size * count].reshape(count, rows, columns, 1)
    return array if frame is None else array[frame : frame + 1]


def _numbers(dataset: FileDataset, syntax: str, shape: Shape, content: bytes) -> Numbers:
    sign = "i" if shape.representation else "u"
    kind = np.dtype(f"<{sign}{shape.width}")
    array = np.frombuffer(content, kind).reshape(-1, shape.rows, shape.columns, shape.samples)
    if syntax in UNCOMPRESSED:
        array = _stored_bits(array, dataset, shape)
    if shape.photometric == "PALETTE COLOR":
        try:
            colors = apply_color_lut(array[..., 0], dataset)
        # Whatever pydicom raises: it is about the file.
        except Exception as error:
            raise Undecodable("The palette of the instance cannot be used.") from error
        return Numbers(_as_bytes(colors, colors.dtype.itemsize * 8), is_color=True)
    if shape.samples == 1:
        return Numbers(array, is_color=False)
    if shape.photometric.startswith("YBR_FULL"):
        array = _as_bytes(array, shape.stored).copy()
        array = convert_color_space(array, "YBR_FULL", "RGB", per_frame=True)
    return Numbers(array, is_color=True)


def _stored_bits(array: Array, dataset: Dataset, shape: Shape) -> Array:
    """What is beside the bits that are stored is not part of a number (PS3.5 8.1.1)."""
    if shape.stored == shape.allocated:
        return array
    high = dataset.get("HighBit")
    high = shape.stored - 1 if high is None else int(high)
    if not shape.stored - 1 <= high < shape.allocated:
        raise Undecodable("The file describes pixels that cannot be.")
    # To the left, where the sign is, and back again.
    left = array << (shape.allocated - 1 - high)
    return left >> (shape.allocated - shape.stored)


def _as_bytes(array: Array, stored: int) -> Array:
    """Colours of 8 bits."""
    if array.dtype.itemsize == 1:
        return array
    return (array >> max(0, stored - 8)).clip(0, 255).astype(np.uint8)


def eight_bits(numbers: Numbers, dataset: Dataset) -> Array:
    """Colours as a screen shows them."""
    return _as_bytes(numbers.array, int(dataset.get("BitsStored") or 8))
