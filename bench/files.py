"""Made-up DICOM files for the benchmark: a realistic header, then pixels to the size asked for.

Thousands of different files are made before the clock runs, so they must cost next to nothing:
one file is written out with marked identifiers, and ``Stamp`` replaces only the marks. The
pixels, nearly all of the bytes, are one buffer in memory that all files share.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

PREAMBLE = bytes(128) + b"DICM"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
_LONG = frozenset({"OB", "OW", "SQ", "UN", "UT"})

# What a CT scanner writes besides identifiers and pixels: (group, element, VR, value).
_SCANNER = (
    (0x0008, 0x0005, "CS", "ISO_IR 100"),
    (0x0008, 0x0008, "CS", "ORIGINAL\\PRIMARY\\AXIAL"),
    (0x0008, 0x0012, "DA", "20260102"),
    (0x0008, 0x0013, "TM", "101112.500"),
    (0x0008, 0x0021, "DA", "20260102"),
    (0x0008, 0x0022, "DA", "20260102"),
    (0x0008, 0x0023, "DA", "20260102"),
    (0x0008, 0x0030, "TM", "101000"),
    (0x0008, 0x0031, "TM", "101030"),
    (0x0008, 0x0032, "TM", "101110"),
    (0x0008, 0x0033, "TM", "101112"),
    (0x0008, 0x0060, "CS", "CT"),
    (0x0008, 0x0070, "LO", "Maker of Scanners"),
    (0x0008, 0x0080, "LO", "General Hospital"),
    (0x0008, 0x0081, "ST", "1 Main Street, Anytown"),
    (0x0008, 0x0090, "PN", "Referrer^Rita"),
    (0x0008, 0x1010, "SH", "SCANNER1"),
    (0x0008, 0x1030, "LO", "Head without contrast"),
    (0x0008, 0x103E, "LO", "Axial 0.6 mm"),
    (0x0008, 0x1040, "LO", "Radiology"),
    (0x0008, 0x1070, "PN", "Operator^Otto"),
    (0x0008, 0x1090, "LO", "Model 64"),
    (0x0010, 0x0030, "DA", "19700304"),
    (0x0010, 0x0040, "CS", "O"),
    (0x0010, 0x1010, "AS", "055Y"),
    (0x0010, 0x1030, "DS", "70"),
    (0x0018, 0x0015, "CS", "HEAD"),
    (0x0018, 0x0022, "CS", "HELIX"),
    (0x0018, 0x0050, "DS", "0.6"),
    (0x0018, 0x0060, "DS", "120"),
    (0x0018, 0x0090, "DS", "500"),
    (0x0018, 0x1000, "LO", "12345"),
    (0x0018, 0x1020, "LO", "version 7.1"),
    (0x0018, 0x1030, "LO", "Head routine"),
    (0x0018, 0x1100, "DS", "240"),
    (0x0018, 0x1110, "DS", "1085.6"),
    (0x0018, 0x1111, "DS", "595"),
    (0x0018, 0x1120, "DS", "0"),
    (0x0018, 0x1130, "DS", "155.5"),
    (0x0018, 0x1140, "CS", "CW"),
    (0x0018, 0x1150, "IS", "1000"),
    (0x0018, 0x1151, "IS", "240"),
    (0x0018, 0x1152, "IS", "240"),
    (0x0018, 0x1160, "SH", "0"),
    (0x0018, 0x1190, "DS", "1.2"),
    (0x0018, 0x1200, "DA", "20260101"),
    (0x0018, 0x1210, "SH", "H31s"),
    (0x0018, 0x5100, "CS", "HFS"),
    (0x0020, 0x0010, "SH", "1"),
    (0x0020, 0x0011, "IS", "2"),
    (0x0020, 0x0012, "IS", "1"),
    (0x0020, 0x0032, "DS", "-120\\-120\\35.4"),
    (0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"),
    (0x0020, 0x1040, "LO", ""),
    (0x0020, 0x1041, "DS", "35.4"),
    (0x0020, 0x4000, "LT", "made up for a benchmark"),
    (0x0028, 0x0004, "CS", "MONOCHROME2"),
    (0x0028, 0x0030, "DS", "0.46875\\0.46875"),
    (0x0028, 0x1050, "DS", "40"),
    (0x0028, 0x1051, "DS", "80"),
    (0x0028, 0x1052, "DS", "-1024"),
    (0x0028, 0x1053, "DS", "1"),
    (0x0040, 0x0244, "DA", "20260102"),
    (0x0040, 0x0245, "TM", "101000"),
    (0x0040, 0x0253, "SH", "PPS1"),
    (0x0040, 0x0254, "LO", "Head without contrast"),
)


def _element(group: int, element: int, vr: str, value: str | bytes) -> bytes:
    """One data element in explicit VR little endian (PS3.5 section 7.1.2), padded to even."""
    raw = value.encode("latin-1") if isinstance(value, str) else value
    if len(raw) % 2:
        raw += b"\0" if vr in ("UI", "OB") else b" "
    if vr in _LONG:
        return struct.pack("<HH2s2xI", group, element, vr.encode(), len(raw)) + raw
    return struct.pack("<HH2sH", group, element, vr.encode(), len(raw)) + raw


def make_dicom(
    *,
    patient_id: str,
    patient_name: str,
    study_date: str,
    accession_number: str,
    study_instance_uid: str,
    series_instance_uid: str,
    sop_instance_uid: str,
    instance_number: int = 1,
    size: int = 10_000,
) -> bytes:
    """A CT image of about ``size`` bytes; the identifiers are the ones given."""
    words = {
        (0x0008, 0x0016): ("UI", CT_IMAGE_STORAGE),
        (0x0008, 0x0018): ("UI", sop_instance_uid),
        (0x0008, 0x0020): ("DA", study_date),
        (0x0008, 0x0050): ("SH", accession_number),
        (0x0010, 0x0010): ("PN", patient_name),
        (0x0010, 0x0020): ("LO", patient_id),
        (0x0020, 0x000D): ("UI", study_instance_uid),
        (0x0020, 0x000E): ("UI", series_instance_uid),
        (0x0020, 0x0013): ("IS", str(instance_number)),
    }
    words |= {(group, element): (vr, value) for group, element, vr, value in _SCANNER}
    columns = 64
    rows = max(1, (size - 1_640) // (2 * columns))
    numbers = {0x0002: 1, 0x0010: rows, 0x0011: columns, 0x0100: 16, 0x0101: 12, 0x0102: 11}
    elements: dict[tuple[int, int], tuple[str, str | bytes]] = {**words}
    for number, value in (*numbers.items(), (0x0103, 0)):
        elements[0x0028, number] = ("US", struct.pack("<H", value))
    meta = b"".join(
        (
            _element(0x0002, 0x0001, "OB", b"\0\1"),
            _element(0x0002, 0x0002, "UI", CT_IMAGE_STORAGE),
            _element(0x0002, 0x0003, "UI", sop_instance_uid),
            _element(0x0002, 0x0010, "UI", EXPLICIT_LITTLE_ENDIAN),
            _element(0x0002, 0x0012, "UI", "1.2.826.0.1.3680043.10.1.1"),
        )
    )
    body = b"".join(_element(*tag, *elements[tag]) for tag in sorted(elements))
    # Noise of 12 bits: a scanner's pixels neither repeat nor compress well.
    noise = (number * 2_654_435_761 >> 7 & 0xFFF for number in range(rows * columns))
    pixels = struct.pack(f"<{rows * columns}H", *noise)
    return b"".join(
        (
            PREAMBLE,
            _element(0x0002, 0x0000, "UL", struct.pack("<I", len(meta))),
            meta,
            body,
            _element(0x7FE0, 0x0010, "OW", pixels),
        )
    )


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
            patient_name="@P@@@@@@@@^MADEUP",
            study_date="202601@D",
            accession_number="A@P@@@@@@@@",
            study_instance_uid=self._uid("@S@@@@@@@@"),
            series_instance_uid=self._uid("@E@@@@@@@@"),
            sop_instance_uid=self._uid("@I@@@@@@@@"),
            size=self.size,
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
