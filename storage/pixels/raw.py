"""Frames as a file has them, undecoded. For the workers."""

from dataclasses import replace

from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import get_frame

from repertory.pictures import PictureOrder
from repertory.storage.pixels.frames import LARGEST, Undecodable
from repertory.storage.pixels.syntaxes import (
    JPEG_2000,
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    UNCOMPRESSED,
)

MEDIA_TYPES = {
    JPEG_BASELINE: "image/jpeg",
    JPEG_2000_LOSSLESS: "image/jp2",
    JPEG_2000: "image/jp2",
}
"""What a frame of these transfer syntaxes is by itself, as Orthanc has it."""

FLOATS = {"FloatPixelData": "<f4", "DoubleFloatPixelData": "<f8"}
"""Pixels that are no whole numbers (PS3.3 C.7.6.24 and C.7.6.25), and what NumPy calls them."""


class NoSuchFrame(Exception):
    """The instance has no such frame."""


def raw_frame(dataset: FileDataset, frame: int) -> bytes:
    """The bytes of a frame, as the file has them.

    Raises:
        NoSuchFrame: there is none of this number.
        Undecodable: it has no pixels, or less than it says.
    """
    count = count_frames(dataset, frame)
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    name = next((it for it in ("PixelData", *FLOATS) if it in dataset), None)
    if name is None:
        raise Undecodable("The instance has no pixels.")
    if syntax not in UNCOMPRESSED:
        return encapsulated_frame(dataset, frame, count)
    return native_frame(dataset, name, frame)


def count_frames(dataset: Dataset, frame: int) -> int:
    """How many frames there are, ``frame`` among them.

    Raises:
        NoSuchFrame: it is not.
        Undecodable: the file does not say it.
    """
    try:
        count = int(dataset.get("NumberOfFrames") or 1)
    except (TypeError, ValueError):
        raise Undecodable("The file does not describe its pixels.") from None
    if not 0 <= frame < count:
        raise NoSuchFrame
    return count


def layout_of(dataset: Dataset) -> tuple[int, int, int, int]:
    """Rows, columns, samples and bits of a sample.

    Raises:
        Undecodable: the file does not say them, or what cannot be.
    """
    try:
        found = (
            int(dataset.Rows),
            int(dataset.Columns),
            int(dataset.get("SamplesPerPixel") or 1),
            int(dataset.BitsAllocated),
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise Undecodable("The file does not describe its pixels.") from error
    if min(found) < 1 or found[0] * found[1] * found[2] * found[3] // 8 > LARGEST:
        raise Undecodable("The file describes pixels that cannot be.")
    return found


def native_frame(dataset: Dataset, name: str, frame: int) -> bytes:
    """The bytes of a frame of an element whose pixels are not encapsulated.

    Raises:
        Undecodable: they are not all there, or begin within a byte.
    """
    rows, columns, samples, allocated = layout_of(dataset)
    bits = rows * columns * samples * allocated
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits // 3 * 2  # two pixels share their colour (PS3.3 C.7.6.3.1.2)
    if bits % 8:
        raise Undecodable("The frames of the instance do not begin at bytes.")
    size = bits // 8
    content: bytes = dataset[name].value
    piece = content[frame * size : (frame + 1) * size]
    if len(piece) < size:
        raise Undecodable("The pixel data is truncated.")
    return piece


def encapsulated_frame(dataset: Dataset, frame: int, count: int) -> bytes:
    """The bytes of one of ``count`` frames whose pixels are encapsulated.

    Raises:
        Undecodable: it cannot be found.
    """
    offsets = None
    if "ExtendedOffsetTable" in dataset and "ExtendedOffsetTableLengths" in dataset:
        offsets = (dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths)
    try:
        return get_frame(dataset.PixelData, frame, number_of_frames=count, extended_offsets=offsets)
    # Whatever pydicom raises: it is about the file.
    except Exception as error:
        raise Undecodable("The file has not the frames that it describes.") from error


def put_together(
    dataset: FileDataset, frame: bytes, order: PictureOrder
) -> tuple[FileDataset, PictureOrder]:
    """A data set with one frame for all, and the order for it.

    Raises:
        NoSuchFrame: the file has no such frame.
    """
    count_frames(dataset, order.frame or 0)
    dataset.PixelData = frame
    if "NumberOfFrames" in dataset:
        dataset.NumberOfFrames = 1
    allocated = dataset.get("BitsAllocated") or 0
    dataset["PixelData"].VR = "OW" if allocated > 8 else "OB"  # what swaps bytes goes by it
    return dataset, replace(order, frame=0)
