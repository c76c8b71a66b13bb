"""The transfer syntaxes of PS3.5 and PS3.6 that pixels can have, and what can be done with each."""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"
JPEG_BASELINE: Final = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED: Final = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1: Final = "1.2.840.10008.1.2.4.70"
JPEG_LS: Final = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR: Final = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"
JPEG_2000: Final = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS: Final = "1.2.840.10008.1.2.4.201"
HTJ2K_RPCL: Final = "1.2.840.10008.1.2.4.202"
HTJ2K: Final = "1.2.840.10008.1.2.4.203"
RLE: Final = "1.2.840.10008.1.2.5"

UNCOMPRESSED: Final = frozenset({IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN})
"""Those whose pixels are not encapsulated (PS3.5 annex A.1 to A.3 and A.5)."""
LOSSY: Final = frozenset({JPEG_BASELINE, JPEG_LS_NEAR, JPEG_2000})
"""Those that lose something when pixels are encoded here."""


@dataclass(frozen=True, slots=True)
class Syntax:
    """A transfer syntax: its name, and the modules that decoding and encoding need.

    Any one module of ``decoders`` will do, and all of ``encoders`` are needed; ``None``: it cannot
    be done.
    """

    uid: str
    name: str
    decoders: tuple[str, ...] | None = ()
    encoders: tuple[str, ...] | None = None

    @property
    def can_be_decoded(self) -> bool:
        """Whether what decoding needs is installed."""
        if self.decoders is None:
            return False
        return not self.decoders or any(_is_installed(name) for name in self.decoders)

    @property
    def can_be_encoded(self) -> bool:
        """Whether what encoding needs is installed; to be checked by decoding it again."""
        if self.encoders is None or not self.can_be_decoded:
            return False
        return all(_is_installed(name) for name in self.encoders)


_OPENJPEG: Final = ("openjpeg", "gdcm")
_VIDEO: Final = (
    ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile, Main Level"),
    ("1.2.840.10008.1.2.4.101", "MPEG2 Main Profile, High Level"),
    ("1.2.840.10008.1.2.4.102", "MPEG-4 AVC/H.264 High Profile, Level 4.1"),
    ("1.2.840.10008.1.2.4.103", "MPEG-4 AVC/H.264 BD-compatible High Profile, Level 4.1"),
    ("1.2.840.10008.1.2.4.104", "MPEG-4 AVC/H.264 High Profile, Level 4.2 for 2D video"),
    ("1.2.840.10008.1.2.4.105", "MPEG-4 AVC/H.264 High Profile, Level 4.2 for 3D video"),
    ("1.2.840.10008.1.2.4.106", "MPEG-4 AVC/H.264 Stereo High Profile, Level 4.2"),
    ("1.2.840.10008.1.2.4.107", "HEVC/H.265 Main Profile, Level 5.1"),
    ("1.2.840.10008.1.2.4.108", "HEVC/H.265 Main 10 Profile, Level 5.1"),
)

SYNTAXES: Final[dict[str, Syntax]] = {
    it.uid: it
    for it in (
        Syntax(IMPLICIT, "Implicit VR Little Endian", (), ()),
        Syntax(EXPLICIT, "Explicit VR Little Endian", (), ()),
        Syntax(DEFLATED, "Deflated Explicit VR Little Endian", (), ()),
        Syntax(BIG_ENDIAN, "Explicit VR Big Endian (retired)", (), ()),
        Syntax(RLE, "RLE Lossless", (), ()),
        Syntax(JPEG_BASELINE, "JPEG Baseline (Process 1)", ("gdcm",), ("PIL", "numpy")),
        Syntax(JPEG_EXTENDED, "JPEG Extended (Process 2 and 4), 8 bits alone", ("gdcm",)),
        Syntax(JPEG_LOSSLESS, "JPEG Lossless (Process 14)", ("gdcm",), ("gdcm", "numpy")),
        Syntax(
            JPEG_LOSSLESS_SV1,
            "JPEG Lossless (Process 14, Selection Value 1)",
            ("gdcm",),
            ("gdcm", "numpy"),
        ),
        Syntax(JPEG_LS, "JPEG-LS Lossless", ("jpeg_ls", "gdcm"), ("jpeg_ls", "numpy")),
        Syntax(JPEG_LS_NEAR, "JPEG-LS Near-Lossless", ("jpeg_ls", "gdcm"), ("jpeg_ls", "numpy")),
        Syntax(
            JPEG_2000_LOSSLESS,
            "JPEG 2000 Lossless",
            _OPENJPEG,
            ("pylibjpeg", "openjpeg", "numpy"),
        ),
        Syntax(JPEG_2000, "JPEG 2000", _OPENJPEG, ("pylibjpeg", "openjpeg", "numpy")),
        Syntax(HTJ2K_LOSSLESS, "High-Throughput JPEG 2000 Lossless", ("openjpeg",)),
        Syntax(HTJ2K_RPCL, "High-Throughput JPEG 2000 Lossless, RPCL", ("openjpeg",)),
        Syntax(HTJ2K, "High-Throughput JPEG 2000", ("openjpeg",)),
        Syntax("1.2.840.10008.1.2.4.92", "JPEG 2000 Part 2 Lossless", None),
        Syntax("1.2.840.10008.1.2.4.93", "JPEG 2000 Part 2", None),
        *(Syntax(uid, name, None) for uid, name in _VIDEO),
    )
}
"""All that are known, by UID."""


def can_draw() -> bool:
    """Whether what pictures need is installed."""
    return _is_installed("numpy") and _is_installed("PIL")


def _is_installed(module: str) -> bool:
    return find_spec(module) is not None
