"""The same look through a file by pydicom, for what is written in an unfamiliar way."""

from collections.abc import Collection

import pydicom
import structlog
from pydicom.dataelem import RawDataElement

from repertory.storage.dicom.layout import (
    BIG,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    LITTLE,
    LONG,
    UNDEFINED,
    Damaged,
    Layout,
)
from repertory.storage.dicom.scanner import PIXEL_DATA, Scanned
from repertory.storage.dicom.sources import Window

log = structlog.get_logger(__name__)

# Longer values stay in the file.
_DEFERRED = 1 << 16


def scan_by_pydicom(window: Window, wanted: Collection[int]) -> tuple[Layout, Scanned]:
    """Look through a file that the scanner does not understand.

    Raises:
        Damaged: pydicom does not understand it either, or it is not whole.
    """
    # pydicom would inflate the whole of it into memory, however much that is.
    if DEFLATED.encode() in window.move(0):
        raise Damaged
    try:
        dataset = pydicom.dcmread(window.file(), force=True, defer_size=_DEFERRED)
        elements = list(dataset.values())
        syntax = str(dataset.file_meta.get("TransferSyntaxUID", ""))
        implicit, little = dataset.original_encoding
    # A damaged file can make pydicom raise anything; whatever it is, the file cannot be read.
    except Exception as error:
        raise Damaged from error
    scanned = Scanned()
    for element in elements:
        if not isinstance(element, RawDataElement):
            continue
        tag, vr, length = int(element.tag), element.VR or "", element.length
        if length != UNDEFINED and element.value_tell + length > window.size:
            raise Damaged
        if tag not in wanted:
            continue
        if tag == PIXEL_DATA:
            header = 12 if vr.encode() in LONG else 8
            scanned.pixel_data_offset = element.value_tell - header
            scanned.pixel_data_vr = vr or "OW"
        elif isinstance(element.value, bytes):
            scanned.values[tag] = ("" if element.is_implicit_VR else vr, element.value)
    log.info("file_read_by_pydicom", elements=len(elements))
    return (
        Layout(
            start=0,
            transfer_syntax=syntax or (IMPLICIT if implicit else EXPLICIT),
            explicit=not implicit,
            order=LITTLE if little else BIG,
        ),
        scanned,
    )
