"""The metadata that a resource gets when it is recorded (spec, Metadata)."""

from repertory.model import Level, Metadata, Origin, OriginKind, Summary
from repertory.storage.index.packing import pack_sequences, stamp

PackedMetadata = dict[str, tuple[str, int]]

_IMPLICIT = "1.2.840.10008.1.2"
_EXPLICIT = frozenset({"1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"})

# orjson wants text as keys, and f"{enum}" is slow: once for all.
_INDEX_IN_SERIES = str(int(Metadata.INDEX_IN_SERIES))
_RECEPTION_DATE = str(int(Metadata.RECEPTION_DATE))
_REMOTE_AET = str(int(Metadata.REMOTE_AET))
_EXPECTED = str(int(Metadata.EXPECTED_NUMBER_OF_INSTANCES))
_ORIGIN = str(int(Metadata.ORIGIN))
_TRANSFER_SYNTAX = str(int(Metadata.TRANSFER_SYNTAX))
_SOP_CLASS_UID = str(int(Metadata.SOP_CLASS_UID))
_REMOTE_IP = str(int(Metadata.REMOTE_IP))
_CALLED_AET = str(int(Metadata.CALLED_AET))
_HTTP_USERNAME = str(int(Metadata.HTTP_USERNAME))
_PIXEL_DATA_OFFSET = str(int(Metadata.PIXEL_DATA_OFFSET))
_SIGNATURE = str(int(Metadata.MAIN_DICOM_TAGS_SIGNATURE))
_SEQUENCES = str(int(Metadata.MAIN_DICOM_SEQUENCES))
_PIXEL_DATA_VR = str(int(Metadata.PIXEL_DATA_VR))


def of_instance(
    summary: Summary, origin: Origin, now: float, signature: str | None
) -> PackedMetadata:
    """What a new instance gets, in ascending order of the numbers."""
    values: PackedMetadata = {}
    if summary.index_in_series is not None:
        values[_INDEX_IN_SERIES] = (str(summary.index_in_series), 0)
    values[_RECEPTION_DATE] = (stamp(now), 0)
    values[_REMOTE_AET] = (origin.remote_aet, 0)
    values[_ORIGIN] = (origin.kind.value, 0)
    if summary.transfer_syntax:
        values[_TRANSFER_SYNTAX] = (summary.transfer_syntax, 0)
    if summary.sop_class_uid:
        values[_SOP_CLASS_UID] = (summary.sop_class_uid, 0)
    kind = origin.kind
    by_dicom = kind is OriginKind.DICOM_PROTOCOL
    by_rest = kind is OriginKind.REST_API
    if by_dicom or by_rest or origin.remote_ip:
        values[_REMOTE_IP] = (origin.remote_ip, 0)
    if by_dicom:
        values[_CALLED_AET] = (origin.called_aet, 0)
    if by_rest or origin.http_username:
        values[_HTTP_USERNAME] = (origin.http_username, 0)
    offset = summary.pixel_data_offset
    values[_PIXEL_DATA_OFFSET] = ("" if offset is None else str(offset), 0)
    if signature is not None:
        values[_SIGNATURE] = (signature, 0)
    if Level.INSTANCE in summary.main_sequences:
        values[_SEQUENCES] = (pack_sequences(summary.main_sequences[Level.INSTANCE]), 0)
    if is_unusual(summary.pixel_data_vr, summary.transfer_syntax):
        values[_PIXEL_DATA_VR] = (summary.pixel_data_vr, 0)
    return values


def of_series(summary: Summary, origin: Origin, signature: str | None) -> PackedMetadata:
    """What a new series gets."""
    values: PackedMetadata = {_REMOTE_AET: (origin.remote_aet, 0)}
    if summary.expected_instances is not None:
        values[_EXPECTED] = (str(summary.expected_instances), 0)
    return values | of_parent(summary, Level.SERIES, signature)


def of_parent(summary: Summary, level: Level, signature: str | None) -> PackedMetadata:
    """What a new study or patient gets; their LastUpdate is in ``tallies``."""
    values: PackedMetadata = {} if signature is None else {_SIGNATURE: (signature, 0)}
    if level in summary.main_sequences:
        values[_SEQUENCES] = (pack_sequences(summary.main_sequences[level]), 0)
    return values


_RECOMPUTED = {
    Level.INSTANCE: (
        _INDEX_IN_SERIES,
        _TRANSFER_SYNTAX,
        _SOP_CLASS_UID,
        _PIXEL_DATA_OFFSET,
        _SIGNATURE,
        _SEQUENCES,
        _PIXEL_DATA_VR,
    ),
    Level.SERIES: (_EXPECTED, _SIGNATURE, _SEQUENCES),
    Level.STUDY: (_SIGNATURE, _SEQUENCES),
    Level.PATIENT: (_SIGNATURE, _SEQUENCES),
}
"""What follows from the file alone, and so can be computed anew."""

_FIRST_OF_USERS = 1024


def recomputed(
    kept: PackedMetadata, level: Level, summary: Summary, signature: str | None
) -> PackedMetadata:
    """The metadata of a resource after its file was read anew; what users wrote stays."""
    if level is Level.INSTANCE:
        new = of_instance(summary, Origin(), 0.0, signature)
    elif level is Level.SERIES:
        new = of_series(summary, Origin(), signature)
    else:
        new = of_parent(summary, level, signature)
    values = {number: entry for number, entry in kept.items() if number not in _RECOMPUTED[level]}
    for number in _RECOMPUTED[level]:
        if number in new:
            values[number] = (new[number][0], kept.get(number, ("", 0))[1])
    return _ordered(values)


def with_those_of_users(new: PackedMetadata, kept: PackedMetadata) -> PackedMetadata:
    """The metadata of an instance that took the place of another."""
    of_users = {number: entry for number, entry in kept.items() if int(number) >= _FIRST_OF_USERS}
    return _ordered(new | of_users)


def _ordered(values: PackedMetadata) -> PackedMetadata:
    return dict(sorted(values.items(), key=lambda item: int(item[0])))


def is_unusual(pixel_data_vr: str, transfer_syntax: str) -> bool:
    """Whether pixel data has another value representation than PS3.5 section A gives it."""
    if not pixel_data_vr:
        return False
    if transfer_syntax == _IMPLICIT:
        return pixel_data_vr != "OW"
    if transfer_syntax in _EXPLICIT:
        return pixel_data_vr not in ("OB", "OW")
    return pixel_data_vr != "OB"
