"""Statuses of the DICOM protocol (PS3.7 annex C, PS3.4 tables B.2-1 and C.4-1)."""

from typing import Final

from repertory.errors import (
    ArchiveFull,
    BadParameter,
    BadRequest,
    IndexBusy,
    InstanceRejected,
    MissingTag,
    NotDicom,
    Refused,
    ShuttingDown,
    StorageUnavailable,
    WrongInstance,
)

SUCCESS: Final = 0x0000
PENDING: Final = 0xFF00
PENDING_WITH_UNSUPPORTED_KEYS: Final = 0xFF01
CANCELLED: Final = 0xFE00
PROCESSING_FAILURE: Final = 0x0110
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
NOT_AUTHORIZED: Final = 0x0124
UNRECOGNIZED_OPERATION: Final = 0x0211
OUT_OF_RESOURCES: Final = 0xA700
CANNOT_PERFORM: Final = 0xA702
MOVE_DESTINATION_UNKNOWN: Final = 0xA801
WITH_FAILURES: Final = 0xB000
DATA_SET_DOES_NOT_MATCH: Final = 0xA900
CANNOT_UNDERSTAND: Final = 0xC000

_STORING: Final = (
    (ArchiveFull, OUT_OF_RESOURCES),
    (IndexBusy, OUT_OF_RESOURCES),  # nothing was done: to send it again is safe
    (ShuttingDown, OUT_OF_RESOURCES),
    (StorageUnavailable, OUT_OF_RESOURCES),  # nor was it here
    (WrongInstance, DATA_SET_DOES_NOT_MATCH),
    (NotDicom, CANNOT_UNDERSTAND),
    (MissingTag, CANNOT_UNDERSTAND),
    (Refused, CANNOT_UNDERSTAND),
)
_FINDING: Final = (
    (BadParameter, DATA_SET_DOES_NOT_MATCH),
    (BadRequest, CANNOT_UNDERSTAND),
    (NotDicom, CANNOT_UNDERSTAND),
    (IndexBusy, OUT_OF_RESOURCES),
    (ShuttingDown, OUT_OF_RESOURCES),
    (Refused, CANNOT_UNDERSTAND),
)


def of_storing(error: Exception) -> int:
    """The status of a C-STORE that failed."""
    if isinstance(error, InstanceRejected):
        return error.status
    return _status(error, _STORING, PROCESSING_FAILURE)


def of_finding(error: Exception) -> int:
    """The status of a C-FIND that failed."""
    return _status(error, _FINDING, CANNOT_UNDERSTAND)


def _status(error: Exception, table: tuple[tuple[type[Exception], int], ...], default: int) -> int:
    return next((status for kind, status in table if isinstance(error, kind)), default)
