"""The same reading by pydicom, for files that are written in an unfamiliar way.

Only pydicom's parser is used: values are made into text here, so that neither its settings nor
its warnings about values matter.
"""

from collections.abc import Collection

import pydicom
import structlog
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.multival import MultiValue

from repertory.model import TagForm
from repertory.storage.dicom.character_sets import character_set
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
from repertory.storage.dicom.names import ENTRIES
from repertory.storage.dicom.reader import (
    DEEPEST,
    PIXEL_REPRESENTATION,
    SPECIFIC_CHARACTER_SET,
    Context,
    Creators,
    known_vr,
)
from repertory.storage.dicom.scanner import PIXEL_DATA, Scanned
from repertory.storage.dicom.sequences import kept
from repertory.storage.dicom.sources import Window
from repertory.storage.dicom.tags_json import Json, Writer
from repertory.storage.dicom.values import as_text
from repertory.storage.encoding import DEFAULT_ENCODING

log = structlog.get_logger(__name__)

# Longer values stay in the file.
_DEFERRED = 1 << 16


def scan_by_pydicom(
    window: Window, wanted: Collection[int], default_encoding: str = DEFAULT_ENCODING
) -> tuple[Layout, Scanned]:
    """What the scanner would have found.

    Raises:
        Damaged: pydicom does not understand the file either, or it is not whole.
    """
    dataset = _read(window)
    implicit, little = dataset.original_encoding
    syntax = _transfer_syntax(dataset) or (IMPLICIT if implicit else EXPLICIT)
    layout = Layout(0, 0, syntax, explicit=not implicit, order=LITTLE if little else BIG)
    scanned = Scanned()
    nested = []
    for element in dataset.values():
        tag, vr = int(element.tag), element.VR or ""
        if isinstance(element, RawDataElement):
            if element.length != UNDEFINED and element.value_tell + element.length > window.size:
                raise Damaged
            if tag == PIXEL_DATA:
                header = 12 if vr.encode() in LONG else 8
                scanned.pixel_data_offset = element.value_tell - header
                scanned.pixel_data_vr = vr or "OW"
        if tag not in wanted:
            continue
        if vr == "SQ" or (not vr and ENTRIES[tag].vr == "SQ"):
            nested.append(tag)
        else:
            scanned.values[tag] = ("" if implicit else vr, _raw(element))
    if nested:
        all_of_them = _written(
            dataset, Writer(TagForm.FULL), _outermost(default_encoding), default_encoding
        )
        for tag in nested:
            read = all_of_them.get(ENTRIES[tag].tag)
            if read is not None and read["Type"] == "Sequence":
                scanned.sequences[tag] = kept(tag, read)
    return layout, scanned


def tags_by_pydicom(window: Window, writer: Writer, default_encoding: str) -> Json:
    """What the reader would have read.

    Raises:
        Damaged: pydicom does not understand the file either.
    """
    dataset = _read(window)
    return _written(dataset, writer, _outermost(default_encoding), default_encoding)


def header_by_pydicom(window: Window, writer: Writer) -> Json:
    """The file meta information.

    Raises:
        Damaged: pydicom does not understand the file either.
    """
    meta = _read(window).file_meta
    return _written(meta, writer, _outermost(DEFAULT_ENCODING), DEFAULT_ENCODING)


def _outermost(default_encoding: str) -> Context:
    return Context(character_set(b"", default_encoding), explicit=True)


def _read(window: Window) -> FileDataset:
    # pydicom would inflate the whole of it into memory, however much that is.
    if DEFLATED.encode() in window.move(0):
        raise Damaged
    try:
        dataset = pydicom.dcmread(window.file(), force=True, defer_size=_DEFERRED)
    # A damaged file can make pydicom raise anything; whatever it is, the file cannot be read.
    except Exception as error:
        raise Damaged from error
    if not dataset:
        # Where a file ends too early, pydicom forgets what it has read.
        raise Damaged
    log.info("file_read_by_pydicom", transfer_syntax=_transfer_syntax(dataset))
    return dataset


def _transfer_syntax(dataset: FileDataset) -> str:
    element = dataset.file_meta.get_item("TransferSyntaxUID")
    value = b"" if element is None else element.value
    return (value.decode("latin-1") if isinstance(value, bytes) else str(value)).rstrip("\0 ")


def _raw(element: RawDataElement | DataElement) -> bytes:
    """The value as it was written; pydicom makes text of a few, SpecificCharacterSet for one."""
    value = element.value
    if isinstance(value, bytes):
        return value
    values = value if isinstance(value, MultiValue) else [value]
    return "\\".join([part for part in values if isinstance(part, str)]).encode("latin-1", "ignore")


def _written(dataset: Dataset, writer: Writer, context: Context, default_encoding: str) -> Json:
    """The elements of a data set down to the pixel data; text is made as by the reader."""
    charset, explicit, signed, depth = context
    out: Json = {}
    creators = Creators()
    # By now they are in the ascending order of their tags.
    for element in sorted(dataset.values(), key=lambda element: element.tag):
        tag = int(element.tag)
        if tag == PIXEL_DATA and not depth:
            writer.text(out, ENTRIES[tag], None)
            break
        entry, creator = creators.entry(tag)
        raw = _raw(element)
        vr = element.VR or ("SS" if signed and entry.by_pixels else entry.vr)
        if vr == "UN":
            vr = known_vr(entry, raw)
        if vr == "SQ":
            inner = Context(charset, explicit, signed, depth + 1)
            writer.items(out, entry, _items(dataset, tag, writer, inner, default_encoding))
            continue
        text = as_text(raw, vr, charset, getattr(element, "is_little_endian", True))
        writer.text(out, entry, text, creator)
        if tag == SPECIFIC_CHARACTER_SET:
            charset = character_set(raw, default_encoding)
        elif tag == PIXEL_REPRESENTATION:
            signed = text == "1"
        else:
            creators.reserve(tag, text)
    return out


def _items(
    dataset: Dataset, tag: int, writer: Writer, context: Context, default_encoding: str
) -> list[Json] | None:
    if context.depth > DEEPEST:
        return None
    try:
        items = list(dataset[tag].value or ())
    # As above: pydicom reads sequences of known length only now. The rest is worth showing.
    except Exception:  # noqa: BLE001 - whatever it is, this sequence cannot be read
        return None
    return [_written(item, writer, context, default_encoding) for item in items]
