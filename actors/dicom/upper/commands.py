"""Command sets: the part of a message that says what is wanted (PS3.7 6.3.1, 9.3, annex E).

They are written in implicit VR little endian always, so they need no more than this table.
"""

import struct
from collections.abc import Mapping
from typing import Any, Final

from repertory.actors.dicom.upper.pdus import UNEXPECTED, BadPdu

C_STORE_RQ: Final = 0x0001
C_GET_RQ: Final = 0x0010
C_FIND_RQ: Final = 0x0020
C_MOVE_RQ: Final = 0x0021
C_ECHO_RQ: Final = 0x0030
N_EVENT_REPORT_RQ: Final = 0x0100
N_GET_RQ: Final = 0x0110
N_SET_RQ: Final = 0x0120
N_ACTION_RQ: Final = 0x0130
N_CREATE_RQ: Final = 0x0140
N_DELETE_RQ: Final = 0x0150
C_CANCEL_RQ: Final = 0x0FFF
RESPONSE: Final = 0x8000
"""What is added to the field of a request to make that of its response."""

MEDIUM: Final = 0
NO_DATA_SET: Final = 0x0101
_WITH_DATA_SET: Final = 0x0001

Command = Mapping[str, Any]
"""Keyword to value: a number, text, or numbers of tags (``0xggggeeee``)."""

_ELEMENTS: Final = {
    0x0002: ("AffectedSOPClassUID", "UI"),
    0x0003: ("RequestedSOPClassUID", "UI"),
    0x0100: ("CommandField", "US"),
    0x0110: ("MessageID", "US"),
    0x0120: ("MessageIDBeingRespondedTo", "US"),
    0x0600: ("MoveDestination", "AE"),
    0x0700: ("Priority", "US"),
    0x0800: ("CommandDataSetType", "US"),
    0x0900: ("Status", "US"),
    0x0901: ("OffendingElement", "AT"),
    0x0902: ("ErrorComment", "LO"),
    0x0903: ("ErrorID", "US"),
    0x1000: ("AffectedSOPInstanceUID", "UI"),
    0x1001: ("RequestedSOPInstanceUID", "UI"),
    0x1002: ("EventTypeID", "US"),
    0x1005: ("AttributeIdentifierList", "AT"),
    0x1008: ("ActionTypeID", "US"),
    0x1020: ("NumberOfRemainingSuboperations", "US"),
    0x1021: ("NumberOfCompletedSuboperations", "US"),
    0x1022: ("NumberOfFailedSuboperations", "US"),
    0x1023: ("NumberOfWarningSuboperations", "US"),
    0x1030: ("MoveOriginatorApplicationEntityTitle", "AE"),
    0x1031: ("MoveOriginatorMessageID", "US"),
}
_NUMBERS: Final = {keyword: (number, vr) for number, (keyword, vr) in _ELEMENTS.items()}
_ORDER: Final = {keyword: place for place, (keyword, _) in enumerate(_ELEMENTS.values())}

_HEADER: Final = struct.Struct("<HHI")
_SHORT: Final = struct.Struct("<HHIH")
_GROUP_LENGTH: Final = struct.Struct("<HHII")
_US: Final = struct.Struct("<H")

LONGEST: Final = 1 << 16
"""Bytes. No command is nearly as long."""


def read_command(content: bytes | bytearray | memoryview) -> dict[str, Any]:
    """A command set; elements that no service uses are passed over.

    Raises:
        BadPdu: it is none, or does not say what it is.
    """
    command: dict[str, Any] = {}
    position, end = 0, len(content)
    while position < end:
        if end - position < _HEADER.size:
            raise BadPdu
        group, element, length = _HEADER.unpack_from(content, position)
        start = position + _HEADER.size
        position = start + length
        if group or position > end:
            raise BadPdu
        if element in _ELEMENTS:
            keyword, vr = _ELEMENTS[element]
            command[keyword] = _value(vr, bytes(content[start:position]))
    if "CommandField" not in command or "CommandDataSetType" not in command:
        raise BadPdu
    return command


def _value(vr: str, raw: bytes) -> Any:
    if vr == "US":
        if len(raw) != _US.size:
            raise BadPdu
        return _US.unpack(raw)[0]
    if vr == "AT":
        if len(raw) % 4:
            raise BadPdu
        return tuple(group << 16 | element for group, element in struct.iter_unpack("<HH", raw))
    # Commands know the default repertoire alone; what is beyond is not to be rejected for it.
    return raw.decode("latin-1").strip("\0 ")


def status_of(command: Command, kind: int, number: int) -> int:
    """The status of a response to request ``number`` of a kind.

    Raises:
        BadPdu: it is none.
    """
    if (
        command["CommandField"] != kind | RESPONSE
        or command.get("MessageIDBeingRespondedTo") != number
        or "Status" not in command
    ):
        raise BadPdu(UNEXPECTED)
    return int(command["Status"])


def write_command(command: Command, *, has_data: bool) -> bytes:
    """A command set; what is ``None`` is left out, and whether a data set follows is added."""
    whole = {**command, "CommandDataSetType": _WITH_DATA_SET if has_data else NO_DATA_SET}
    parts = []
    for keyword in sorted(whole, key=_ORDER.__getitem__):
        value = whole[keyword]
        if value is None:
            continue
        number, vr = _NUMBERS[keyword]
        if vr == "US":
            parts.append(_SHORT.pack(0, number, _US.size, value))
        else:
            raw = _raw(vr, value)
            parts.append(_HEADER.pack(0, number, len(raw)) + raw)
    content = b"".join(parts)
    return _GROUP_LENGTH.pack(0, 0, 4, len(content)) + content


def _raw(vr: str, value: Any) -> bytes:
    if vr == "AT":
        return b"".join(struct.pack("<HH", it >> 16, it & 0xFFFF) for it in value)
    raw: bytes = value.encode("ascii", "replace")
    return raw + (b"\0" if vr == "UI" else b" ") * (len(raw) % 2)
