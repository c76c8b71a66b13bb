"""Groups of transfer syntaxes that can be accepted or not, each by an option of its own."""

from typing import Final

from repertory.conf.fields import section, setting
from repertory.conf.peers import PeersSettings

_ROOT: Final = "1.2.840.10008.1.2."

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "deflated": (f"{_ROOT}1.99",),
    "jpeg": (*(f"{_ROOT}4.{number}" for number in range(50, 67)), f"{_ROOT}4.70"),
    "jpeg2000": tuple(f"{_ROOT}4.{number}" for number in range(90, 94)),
    "jpeg_lossless": (f"{_ROOT}4.80", f"{_ROOT}4.81"),
    "jpip": tuple(f"{_ROOT}4.{number}" for number in (94, 95, 204, 205)),
    "mpeg2": tuple(f"{_ROOT}4.{number}" for number in ("100", "100.1", "101", "101.1")),
    "mpeg4": tuple(f"{_ROOT}4.{number}{end}" for number in range(102, 107) for end in ("", ".1")),
    "h265": (f"{_ROOT}4.107", f"{_ROOT}4.108"),
    "rle": (f"{_ROOT}5",),
}
"""The transfer syntaxes of each group, by how the name of its option begins.

Those that Orthanc has there, and what the standard got of the same kind since.
"""


def _meaning(name: str) -> str:
    return f"Whether {name} is taken; not set: as AcceptedTransferSyntaxes says."


@section("")
class TransferSyntaxSettings(PeersSettings):
    """A part of ``Settings``: transfer syntaxes by groups, over AcceptedTransferSyntaxes."""

    deflated_transfer_syntax_accepted: bool | None = setting(
        default=None, meaning=_meaning("what is deflated as a whole")
    )
    jpeg_transfer_syntax_accepted: bool | None = setting(default=None, meaning=_meaning("JPEG"))
    jpeg2000_transfer_syntax_accepted: bool | None = setting(
        default=None, meaning=_meaning("JPEG 2000")
    )
    jpeg_lossless_transfer_syntax_accepted: bool | None = setting(
        default=None, meaning=_meaning("JPEG-LS")
    )
    jpip_transfer_syntax_accepted: bool | None = setting(
        default=None, meaning=_meaning("what refers to a JPIP server")
    )
    mpeg2_transfer_syntax_accepted: bool | None = setting(default=None, meaning=_meaning("MPEG-2"))
    mpeg4_transfer_syntax_accepted: bool | None = setting(default=None, meaning=_meaning("MPEG-4"))
    h265_transfer_syntax_accepted: bool | None = setting(default=None, meaning=_meaning("H.265"))
    rle_transfer_syntax_accepted: bool | None = setting(default=None, meaning=_meaning("RLE"))
