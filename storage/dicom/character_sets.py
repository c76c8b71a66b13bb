"""Character sets: from SpecificCharacterSet (PS3.3 C.12.1.1.2) to text.

Where the standard leaves a choice this is Orthanc's: what cannot be decoded is left out, and an
unknown character set is read as ASCII, since Orthanc's identifiers depend on it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from repertory.storage.encoding import DEFAULT_ENCODING, ENCODINGS

_CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859-2",
    "ISO_IR 109": "iso8859-3",
    "ISO_IR 110": "iso8859-4",
    "ISO_IR 144": "iso8859-5",
    "ISO_IR 127": "iso8859-6",
    "ISO_IR 126": "iso8859-7",
    "ISO_IR 138": "iso8859-8",
    "ISO_IR 148": "iso8859-9",
    "ISO_IR 203": "iso8859-15",
    "ISO_IR 166": "tis-620",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    # These have no form without escape sequences; what stands before one is read so.
    "ISO_IR 58": "gb2312",
    "ISO_IR 87": "iso2022_jp",
    "ISO_IR 149": "euc_kr",
    "ISO_IR 159": "iso2022_jp_2",
}

# PS3.3 tables C.12-3 and C.12-4. The Japanese double-byte sets replace the ASCII half, and their
# codecs read the escape sequence themselves; all others join it.
_ESCAPES = {
    b"\x1b(J": "shift_jis",
    b"\x1b)I": "shift_jis",
    b"\x1b-A": "latin-1",
    b"\x1b-B": "iso8859-2",
    b"\x1b-C": "iso8859-3",
    b"\x1b-D": "iso8859-4",
    b"\x1b-L": "iso8859-5",
    b"\x1b-G": "iso8859-6",
    b"\x1b-F": "iso8859-7",
    b"\x1b-H": "iso8859-8",
    b"\x1b-M": "iso8859-9",
    b"\x1b-b": "iso8859-15",
    b"\x1b-T": "tis-620",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
_REPLACING = {b"\x1b$B": "iso2022_jp", b"\x1b$(D": "iso2022_jp_2"}
_BACK_TO_ASCII = b"\x1b(B"

_PIECES = re.compile(rb"(\x1b(?:\$[()]?.|[()-].))", re.DOTALL)
# What ends a code extension (PS3.5 6.1.2.5.3): of names also the marks between their parts.
_ENDS = re.compile(rb"([\r\n\f\t\\])")
_NAME_ENDS = re.compile(rb"([\r\n\f\t\\^=])")


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """How the text of a data set is written.

    ``codec`` is Python's name of the first character set; with ``extended``, values may switch to
    others by ISO 2022 escape sequences.
    """

    codec: str
    extended: bool = False

    def decode(self, raw: bytes, vr: str = "") -> str:
        """The text of a value; never fails."""
        if self.extended and b"\x1b" in raw:
            return self._switching(raw, _NAME_ENDS if vr == "PN" else _ENDS)
        return raw.decode(self.codec, "ignore")

    def _switching(self, raw: bytes, ends: re.Pattern[bytes]) -> str:
        texts = []
        codec = self.codec
        # The pattern has one group: texts and escape sequences come in turns.
        escape = b""
        for index, piece in enumerate(_PIECES.split(raw)):
            if index % 2:
                escape = piece
                if escape not in _REPLACING and escape != _BACK_TO_ASCII:
                    codec = _ESCAPES.get(escape, codec)
            elif escape in _REPLACING:
                texts.append((escape + piece).decode(_REPLACING[escape], "ignore"))
            elif piece:
                first, *rest = ends.split(piece, maxsplit=1)
                texts.append(first.decode(codec, "ignore"))
                if rest:
                    codec = self.codec
                    texts.append(b"".join(rest).decode(codec, "ignore"))
        return "".join(texts)


@lru_cache(maxsize=1000)
def character_set(
    specific_character_set: bytes, default_encoding: str = DEFAULT_ENCODING
) -> CharacterSet:
    """The character set of a data set.

    Args:
        specific_character_set: the value of SpecificCharacterSet; empty where there is none.
        default_encoding: what a file without it is written in, as in Orthanc's configuration.
    """
    text = specific_character_set.split(b"\0")[0].decode("latin-1").upper()
    terms = [term.strip() for term in text.split("\\")]
    if terms == [""]:
        return CharacterSet(ENCODINGS.get(default_encoding, "latin-1"))
    first = terms[0].replace("ISO 2022 IR", "ISO_IR")
    return CharacterSet(
        _CODECS.get(first, "ascii"),
        extended=len(terms) > 1 or (first != terms[0] and first != "ISO_IR 6"),
    )
