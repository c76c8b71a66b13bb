"""Made-up DICOM files, of any size and number, for tests and benchmarks.

They are valid to pydicom and DCMTK and look like a modality's, but hold nobody's data. They are
made without pydicom, thousands in a second.
"""

import hashlib
import uuid
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from repertory.storage.dicom.names import ENTRIES, parse_tag, tag_of
from repertory.testing.elements import COLUMNS, PLAIN, RICH, Tags
from repertory.testing.encoding import Elements, Syntax

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG = "1.2.840.10008.1.2.4.50"

_ROW = 2 * COLUMNS
_PRIVATE = ("LO", "REPERTORY ")


def make_dicom(
    *,
    patient_id: str = "TEST",
    study: str | None = None,
    series: str | None = None,
    instance: str | None = None,
    number: int = 1,
    seed: object = None,
    size: int | None = None,
    rich: bool = False,
    tags: Tags | None = None,
    transfer_syntax: str = EXPLICIT,
    meta: bool = True,
    deep: bool = False,
) -> bytes:
    """Make an MR image.

    Args:
        patient_id: PatientID.
        study: StudyInstanceUID; a new one by default, as for the other two.
        series: SeriesInstanceUID.
        instance: SOPInstanceUID.
        number: InstanceNumber.
        seed: makes the UIDs and pixels follow from it and from ``number``.
        size: how many bytes the file shall have, exactly; an even number, for uncompressed images.
        rich: whether to add elements, sequences and private ones too, to about 130 in all.
        tags: elements to add, to change or to leave out.
        transfer_syntax: one of the constants above, or another encapsulated one.
        meta: whether the file begins with a preamble and a meta header.
        deep: whether sequences and their items are written with undefined lengths.

    Raises:
        ValueError: there is no such file of ``size`` bytes.
    """
    study = study or _uid(seed, "study", patient_id)
    series = series or _uid(seed, "series", study)
    instance = instance or _uid(seed, "instance", series, number)
    elements = {**_template(rich=rich)}
    elements[0x00080018] = ("UI", instance)
    elements[0x00100020] = ("LO", patient_id)
    elements[0x0020000D] = ("UI", study)
    elements[0x0020000E] = ("UI", series)
    elements[0x00200013] = ("IS", number)
    with_pixels = _change(elements, tags or {})
    syntax = Syntax(transfer_syntax, deep=deep)
    head = _meta(elements, transfer_syntax) if meta else b""
    pixels = 64 * _ROW
    if size is not None:
        pixels = _fit(elements, syntax, size - len(head))
    if with_pixels:
        elements[0x7FE00010] = ("OW", b"".join(_noise(instance, pixels)))
    return head + syntax.encode(elements)


def make_study(
    *,
    series: int = 2,
    instances: int = 3,
    patient_id: str = "TEST",
    study: str | None = None,
    seed: object = None,
    tags: Tags | None = None,
    **options: Any,
) -> list[bytes]:
    """Make the files of a study, series after series; ``options`` are those of ``make_dicom``."""
    study = study or _uid(seed, "study", patient_id)
    return [
        make_dicom(
            patient_id=patient_id,
            study=study,
            series=uid,
            number=number,
            seed=seed,
            tags={"SeriesNumber": order, **(tags or {})},
            **options,
        )
        for order in range(1, series + 1)
        for uid in (_uid(seed, "series", study, order),)
        for number in range(1, instances + 1)
    ]


def write_large_dicom(
    path: Path, size: int, *, seed: object = None, tags: Tags | None = None
) -> None:
    """Write an image of many frames and exactly ``size`` bytes (even, below 4 GB), in pieces.

    Raises:
        ValueError: there is no such file of ``size`` bytes.
    """
    instance = _uid(seed, "instance", size)
    elements = {**_template(rich=False)}
    elements[0x00080018] = ("UI", instance)
    elements[0x00100020] = ("LO", "LARGE")
    elements[0x0020000D] = ("UI", _uid(seed, "study", size))
    elements[0x0020000E] = ("UI", _uid(seed, "series", size))
    elements[0x00200013] = ("IS", 1)
    _change(elements, tags or {})
    syntax = Syntax(EXPLICIT)
    head = _meta(elements, EXPLICIT)
    pixels = _fit(elements, syntax, size - len(head))
    with path.open("wb") as file:
        file.write(head + syntax.encode(elements) + syntax.header(0x7FE00010, "OW", pixels))
        file.writelines(_noise(instance, pixels))


def _uid(seed: object, *words: object) -> str:
    """A UID: a new one, or the one that follows from a seed."""
    if seed is None:
        return f"2.25.{uuid.uuid4().int}"
    digest = hashlib.sha256(repr((seed, *words)).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=4).int}"


def _change(elements: Elements, tags: Tags) -> bool:
    """Enter what a caller wants otherwise; whether the file shall get pixels."""
    for name, value in tags.items():
        tag = parse_tag(tag_of(name) or name)
        if tag is None:
            raise ValueError(f"{name} is no keyword and no tag")
        if value is None:
            elements.pop(tag, None)
        elif isinstance(value, tuple):
            elements[tag] = value
        else:
            elements[tag] = (ENTRIES[tag].vr, _items(value))
    return "PixelData" not in tags and "7fe0,0010" not in tags


def _items(value: Any) -> Any:
    """A value whose sequence items, if it has any, are elements by tag."""
    if not isinstance(value, list) or not any(isinstance(item, Mapping) for item in value):
        return value
    items: list[Elements] = []
    for tags in value:
        items.append({})
        _change(items[-1], tags)
    return items


def _meta(elements: Elements, transfer_syntax: str) -> bytes:
    """The preamble and the file meta information (PS3.10 7.1)."""
    plain = Syntax(EXPLICIT)
    meta: Elements = {
        0x00020001: ("OB", b"\0\1"),
        0x00020002: ("UI", elements.get(0x00080016, ("UI", ""))[1]),
        0x00020003: ("UI", elements.get(0x00080018, ("UI", ""))[1]),
        0x00020010: ("UI", transfer_syntax),
        0x00020012: ("UI", "2.25.80302813137786398554742050926734630921"),
        0x00020013: ("SH", "REPERTORY"),
    }
    body = plain.encode(meta)
    return bytes(128) + b"DICM" + plain.encode({0x00020000: ("UL", len(body))}) + body


def _fit(elements: Elements, syntax: Syntax, size: int) -> int:
    """Set rows, frames and padding so that the data set gets ``size`` bytes; those of the pixels.

    What does not fill a row is put into a private element.
    """
    elements[0x00090010] = _PRIVATE
    elements[0x00091001] = ("OB", b"")
    elements[0x00280008] = ("IS", "1 ")
    elements[0x00280010] = ("US", 1)
    header = len(syntax.header(0x7FE00010, "OW", 0))
    # Room for a NumberOfFrames of four digits: its length must not change any more.
    elements[0x00280008] = ("IS", "0001")
    left = size - len(syntax.encode(elements)) - header
    if size % 2 or left < _ROW:
        raise ValueError("the size is odd, or too small for the header")
    rows = left // _ROW
    fewest = -(-rows // 0xFFFF)
    frames = min(range(fewest, fewest + 64), key=lambda number: (rows % number, number))
    elements[0x00280008] = ("IS", f"{frames:04}")
    elements[0x00280010] = ("US", rows // frames)
    pixels = rows // frames * frames * _ROW
    elements[0x00091001] = ("OB", bytes(left - pixels))
    return pixels


def _noise(key: str, size: int) -> Iterator[bytes]:
    """Pieces of ``size`` bytes in all, of 12-bit values that differ from file to file."""
    block = _block()
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big")
    while size > 0:
        start = number % (len(block) // 4) * 2
        piece = block[start : start + size]
        yield piece
        size -= len(piece)
        number //= 3


@lru_cache(maxsize=1)
def _block() -> bytes:
    noise = bytearray(Random(1).randbytes(1 << 20))  # noqa: S311 - pixels are no secret
    noise[1::2] = noise[1::2].translate(bytes(byte & 15 for byte in range(256)))
    return bytes(noise)


@lru_cache(maxsize=2)
def _template(*, rich: bool) -> Elements:
    """The elements that all files share."""
    elements: Elements = {}
    _change(elements, PLAIN)
    if rich:
        _change(elements, RICH)
    return elements
