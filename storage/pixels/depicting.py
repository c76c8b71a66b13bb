"""Pictures of DICOM files. For the workers: it may crash, hang or fill the memory."""

import io
import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydicom.dataset import Dataset, FileDataset

from repertory.pictures import Depiction, Encoding, PictureOrder
from repertory.storage.pixels.frames import Undecodable
from repertory.storage.pixels.reading import Numbers, eight_bits, read_numbers
from repertory.storage.pixels.syntaxes import BIG_ENDIAN
from repertory.storage.pixels.transcoding import swap

np: Any = import_module("numpy")
images: Any = import_module("PIL.Image")

_BOUNDS = {
    Depiction.UINT8: np.uint8,
    Depiction.UINT16: np.uint16,
    Depiction.INT16: np.int16,
}
_BINARY = "application/octet-stream"
_PNG_LEVEL = 4  # as small as what zlib does by itself, in half the time

Array = Any


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture, and of an array its shape and what NumPy calls its numbers."""

    content: bytes
    media_type: str
    shape: tuple[int, ...] = ()
    numbers: str = ""


def depict(dataset: FileDataset, order: PictureOrder) -> Drawn:
    """The picture that is wanted of a file.

    Raises:
        Undecodable: its pixels cannot be decoded, or not be shown so.
        NoSuchFrame: it has no such frame.
    """
    if str(dataset.file_meta.TransferSyntaxUID) == BIG_ENDIAN:
        swap(dataset)
    numbers = read_numbers(dataset, order.frame)
    if order.depiction in (Depiction.NUMPY, Depiction.ARRAY):
        return _array(dataset, numbers, order)
    if order.depiction is Depiction.MATLAB:
        return Drawn(_matlab(numbers.array[0]).encode(), "text/plain")
    return _drawn(_picture(dataset, numbers, order), order)


def _array(dataset: Dataset, numbers: Numbers, order: PictureOrder) -> Drawn:
    array = numbers.array if order.frame is None else numbers.array[0]
    if order.rescale and not numbers.is_color:
        slope, intercept = _rescaling(dataset)
        array = (array * np.float64(slope) + intercept).astype(np.float32)
    array = np.ascontiguousarray(array)
    if order.depiction is Depiction.ARRAY:
        return Drawn(array.tobytes(), _BINARY, array.shape, array.dtype.str)
    target = io.BytesIO()
    if order.compress:
        np.savez_compressed(target, array)
    else:
        np.save(target, array)
    return Drawn(target.getvalue(), _BINARY)


def _matlab(frame: Array) -> str:
    rows, columns, samples = frame.shape
    if samples == 1:
        lines = (" ".join(map(_number, row)) for row in frame[..., 0].tolist())
        return f"double([ {' ; '.join(lines)} ])"
    # Octave fills the first dimension first: a pixel, then a row.
    values = " ".join(map(_number, frame.ravel().tolist()))
    return f"double(permute(reshape([ {values} ], [ {samples} {columns} {rows} ]), [ 3 2 1 ]))"


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else format(value, ".17g")


def _picture(dataset: FileDataset, numbers: Numbers, order: PictureOrder) -> Array:
    """One frame as it is shown: rows and columns, of samples if it is in colour."""
    if order.depiction in _BOUNDS:
        if numbers.is_color:
            raise Undecodable("Such pictures are of one sample for each pixel, not of colours.")
        kind = _BOUNDS[order.depiction]
        bounds = np.iinfo(kind)
        return np.clip(numbers.array[0, ..., 0], bounds.min, bounds.max).astype(kind)
    size = _size(numbers.array.shape[1:3], order)
    if numbers.is_color:
        return _resized(eight_bits(numbers, dataset)[0], size, smooth=order.smooth)
    values = numbers.array[0, ..., 0]
    bounds = _bounds(values)
    if not order.smooth:
        values = _sampled(values, size)  # each number is shown by itself: the fewer, the sooner
    if order.depiction is Depiction.RENDERED:
        shown = _windowed(dataset, values, bounds, order)
    else:
        shown = _stretched(values, bounds)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        shown = 255 - shown
    return _resized(shown, size, smooth=True) if order.smooth else shown


def _bounds(values: Array) -> tuple[float, float]:
    """The least and the greatest number."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return (values.min().item(), values.max().item()) if values.size else (0.0, 0.0)


def _as_floats(values: Array) -> Array:
    """In 32 bits where that loses nothing, as Orthanc computes it."""
    return values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)


def _as_shades(scaled: Array) -> Array:
    if scaled.dtype.kind == "f":
        scaled = np.nan_to_num(scaled, copy=False, nan=0.0)
    return scaled.clip(0, 255).astype(np.uint8)


def _stretched(values: Array, bounds: tuple[float, float]) -> Array:
    """From black to white, what is in between in proportion."""
    least, greatest = bounds
    if least == greatest:
        return np.zeros(values.shape, np.uint8)
    factor = np.float32(255) / np.float32(greatest - least)
    offsets = (_as_floats(values) - least).astype(np.float32)
    return _as_shades(np.floor(offsets * factor + np.float32(0.5)))


def _windowed(
    dataset: Dataset, values: Array, bounds: tuple[float, float], order: PictureOrder
) -> Array:
    slope, intercept = _rescaling(dataset)
    least, greatest = sorted(it * slope + intercept for it in bounds)
    center, width = _window(dataset, (least, greatest), order)
    if width is None:
        stretched = _stretched(values, bounds)
        return stretched if slope > 0 else 255 - stretched
    # Cut off rather than rounded, as Orthanc does.
    factor = np.float32(255 * slope / width)
    offset = np.float32((intercept - center + width / 2) / slope) * factor
    return _as_shades(_as_floats(values).astype(np.float32, copy=False) * factor + offset)


def _window(
    dataset: Dataset, units: tuple[float, float], order: PictureOrder
) -> tuple[float, float | None]:
    """Centre and width: those that are wanted, those of the file, or no width for all there is."""
    center, width = order.window
    if center is None:
        center = _first(dataset.get("WindowCenter"))
    if width is None:
        width = _first(dataset.get("WindowWidth"))
    if width is None and order.window[0] is None:
        return 0.0, None
    least, greatest = units
    if width is None:
        width = greatest - least
    if center is None:
        center = (least + greatest) / 2
    return center, max(width, 1.0)


def _rescaling(dataset: Dataset) -> tuple[float, float]:
    slope = _first(dataset.get("RescaleSlope"))
    return slope or 1.0, _first(dataset.get("RescaleIntercept")) or 0.0


def _first(value: Any) -> float | None:
    """The first of some numbers; ``None`` where there is none that is one."""
    if value is None or value == "":
        return None
    try:
        number = float(value if isinstance(value, str | int | float) else value[0])
    except (TypeError, ValueError, IndexError):
        return None
    return number if math.isfinite(number) else None


def _size(shape: tuple[int, int], order: PictureOrder) -> tuple[int, int]:
    """Columns and rows of the picture: its shape is kept."""
    rows, columns = shape
    ratio = min(
        order.width / columns if order.width else math.inf,
        order.height / rows if order.height else math.inf,
    )
    if ratio == math.inf:
        return columns, rows
    return max(1, round(columns * ratio)), max(1, round(rows * ratio))


def _resized(picture: Array, size: tuple[int, int], *, smooth: bool) -> Array:
    if size == picture.shape[1::-1]:
        return picture
    if not smooth:
        return _sampled(picture, size)
    return np.asarray(images.fromarray(picture).resize(size, images.Resampling.BICUBIC))


def _sampled(values: Array, size: tuple[int, int]) -> Array:
    """The pixel in the middle of what each stands for, as Orthanc has it."""
    rows, columns = values.shape[:2]
    if size == (columns, rows):
        return values
    across, down = (
        np.floor((np.arange(after) + 0.5) * before / after).astype(int)
        for after, before in zip(size, (columns, rows), strict=True)
    )
    return np.ascontiguousarray(values[down][:, across])


def _drawn(picture: Array, order: PictureOrder) -> Drawn:
    encoding = order.encoding
    if encoding is Encoding.PAM:
        return Drawn(_pam(picture), encoding.value)
    target = io.BytesIO()
    if encoding is Encoding.JPEG:
        if picture.dtype != np.uint8:
            raise Undecodable("JPEG has samples of 8 bits.")
        images.fromarray(picture).save(target, "JPEG", quality=order.quality)
    else:
        # As Orthanc has it: PNG knows no negative numbers, so their bits are those of uint16.
        plain = picture.view(np.uint16) if picture.dtype == np.int16 else picture
        images.fromarray(plain).save(target, "PNG", compress_level=_PNG_LEVEL)
    return Drawn(target.getvalue(), encoding.value)


def _pam(picture: Array) -> bytes:
    """Netpbm's format for all kinds of pictures; its numbers are big endian."""
    rows, columns = picture.shape[:2]
    depth = 3 if picture.ndim > 2 else 1
    greatest = 255 if picture.dtype.itemsize == 1 else 65535
    name = "RGB" if depth == 3 else "GRAYSCALE"
    head = (
        f"P7\nWIDTH {columns}\nHEIGHT {rows}\nDEPTH {depth}\nMAXVAL {greatest}\n"
        f"TUPLTYPE {name}\nENDHDR\n"
    )
    big = picture.dtype.newbyteorder(">")
    content: bytes = picture.astype(big, copy=False).tobytes()
    return head.encode() + content
