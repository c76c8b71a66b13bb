"""Values of elements as text, as Orthanc shows them."""

from struct import unpack_from
from typing import Final

from repertory.storage.dicom.character_sets import CharacterSet

TEXT: Final = frozenset(
    (
        "AE",
        "AS",
        "CS",
        "DA",
        "DS",
        "DT",
        "IS",
        "LO",
        "LT",
        "PN",
        "SH",
        "ST",
        "TM",
        "UC",
        "UI",
        "UR",
        "UT",
    )
)

_NUMBERS: Final = {
    "US": ("H", 2),
    "SS": ("h", 2),
    "UL": ("I", 4),
    "SL": ("i", 4),
    "UV": ("Q", 8),
    "SV": ("q", 8),
    "FL": ("f", 4),
    "FD": ("d", 8),
}


def as_text(raw: bytes, vr: str, charset: CharacterSet, little: bool = True) -> str | None:
    r"""A value as text; several values joined by "\\".

    ``None`` for what has no text: binary values and numbers that are missing. Spaces at the end of
    text are padding, and it ends at the first NUL.
    """
    if vr in TEXT:
        # In this order, as in DCMTK: Orthanc's identifiers depend on it.
        raw = raw.rstrip(b" ")
        if raw.isascii():
            text = raw.decode()
            if text.isprintable():
                return text
        if b"\0" in raw:
            raw = raw[: raw.index(b"\0")]
        return charset.decode(raw, vr)
    if vr in _NUMBERS:
        code, width = _NUMBERS[vr]
        count = len(raw) // width
        numbers = unpack_from(f"{'<' if little else '>'}{count}{code}", raw)
        if not numbers:
            return None
        if width > 2 and vr[0] == "F":
            # Orthanc prints float and double alike, with all the digits that a double has.
            return "\\".join([f"{number:.17g}" for number in numbers])
        return "\\".join(map(str, numbers))
    if vr == "AT" and len(raw) >= 4:
        # Orthanc shows the first of several.
        group, element = unpack_from("<HH" if little else ">HH", raw)
        return f"{group:04x},{element:04x}"
    return None
