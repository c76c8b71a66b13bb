"""Files of DICOM elements as DCMTK has them (option ``ExternalDictionaries``).

A line is an element: its tag, VR, name, number of values and edition, separated by tabs. A tag is
``(gggg,eeee)``, or ``(gggg,"creator",ee)`` for a private one; group and element may be ranges, of
even numbers (``5000-50FF``), of odd ones (``7001-o-70FF``) or of all (``0010-u-00FF``). What begins
with ``#`` is a comment; so says the head of DCMTK's own ``dicom.dic``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from repertory.vocabulary import VRS

_FIELDS = (3, 5)
_NUMBER = r"([0-9a-fA-F]{1,4})(?:-(?:([oeuOEU])-)?([0-9a-fA-F]{1,4}))?"
_TAG = re.compile(rf'\({_NUMBER},(?:"([^"]*)",)?{_NUMBER}\)')
_COUNT = re.compile(r"\d+(-(\d+|\d*n))?")

# DCMTK's words for what may be several VRs, and for what has none (dcvr.h).
_INTERNAL = {"ox": "OW", "px": "OW", "lt": "OW", "up": "UL", "na": "UN", "xs": "US"}
_BY_PIXELS = "xs"

# What any dictionary knows: group lengths and private creators, which are no elements of their own.
_GENERAL = frozenset({"GENERIC", "ILLEGAL", "PRIVATE"})


class Span(NamedTuple):
    """Numbers of groups or elements: from the first to the last; ``o`` odd ones, ``e`` even."""

    first: int
    last: int
    parity: str = "u"

    @property
    def is_one(self) -> bool:
        """Whether it is a single number."""
        return self.first == self.last

    def holds(self, number: int) -> bool:
        """Whether a number is one of these."""
        if not self.first <= number <= self.last:
            return False
        return self.parity == "u" or (number & 1 == 1) == (self.parity == "o")


@dataclass(frozen=True, slots=True)
class FileElement:
    """A line of a file: which elements, and what they are.

    ``creator`` is who reserves the block of private ones, "" for others. ``by_pixels`` says that
    the VR is US or SS as PixelRepresentation has it.
    """

    groups: Span
    elements: Span
    vr: str
    name: str
    creator: str = ""
    by_pixels: bool = False


def read_dictionary(path: str) -> tuple[FileElement, ...]:
    """The elements of a file, in its order.

    Raises:
        ValueError: it cannot be read, or a line is none; says why, as the end of a sentence
            ("must …").
    """
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise ValueError(f"must name files that exist, not {path}") from None
    except OSError as error:
        text = f"must name files that can be read, not {path}: {error.strerror}"
        raise ValueError(text) from None
    try:
        return tuple(_read(content.decode("latin-1")))
    except _BadLineError as error:
        text = f"must name dictionaries of DCMTK: line {error.number} of {path} {error}"
        raise ValueError(text) from None


class _BadLineError(Exception):
    """A line is none; says why."""

    number = 0


def _read(text: str) -> Iterator[FileElement]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            element = _element(line)
        except _BadLineError as error:
            error.number = number
            raise
        if element is not None:
            yield element


def _element(line: str) -> FileElement | None:
    fields = [it.strip() for it in line.strip().split("\t")]
    least, most = _FIELDS
    if not least <= len(fields) <= most:
        raise _BadLineError("does not have a tag, VR, name, count and edition, separated by tabs")
    tag, vr, name, *more = fields
    if vr not in VRS and vr not in _INTERNAL:
        raise _BadLineError("has no value representation, such as LO")
    if not name:
        raise _BadLineError("has no name")
    if more and _COUNT.fullmatch(more[0]) is None:
        raise _BadLineError("has no number of values, such as 1 or 1-n")
    groups, elements, creator = _tag(tag)
    if more[1:] and more[1] in _GENERAL:
        return None
    shown = _INTERNAL.get(vr, vr)
    return FileElement(groups, elements, shown, name, creator, by_pixels=vr == _BY_PIXELS)


def _tag(text: str) -> tuple[Span, Span, str]:
    match = _TAG.fullmatch(text.replace(" ", "") if '"' not in text else text)
    if match is None:
        raise _BadLineError('has no tag, such as (0014,1020) or (00e1,"ELSCINT1",c2)')
    creator = match[4]
    groups = _span(match[1], match[2], match[3])
    if creator is not None:
        if not creator.strip():
            raise _BadLineError("has a private creator without a name")
        if not groups.first & 1:
            raise _BadLineError("has a private creator, but its group is not odd")
        groups = groups if groups.is_one else groups._replace(parity="o")
    return groups, _span(match[5], match[6], match[7]), (creator or "").strip()


def _span(first: str, parity: str | None, last: str | None) -> Span:
    start = int(first, 16)
    if last is None:
        return Span(start, start)
    span = Span(start, int(last, 16), (parity or "e").lower())
    if span.last < start:
        raise _BadLineError("has a range that ends before it begins")
    return span
