"""The raw value of one element of a DICOM file, and what lies within a sequence (/content)."""

from collections.abc import Sequence
from io import BytesIO
from typing import Final

import pydicom
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset

from repertory.errors import NotDicom, UnknownItem, Unsupported
from repertory.storage.dicom.names import parse_tag, tag_of

PIXEL_DATA: Final = 0x7FE00010


def content(head: bytes, path: Sequence[str], *, pixel_data: bool) -> bytes | tuple[str, ...]:
    """What a path through a file leads to.

    Args:
        head: the file up to its pixel data.
        path: tags (keywords, ``gggg-eeee`` or ``gggg,eeee``) and numbers of items in turn.
        pixel_data: whether pixel data follow after ``head``.

    Returns:
        The bytes of an element; or the tags of a data set (``gggg-eeee``), or the numbers of a
        sequence's items, counted from 0.

    Raises:
        NotDicom: the file cannot be read.
        UnknownItem: the path leads nowhere.
        Unsupported: it leads to the pixel data.
    """
    dataset: Dataset | None = _read(head)
    top = dataset
    items: list[Dataset] | None = None
    value = b""
    for step in path:
        if items is not None:
            dataset, items = _item(items, step), None
        elif dataset is not None:
            value, items = _element(dataset, step, pixel_data=pixel_data and dataset is top)
            dataset = None
        else:
            raise UnknownItem
    if dataset is not None:
        tags = [int(tag) for tag in dataset.keys()]  # noqa: SIM118 - a data set gives elements
        if pixel_data and dataset is top:
            tags.append(PIXEL_DATA)
        return tuple(f"{tag >> 16:04x}-{tag & 0xFFFF:04x}" for tag in sorted(tags))
    if items is not None:
        return tuple(str(number) for number in range(len(items)))
    return value


def _read(head: bytes) -> Dataset:
    try:
        return pydicom.dcmread(BytesIO(head), force=True, stop_before_pixels=True)
    except Exception as error:
        # Its parser fails in many ways on what is no DICOM file.
        raise NotDicom from error


def _item(items: list[Dataset], step: str) -> Dataset:
    if not (step.isascii() and step.isdecimal()) or len(step) > 9 or int(step) >= len(items):
        raise UnknownItem
    return items[int(step)]


def _element(
    dataset: Dataset, step: str, *, pixel_data: bool
) -> tuple[bytes, list[Dataset] | None]:
    """The bytes of an element, or the items of a sequence."""
    known = tag_of(step)
    tag = None if known is None else parse_tag(known)
    if tag == PIXEL_DATA and pixel_data:
        raise Unsupported("Pixel data are read frame by frame.")
    if tag is None or tag not in dataset:
        raise UnknownItem
    element = dataset.get_item(tag)
    if _is_sequence(element):
        try:
            return b"", list(dataset[tag].value)
        except Exception as error:
            # As above: its parser, for the items that were not looked at before.
            raise NotDicom from error
    value = element.value
    return (value if isinstance(value, bytes) else b""), None


def _is_sequence(element: DataElement | RawDataElement) -> bool:
    if element.VR not in (None, "UN"):
        return element.VR == "SQ"
    try:
        return dictionary_VR(element.tag) == "SQ"
    except KeyError:
        return False
