"""The summary of a DICOM file: what the index needs to know of it."""

import zlib
from functools import lru_cache
from typing import Final, NamedTuple

from repertory.errors import MissingTag, NotDicom
from repertory.model import Identity, Level, Summary, Tags
from repertory.storage.dicom.character_sets import CharacterSet, character_set
from repertory.storage.dicom.layout import (
    BIG,
    LITTLE,
    Damaged,
    Layout,
    Unfamiliar,
    read_layout,
)
from repertory.storage.dicom.names import ENTRIES, parse_tag
from repertory.storage.dicom.scanner import Scanned, scan, wanted_keys
from repertory.storage.dicom.sequences import read_sequences
from repertory.storage.dicom.sources import Content, Window, opened
from repertory.storage.dicom.tags_json import ALWAYS_SHORT, Json, is_too_long
from repertory.storage.dicom.values import TEXT, as_text
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags

_SPECIFIC_CHARACTER_SET: Final = 0x00080005
_SOP_CLASS_UID: Final = 0x00080016
_SOP_INSTANCE_UID: Final = 0x00080018
_PATIENT_ID: Final = 0x00100020
_STUDY_INSTANCE_UID: Final = 0x0020000D
_SERIES_INSTANCE_UID: Final = 0x0020000E
_INSTANCE_NUMBER: Final = 0x00200013
_IMAGE_INDEX: Final = 0x00541330
_EXPECTED: Final = (
    (0x00201002, 0x00200105),  # ImagesInAcquisition, NumberOfTemporalPositions
    (0x00540081, 0x00540101),  # NumberOfSlices, NumberOfTimeSlices
)
_CARDIAC_NUMBER_OF_IMAGES: Final = 0x00181090
_DIRECTORY_RECORDS: Final = 0x00041220
_LEVELS: Final = tuple(Level)

_SHORT: Final = 64
"""Bytes of a value that is remembered; longer ones seldom come again."""
_MOST: Final = 2048
"""Values that are remembered at a time, for each way of writing them."""
_WAYS: Final = 16

_ALWAYS: Final = frozenset(
    (
        _SPECIFIC_CHARACTER_SET,
        _SOP_CLASS_UID,
        _SOP_INSTANCE_UID,
        _PATIENT_ID,
        _STUDY_INSTANCE_UID,
        _SERIES_INSTANCE_UID,
        _INSTANCE_NUMBER,
        _IMAGE_INDEX,
        *(tag for tags in _EXPECTED for tag in tags),
        _CARDIAC_NUMBER_OF_IMAGES,
        _DIRECTORY_RECORDS,
    )
)


def summarize(
    source: Content,
    main_tags: MainDicomTags = MAIN_DICOM_TAGS,
    *,
    default_encoding: str | None = None,
) -> Summary:
    """Read what the index needs to know of a DICOM file, from its header alone.

    Args:
        source: the file's bytes, its path, or an open file.
        main_tags: which tags are kept at which level.
        default_encoding: what text is written in where the file does not say it, if it is not
            what ``main_tags`` has.

    Raises:
        NotDicom: it is no DICOM file, is not whole, or is a media directory (DICOMDIR).
        MissingTag: it lacks StudyInstanceUID, SeriesInstanceUID or SOPInstanceUID.
    """
    plan = _plan(main_tags)
    default_encoding = default_encoding or main_tags.encoding.name
    with opened(source) as window:
        try:
            layout, scanned = _scan(window, plan, default_encoding)
        except (Damaged, zlib.error) as error:
            raise NotDicom from error
        if layout.start == window.size:
            raise NotDicom("The file ends before its data set.")
    return _summary(layout, scanned, plan, default_encoding)


def _scan(window: Window, plan: "_Plan", default_encoding: str) -> tuple[Layout, Scanned]:
    try:
        layout = read_layout(window)
        scanned = scan(window, layout, plan.keys[layout.order.little])
    except Unfamiliar:
        from repertory.storage.dicom.fallback import (  # noqa: PLC0415 - see names
            scan_by_pydicom,
        )

        return scan_by_pydicom(window, plan.tags, default_encoding)
    if scanned.elsewhere or scanned.values.keys() & plan.sequences:
        read_sequences(window, layout, scanned, default_encoding)
    return layout, scanned


class _Plan:
    """What to look for, and what to do with it, worked out once for a set of main tags."""

    def __init__(self, main_tags: MainDicomTags) -> None:
        parsed = (parse_tag(tag) for tag in main_tags.levels)
        tags = _ALWAYS.union(tag for tag in parsed if tag is not None)
        # Of each tag: as text, its usual VR, and the places of the levels that keep it.
        self.tags: dict[int, tuple[str, str, tuple[int, ...]]] = {
            tag: (text, vr, tuple(level - 1 for level in main_tags.levels.get(text, ())))
            for tag in tags
            for text, _, vr, *_ in [ENTRIES[tag]]
        }
        # The VR of private ones is not known.
        self.sequences = frozenset(
            tag for tag, (_, vr, places) in self.tags.items() if places and vr in ("SQ", "UN")
        )
        self.keys = {order.little: wanted_keys(tags, order) for order in (LITTLE, BIG)}
        self._seen: dict[tuple[bytes, str, bool], _Seen] = {}

    def seen(self, charset: bytes, default_encoding: str, little: bool) -> "_Seen":
        """What was read before of values that are written in the same way."""
        how = charset, default_encoding, little
        seen = self._seen.get(how)
        if seen is None:
            if len(self._seen) >= _WAYS:
                self._seen.clear()
            seen = self._seen[how] = _Seen()
        return seen


class _Seen(dict[tuple[int, str, bytes], "_Known"]):
    """Values that come again with each instance of a series, by tag, VR and bytes."""

    def learn(self, key: tuple[int, str, bytes], known: "_Known") -> None:
        """Remember a value, if it is short; they are forgotten when they are many."""
        if len(key[2]) <= _SHORT:
            if len(self) >= _MOST:
                self.clear()
            self[key] = known


class _Known(NamedTuple):
    """The text of a value, if it has one, and under which name it is kept at which levels."""

    text: str | None
    name: str
    places: tuple[int, ...]


_plan = lru_cache(maxsize=16)(_Plan)


def _summary(layout: Layout, scanned: Scanned, plan: _Plan, default_encoding: str) -> Summary:
    values = scanned.values
    if _DIRECTORY_RECORDS in values:
        raise NotDicom
    _, raw_charset = values.get(_SPECIFIC_CHARACTER_SET, ("", b""))
    little = layout.order.little
    seen = plan.seen(raw_charset, default_encoding, little)
    texts: dict[int, str] = {}
    # By place, since to look a Level up takes longer than to make the text.
    kept: tuple[Tags, Tags, Tags, Tags] = ({}, {}, {}, {})
    for tag, (vr, raw) in values.items():
        key = tag, vr, raw
        known = seen.get(key)
        if known is None:
            charset = character_set(raw_charset, default_encoding)
            known = _read(plan, key, charset, little)
            seen.learn(key, known)
        text, name, places = known
        if text is not None:
            texts[tag] = text
            for place in places:
                kept[place][name] = text
    return Summary(
        identity=Identity(
            # Spaces at its beginning are part of Orthanc's identifiers.
            patient_id=texts.get(_PATIENT_ID, ""),
            study_instance_uid=_required(texts, _STUDY_INSTANCE_UID),
            series_instance_uid=_required(texts, _SERIES_INSTANCE_UID),
            sop_instance_uid=_required(texts, _SOP_INSTANCE_UID),
        ),
        main_tags=dict(zip(_LEVELS, kept, strict=True)),
        transfer_syntax=layout.transfer_syntax,
        sop_class_uid=texts.get(_SOP_CLASS_UID, "").strip(),
        # In a deflated file, the offset would be that of other bytes.
        pixel_data_offset=None if layout.deflated else scanned.pixel_data_offset,
        pixel_data_vr=scanned.pixel_data_vr,
        index_in_series=_integer(texts.get(_INSTANCE_NUMBER, texts.get(_IMAGE_INDEX, ""))),
        expected_instances=_expected_instances(texts),
        main_sequences=_main_sequences(scanned, plan) if scanned.sequences else {},
    )


def _read(
    plan: _Plan, value: tuple[int, str, bytes], charset: CharacterSet, little: bool
) -> _Known:
    tag, vr, raw = value
    name, usual_vr, places = plan.tags[tag]
    known_vr = vr if vr and (vr != "UN" or usual_vr not in TEXT) else usual_vr
    text = as_text(raw, known_vr, charset, little)
    if text is None or (len(text) > ALWAYS_SHORT and is_too_long(text)):
        places = ()
    return _Known(text, name, places)


def _main_sequences(scanned: Scanned, plan: _Plan) -> dict[Level, Json]:
    kept: dict[Level, Json] = {}
    for tag, element in sorted(scanned.sequences.items()):
        name, _, places = plan.tags[tag]
        for place in places:
            kept.setdefault(_LEVELS[place], {})[name] = element
    return kept


def _required(texts: dict[int, str], tag: int) -> str:
    uid = texts.get(tag, "").strip()
    if not uid:
        raise MissingTag(f"The DICOM file lacks {ENTRIES[tag].name}")
    return uid


def _integer(text: str) -> int | None:
    """A number as Orthanc reads it: of decimal digits alone, with a sign perhaps."""
    text = text.strip()
    digits = text[1:] if text[:1] in ("+", "-") else text
    # More digits than fit into 64 bits are no number for the index either.
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _expected_instances(texts: dict[int, str]) -> int | None:
    """How many instances a series will have (spec, Metadata: ExpectedNumberOfInstances)."""
    for first, second in _EXPECTED:
        if first in texts and second in texts:
            product = (_integer(texts[first]) or 0) * (_integer(texts[second]) or 0)
            return product if product > 0 else None
    images = _integer(texts.get(_CARDIAC_NUMBER_OF_IMAGES, "")) or 0
    return images if images > 0 else None
