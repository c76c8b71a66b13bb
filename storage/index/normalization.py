"""Identifiers as they are searched: without regard to case, accents and surrounding blanks.

See spec, Main DICOM tags.
"""

import unicodedata

from repertory.model import Level

SEARCHED: dict[Level, dict[str, str]] = {
    Level.PATIENT: {
        "0010,0020": "patient_id",
        "0010,0010": "patient_name",
        "0010,0030": "patient_birth_date",
    },
    Level.STUDY: {
        "0020,000d": "study_uid",
        "0008,0050": "accession_number",
        "0008,1030": "study_description",
        "0008,0020": "study_date",
    },
    Level.SERIES: {"0020,000e": "series_uid"},
    Level.INSTANCE: {"0008,0018": "sop_uid"},
}
"""The attributes at each level, and the columns of ``resources`` that hold them, in order."""

LONGEST = 2_048
"""Letters of an identifier that are searched: what an index of any database holds."""

_PLAIN = str.maketrans("%_", "  ")


def normalized(value: str) -> str:
    """``value`` in upper-case ASCII, without accents; ``%`` and ``_`` become blanks.

    Letters without an ASCII counterpart and control characters are left out, and what is longer
    than any identifier.
    """
    value = value.upper()
    if not value.isascii():
        value = unicodedata.normalize("NFKD", value).upper().encode("ascii", "ignore").decode()
    if not value.isprintable():
        value = "".join(letter for letter in value if letter.isprintable())
    return value.translate(_PLAIN).strip()[:LONGEST]
