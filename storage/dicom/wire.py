"""Data sets as they travel: to and from the form of files, and the identifiers of queries."""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from repertory.errors import NotDicom
from repertory.model import TagForm
from repertory.storage.dicom.layout import Damaged, Unfamiliar, read_layout
from repertory.storage.dicom.names import asked_entry, parse_tag
from repertory.storage.dicom.sources import Memory
from repertory.storage.dicom.standard import standard_uids
from repertory.storage.dicom.tags import tags
from repertory.storage.dicom.tags_json import EVERY_TAG
from repertory.storage.dicom.values import TEXT
from repertory.storage.encoding import DEFAULT_ENCODING
from repertory.version import VERSION

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"

IMPLEMENTATION_CLASS_UID: Final = "2.25.189545322488209534669499293514579462481"
"""Names this software to others (PS3.7 D.3.3.2)."""
IMPLEMENTATION_VERSION_NAME: Final = f"REPERTORY_{VERSION.split('+')[0]}"[:16]

SPECIFIC_CHARACTER_SET: Final = "0008,0005"

# PS3.5 table 7.1-1: their length has four bytes, after two that are reserved.
LONG_VRS: Final = frozenset(
    ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV")
)
_NUMBERS: Final = {
    "US": "H",
    "SS": "h",
    "UL": "I",
    "SL": "i",
    "UV": "Q",
    "SV": "q",
    "FL": "f",
    "FD": "d",
}

Identifier = Mapping[str, Any]
"""Tag (``gggg,eeee``) to text, or to a list of items of the same kind."""


def file_head(
    *, sop_class: str, sop_instance: str, transfer_syntax: str, source_title: str = ""
) -> bytes:
    """What a file has before its data set: preamble, prefix and meta information (PS3.10 7.1)."""
    elements = [
        (0x0002, _uid(sop_class)),
        (0x0003, _uid(sop_instance)),
        (0x0010, _uid(transfer_syntax)),
        (0x0012, _uid(IMPLEMENTATION_CLASS_UID)),
    ]
    body = _meta(0x0001, "OB", b"\0\1") + b"".join(_meta(it, "UI", uid) for it, uid in elements)
    body += _meta(0x0013, "SH", _padded(IMPLEMENTATION_VERSION_NAME.encode()))
    if source_title:
        body += _meta(0x0016, "AE", _padded(source_title.encode("ascii", "replace")))
    return bytes(128) + b"DICM" + _meta(0x0000, "UL", struct.pack("<I", len(body))) + body


def data_set_of(content: bytes) -> bytes:
    """The data set of a file, without what stands before it.

    Raises:
        NotDicom: it is no DICOM file.
    """
    return bytes(data_set_in(content))


def data_set_in(content: bytes) -> memoryview:
    """The same, where it lies.

    Raises:
        NotDicom: it is no DICOM file.
    """
    try:
        layout = read_layout(Memory(content))
    except (Damaged, Unfamiliar) as error:
        raise NotDicom from error
    return memoryview(content)[layout.start :]


def read_identifier(
    data: bytes,
    transfer_syntax: str,
    form: TagForm = TagForm.SHORT,
    *,
    default_encoding: str = DEFAULT_ENCODING,
) -> dict[str, Any]:
    """The identifier of a query, from the data set that came.

    ``default_encoding`` is what its text is written in where it does not say it.

    Raises:
        NotDicom: it cannot be read.
    """
    head = file_head(sop_class="", sop_instance="", transfer_syntax=transfer_syntax)
    return dict(tags(head + data, form, EVERY_TAG, default_encoding=default_encoding))


def write_identifier(
    identifier: Identifier, transfer_syntax: str, *, prefers: str = "ISO_IR 100"
) -> bytes:
    """An identifier as the data set to be sent, in one of the two uncompressed syntaxes.

    Text beyond ASCII is in the character set ``prefers`` if that is Latin-1 and suffices, else in
    UTF-8; the identifier says which.
    """
    charset, encoding = _character_set(identifier, prefers)
    named = {it: value for it, value in identifier.items() if it != SPECIFIC_CHARACTER_SET}
    if charset:
        named[SPECIFIC_CHARACTER_SET] = charset
    return _items(named, explicit=transfer_syntax == EXPLICIT, encoding=encoding)


def _character_set(identifier: Identifier, prefers: str) -> tuple[str, str]:
    text = "".join(_texts(identifier))
    if text.isascii():
        return "", "ascii"
    if prefers == "ISO_IR 100":
        try:
            text.encode("latin-1")
        except UnicodeEncodeError:
            pass
        else:
            return prefers, "latin-1"
    return "ISO_IR 192", "utf-8"


def _texts(identifier: Identifier) -> list[str]:
    texts: list[str] = []
    for value in identifier.values():
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, Sequence):
            texts += [text for item in value for text in _texts(item)]
    return texts


def _items(identifier: Identifier, *, explicit: bool, encoding: str) -> bytes:
    parts = []
    for tag, value in sorted(identifier.items()):
        number = parse_tag(tag) or 0
        vr = asked_entry(number).vr
        if vr == "SQ":
            raw = b""
            for item in value if isinstance(value, list | tuple) else ():
                body = _items(item, explicit=explicit, encoding=encoding)
                raw += struct.pack("<HHI", 0xFFFE, 0xE000, len(body)) + body
        else:
            raw = _value(vr, value if isinstance(value, str) else "", encoding)
        parts.append(_header(number, vr, len(raw), explicit=explicit) + raw)
    return b"".join(parts)


def _value(vr: str, text: str, encoding: str) -> bytes:
    if vr == "UI":
        return _uid(text)
    if vr in TEXT:
        return _padded(text.encode(encoding, "replace"))
    if vr in _NUMBERS and text:
        try:
            numbers = [float(it) if vr[0] == "F" else int(it) for it in text.split("\\")]
            return struct.pack(f"<{len(numbers)}{_NUMBERS[vr]}", *numbers)
        except (ValueError, struct.error):
            return b""
    if vr == "AT" and (tag := parse_tag(text)) is not None:
        return struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    return b""  # of what has no text, nothing is said


def _header(number: int, vr: str, length: int, *, explicit: bool) -> bytes:
    group, element = number >> 16, number & 0xFFFF
    if not explicit:
        return struct.pack("<HHI", group, element, length)
    if vr in LONG_VRS:
        return struct.pack("<HH2sHI", group, element, vr.encode(), 0, length)
    return struct.pack("<HH2sH", group, element, vr.encode(), length)


def _meta(element: int, vr: str, value: bytes) -> bytes:
    return _header(0x00020000 | element, vr, len(value), explicit=True) + value


def _padded(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


@lru_cache(maxsize=1000)
def _uid(text: str) -> bytes:
    raw = text.encode("ascii", "replace")
    return raw + b"\0" * (len(raw) % 2)


def storage_classes() -> frozenset[str]:
    """The SOP classes of instances that are stored (PS3.4 annex B), retired ones too."""
    return _classes()[0]


@lru_cache(maxsize=1)
def uid_names() -> dict[str, str]:
    """The names of SOP classes and transfer syntaxes (PS3.6 annex A), by UID."""
    return {uid: name for uid, (name, _) in standard_uids().items()}


def transfer_syntaxes() -> frozenset[str]:
    """The transfer syntaxes that the standard has or had."""
    return _classes()[1]


@lru_cache(maxsize=1)
def _classes() -> tuple[frozenset[str], frozenset[str]]:
    storage, syntaxes = set(), set()
    for uid, (name, kind) in standard_uids().items():
        if kind == "Transfer Syntax":
            syntaxes.add(uid)
        elif kind == "SOP Class" and "Storage" in name and not name.startswith("Storage Commit"):
            storage.add(uid)
    storage.discard("1.2.840.10008.1.3.10")  # Media Storage Directory: a DICOMDIR is no instance
    return frozenset(storage), frozenset(syntaxes)
