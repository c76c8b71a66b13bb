"""Which files are transcoded when they come in."""

from dataclasses import dataclass

from repertory.model import Summary
from repertory.storage.pixels.syntaxes import DEFLATED, LOSSY, SYNTAXES, UNCOMPRESSED

LARGEST = 512 << 20
"""Bytes of the largest file that is transcoded: it is in memory several times."""


@dataclass(frozen=True, slots=True)
class IngestRules:
    """The options IngestTranscoding, IngestTranscodingOfCompressed and -OfUncompressed.

    ``syntax`` is the one that files shall have, "" where each keeps its own.
    """

    syntax: str = ""
    of_compressed: bool = True
    of_uncompressed: bool = True

    def want(self, summary: Summary) -> bool:
        """Whether a file is to be transcoded."""
        source = summary.transfer_syntax
        if not self.syntax or source == self.syntax or source not in SYNTAXES:
            return False
        if not (self.of_uncompressed if source in UNCOMPRESSED else self.of_compressed):
            return False
        # In a deflated file nobody has looked for pixels yet.
        has_pixels = summary.pixel_data_offset is not None or source == DEFLATED
        return has_pixels or self.syntax in UNCOMPRESSED

    def want_again(self, summary: Summary) -> bool:
        """Whether a file that is in the archive is: it must stay the same instance."""
        return self.syntax not in LOSSY and self.want(summary)
