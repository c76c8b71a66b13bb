"""Made-up DICOM files for the benchmark, thousands of them at next to no cost.

They must all be made before the clock runs. So one file is written out with marked identifiers, and
``Stamp`` replaces only the marks. The pixels, nearly all of the bytes, are one buffer in memory
that all files share.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

# A checkout need not be installed; at the end, or our http would hide the standard library's.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from repertory.testing.files import make_dicom

RICH_FROM = 100_000
"""Files of this size or more, in bytes, have the 160 elements of a scanner; smaller ones 60."""


@dataclass(frozen=True, slots=True)
class File:
    """One made-up file: what is its own, what it shares, and what it can be found by."""

    head: bytes
    pixels: memoryview
    patient_id: str

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return len(self.head) + len(self.pixels)


_serials = count(random.randrange(900_000_000))


@dataclass(slots=True)
class Stamp:
    """Makes files of one size that differ in their identifiers.

    Numbers go up from a random one, so that a server which outlives the run takes the next run's
    files as new ones too.
    """

    size: int
    _head: bytes = field(init=False)
    _pixels: memoryview = field(init=False)

    def __post_init__(self) -> None:
        whole = make_dicom(
            patient_id="BENCH@P@@@@@@@@",
            study=self._uid("@S@@@@@@@@"),
            series=self._uid("@E@@@@@@@@"),
            instance=self._uid("@I@@@@@@@@"),
            size=self.size,
            rich=self.size >= RICH_FROM,
            tags={
                "PatientName": "@P@@@@@@@@^MADEUP",
                "StudyDate": "202601@D",
                "AccessionNumber": "A@P@@@@@@@@",
            },
        )
        end = whole.rindex(b"\xe0\x7f\x10\x00OW") + 12
        self._head = whole[:end]
        self._pixels = memoryview(whole)[end:]

    @staticmethod
    def _uid(mark: str) -> str:
        return f"1.2.826.0.1.3680043.10.999.{mark}"

    def file(self, patient: int, series: int, instance: int) -> File:
        """The file with these numbers; each at most nine digits, patient and study are one."""
        head = self._head
        marks = ((b"S", patient), (b"E", series), (b"I", instance), (b"P", patient))
        for letter, number in marks:
            # A component of a UID must not begin with 0 (PS3.5 section 9.1).
            head = head.replace(b"@" + letter + b"@" * 8, b"1%09d" % number)
        head = head.replace(b"@D", b"%02d" % (patient % 28 + 1))
        return File(head=head, pixels=self._pixels, patient_id=f"BENCH1{patient:09d}")

    def studies(self, number: int) -> list[File]:
        """``number`` new studies with one instance each."""
        return [self.file(serial, serial, serial) for serial in self._serials(number)]

    def study(self, instances: int) -> list[File]:
        """One new study with a single series of ``instances`` instances."""
        (patient,) = self._serials(1)
        return [self.file(patient, patient, serial) for serial in self._serials(instances)]

    @staticmethod
    def _serials(number: int) -> Iterator[int]:
        return (next(_serials) for _ in range(number))
