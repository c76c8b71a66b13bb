"""A DICOM file in another transfer syntax. For the workers: it may crash, hang or fill the memory.

What is encoded without loss is decoded again and compared before it is let out.
"""

import io
import uuid
import warnings
from dataclasses import dataclass
from typing import Any

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID

from repertory.storage.pixels.encoding import Encoded, Unencodable, encode
from repertory.storage.pixels.frames import Shape, Undecodable, decode, pairs
from repertory.storage.pixels.syntaxes import (
    BIG_ENDIAN,
    IMPLICIT,
    JPEG_2000,
    JPEG_BASELINE,
    JPEG_LS_NEAR,
    LOSSY,
    SYNTAXES,
    UNCOMPRESSED,
)

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_WIDTHS = {"OW": 2, "OL": 4, "OF": 4, "OD": 8, "OV": 8}
_METHODS = {
    JPEG_BASELINE: "ISO_10918_1",
    JPEG_LS_NEAR: "ISO_14495_1",
    JPEG_2000: "ISO_15444_1",
}
"""Lossy Image Compression Method (PS3.3 C.7.6.1.1.5)."""
_NAMESPACE = uuid.UUID("6e2c2f32-6a0e-4bb1-8d2e-0a7f7cf0b1c4")


class CannotTranscode(Exception):
    """The file cannot be had in that transfer syntax; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """A file in its new syntax; its new SOPInstanceUID, if it had to get one."""

    content: bytes
    syntax: str
    instance: str = ""


def transcode(
    content: bytes, targets: tuple[str, ...], *, allow_lossy: bool, quality: int
) -> Result:
    """The file in the first of ``targets`` that can be had.

    Raises:
        CannotTranscode: none of them can.
    """
    dataset = read_file(content)
    source = str(dataset.file_meta.TransferSyntaxUID)
    if source in targets:
        return Result(content, source)
    if source not in SYNTAXES:
        raise CannotTranscode("The transfer syntax of the file is not known.")
    reasons = []
    for target in targets:
        try:
            return _to(content, source, target, allow_lossy=allow_lossy, quality=quality)
        except CannotTranscode as error:
            reasons.append(str(error))
    raise CannotTranscode(reasons[0] if reasons else "No transfer syntax is wanted.")


def read_file(content: bytes) -> FileDataset:
    """A file as pydicom reads it.

    Raises:
        CannotTranscode: it cannot.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = pydicom.dcmread(io.BytesIO(content), force=True)
            if "TransferSyntaxUID" not in dataset.file_meta:
                implicit, little = dataset.original_encoding
                explicit = "1.2.840.10008.1.2.1" if little else BIG_ENDIAN
                dataset.file_meta.TransferSyntaxUID = UID(IMPLICIT if implicit else explicit)
        # Whatever pydicom raises: it is about the file.
        except Exception as error:
            raise CannotTranscode("The file cannot be read.") from error
    return dataset


def _to(content: bytes, source: str, target: str, *, allow_lossy: bool, quality: int) -> Result:
    if target not in SYNTAXES or not SYNTAXES[target].can_be_encoded:
        raise CannotTranscode("Nothing here encodes that transfer syntax.")
    if target in LOSSY and not allow_lossy:
        raise CannotTranscode("That transfer syntax loses something, which is not wanted.")
    dataset = read_file(content)
    try:
        if source == BIG_ENDIAN:
            swap(dataset)
        instance = _change_pixels(dataset, source, target, quality)
        return Result(_written(dataset, target), target, instance)
    except (Undecodable, Unencodable) as error:
        raise CannotTranscode(str(error)) from error
    # Whatever pydicom raises on values that it does not understand.
    except Exception as error:
        raise CannotTranscode("The file cannot be written anew.") from error


def _change_pixels(dataset: FileDataset, source: str, target: str, quality: int) -> str:
    """Give a data set its new pixels; its new SOPInstanceUID, or ""."""
    if not any(name in dataset for name in _PIXELS):
        if target not in UNCOMPRESSED:
            raise Unencodable("The file has no pixels.")
        return ""
    if source in UNCOMPRESSED and target in UNCOMPRESSED:
        return ""
    if not SYNTAXES[source].can_be_decoded:
        raise Undecodable("Nothing here decodes the transfer syntax of the file.")
    shape, frames = decode(dataset, source)
    if target in UNCOMPRESSED:
        _set_native(dataset, shape, frames)
        return ""
    encoded = encode(shape, frames, target, quality)
    _set_encapsulated(dataset, shape, encoded)
    if target in LOSSY:
        plain = shape.size * shape.frames
        return _mark_lossy(dataset, target, quality, plain / sum(map(len, encoded.frames)))
    dataset.file_meta.TransferSyntaxUID = UID(target)
    _, again = decode(dataset, target)
    if any(before != after for before, after in pairs(frames, again)):
        raise Unencodable("The codec does not give such pixels back as they were.")
    return ""


def _set_native(dataset: Dataset, shape: Shape, frames: list[bytes]) -> None:
    content = b"".join(frames)
    value = content + b"\0" * (len(content) % 2)
    element = DataElement(0x7FE00010, "OW" if shape.allocated > 8 else "OB", value)
    dataset[0x7FE00010] = element
    dataset["PixelData"].is_undefined_length = False
    _describe(dataset, shape, shape.photometric, 0)


def _set_encapsulated(dataset: Dataset, shape: Shape, encoded: Encoded) -> None:
    dataset[0x7FE00010] = DataElement(0x7FE00010, "OB", encapsulate(encoded.frames))
    dataset["PixelData"].is_undefined_length = True
    _describe(dataset, shape, encoded.photometric, encoded.planar)


def _describe(dataset: Dataset, shape: Shape, photometric: str, planar: int) -> None:
    for tag in (0x7FE00001, 0x7FE00002, 0x7FE00003):  # offsets and lengths of other frames
        if tag in dataset:
            del dataset[tag]
    if str(dataset.PhotometricInterpretation) != photometric:
        dataset.PhotometricInterpretation = photometric
    if shape.samples > 1:
        dataset.PlanarConfiguration = planar


def _mark_lossy(dataset: FileDataset, target: str, quality: int, ratio: float) -> str:
    """Say what was lost (PS3.3 C.7.6.1.1.5): it is another instance now (C.7.6.1.1.2).

    Its UID follows from the old one: what is sent twice becomes the same instance twice.
    """
    before = str(dataset.SOPInstanceUID)
    name = f"{before} {target} {quality}"
    after = f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"
    predecessor = Dataset()
    predecessor.ReferencedSOPClassUID = dataset.get("SOPClassUID", "")
    predecessor.ReferencedSOPInstanceUID = before
    predecessor.PurposeOfReferenceCodeSequence = [_code("121320", "Uncompressed predecessor")]
    dataset.SourceImageSequence = [predecessor]
    kinds = list(_values(dataset.get("ImageType"))) or ["ORIGINAL", "PRIMARY"]
    dataset.ImageType = ["DERIVED", *kinds[1:]]
    dataset.LossyImageCompression = "01"
    ratios = [*_values(dataset.get("LossyImageCompressionRatio")), f"{ratio:.4g}"[:16]]
    dataset.LossyImageCompressionRatio = ratios
    methods = [*_values(dataset.get("LossyImageCompressionMethod")), _METHODS[target]]
    dataset.LossyImageCompressionMethod = methods
    dataset.SOPInstanceUID = UID(after)
    dataset.file_meta.MediaStorageSOPInstanceUID = UID(after)
    return after


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue = value
    code.CodingSchemeDesignator = "DCM"
    code.CodeMeaning = meaning
    return code


def _values(value: Any) -> tuple[Any, ...]:
    if value is None or value == "":
        return ()
    return (value,) if isinstance(value, str | int | float) else tuple(value)


def swap(dataset: Dataset) -> None:
    """Change the order of bytes of the values that pydicom takes for bytes."""
    allocated = dataset.get("BitsAllocated")
    for element in dataset.iterall():
        width = _WIDTHS.get(element.VR, 1)
        if element.tag == 0x7FE00010 and element.VR == "OW":
            width = max(2, (allocated or 16) // 8)
        value = element.value
        if width > 1 and isinstance(value, bytes):
            swapped = bytearray(len(value) // width * width)
            for byte in range(width):
                swapped[byte::width] = value[width - 1 - byte : len(swapped) : width]
            element.value = bytes(swapped)


def _written(dataset: FileDataset, target: str) -> bytes:
    if target == BIG_ENDIAN:
        swap(dataset)
    dataset.file_meta.TransferSyntaxUID = UID(target)
    for name, tag in (
        ("MediaStorageSOPClassUID", "SOPClassUID"),
        ("MediaStorageSOPInstanceUID", "SOPInstanceUID"),
    ):
        if name not in dataset.file_meta:
            setattr(dataset.file_meta, name, dataset.get(tag, ""))
    if dataset.preamble is None:
        dataset.preamble = bytes(128)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(
            buffer,
            dataset,
            implicit_vr=target == IMPLICIT,
            little_endian=target != BIG_ENDIAN,
            enforce_file_format=False,
        )
    return buffer.getvalue()
