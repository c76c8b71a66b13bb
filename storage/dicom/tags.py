"""All tags of a DICOM file, as Orthanc shows them (/tags, /simplified-tags, /header).

What differs from Orthanc 1.10, on purpose: escape sequences between character sets are followed,
and items of sequences are read in the character set that they name; a backslash remains one in
Japanese files; spaces at the end of a value are padding even where its length is odd or its VR
unknown. Private elements are named by pydicom's dictionary, which differs from DCMTK's here and
there.
"""

import zlib
from collections.abc import Collection
from typing import Final

from repertory.errors import NotDicom
from repertory.model import TagForm
from repertory.storage.dicom.layout import LITTLE, Damaged, Layout, Unfamiliar, read_layout
from repertory.storage.dicom.names import ENTRIES
from repertory.storage.dicom.reader import Reader
from repertory.storage.dicom.scanner import PIXEL_DATA, scan, wanted_keys
from repertory.storage.dicom.sources import Content, Deflated, Memory, Window, opened
from repertory.storage.dicom.tags_json import Json, Writer
from repertory.storage.encoding import DEFAULT_ENCODING

# More than any header: a file that inflates to more before its pixel data is not read.
_MOST_INFLATED: Final = 1 << 28


def tags(
    source: Content,
    form: TagForm = TagForm.FULL,
    ignore_length: Collection[str] = frozenset(),
    *,
    pixel_data: bool = False,
    default_encoding: str = DEFAULT_ENCODING,
) -> Json:
    """All tags of a file down to its pixel data, which are there without their value.

    Args:
        source: the file, or its beginning up to the pixel data.
        form: how to write them.
        ignore_length: the tags (``gggg,eeee`` or ``gggg-eeee``) whose values are shown even if
            they are longer than 256 bytes.
        pixel_data: whether pixel data follow after ``source``.
        default_encoding: what text is written in where the file does not say it.

    Raises:
        NotDicom: it cannot be read.
    """
    writer = Writer(form, ignore_length)
    with opened(source) as window:
        try:
            found = _tags(window, writer, default_encoding)
        except (Damaged, zlib.error) as error:
            raise NotDicom from error
    if pixel_data:
        writer.text(found, ENTRIES[PIXEL_DATA], None)
    return found


def header(source: Content, form: TagForm = TagForm.FULL) -> Json:
    """The file meta information of a file (PS3.10 7.1) without binary values, as in Orthanc.

    Raises:
        NotDicom: it cannot be read.
    """
    with opened(source) as window:
        try:
            return _header(window, Writer(form, binary=False))
        except Damaged as error:
            raise NotDicom from error


def tags_full(source: Content, *, ignore_length: Collection[str] = frozenset()) -> Json:
    """All tags in the full form: ``{"gggg,eeee": {"Name", "Type", "Value"}}``."""
    return tags(source, TagForm.FULL, ignore_length)


def header_full(source: Content) -> Json:
    """The file meta information in the full form."""
    return header(source, TagForm.FULL)


def _header(window: Window, writer: Writer) -> Json:
    try:
        layout = read_layout(window)
        reader = Reader(window.data, LITTLE, writer, DEFAULT_ENCODING)
        return reader.read(layout.meta, layout.start, explicit=True)
    except Unfamiliar:
        from repertory.storage.dicom.fallback import (  # noqa: PLC0415 - see names
            header_by_pydicom,
        )

        return header_by_pydicom(window, writer)


def _tags(window: Window, writer: Writer, default_encoding: str) -> Json:
    try:
        layout = read_layout(window)
        data, start = _loaded(window, layout)
        reader = Reader(data, layout.order, writer, default_encoding)
        return reader.read(start, len(data), explicit=layout.explicit)
    except Unfamiliar:
        from repertory.storage.dicom.fallback import (  # noqa: PLC0415 - see names
            tags_by_pydicom,
        )

        return tags_by_pydicom(window, writer, default_encoding)


def _loaded(window: Window, layout: Layout) -> tuple[bytes, int]:
    """The data set in memory, at least up to its pixel data, and where it begins there."""
    if isinstance(window, Memory) and not layout.deflated:
        return window.data, layout.start
    found = scan(window, layout, wanted_keys((), layout.order))
    # With the tag of the pixel data, where the reader stops.
    end = window.size if found.pixel_data_offset is None else found.pixel_data_offset + 12
    if layout.deflated:
        return Deflated(window, layout.start).move(0, min(end, _MOST_INFLATED)), 0
    return window.move(0, end), layout.start
