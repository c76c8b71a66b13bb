"""The data sets of storage commitment (PS3.4 J.3.2.1.1, J.3.3.1.1)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from repertory.actors.messages.commitment import PROCESSING_FAILURE, UncommittedInstance
from repertory.actors.messages.instances import SopPair
from repertory.errors import BadParameter
from repertory.storage.dicom.wire import read_identifier, write_identifier

PUSH_MODEL: Final = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model SOP Class."""
PUSH_MODEL_INSTANCE: Final = "1.2.840.10008.1.20.1.1"

REQUEST: Final = 1
"""Action type: Request Storage Commitment."""
ALL_COMMITTED, SOME_FAILED = 1, 2
"""Event types: Storage Commitment Request Successful, Request Complete - Failures Exist."""

_TRANSACTION_UID: Final = "0008,1195"
_REFERENCED_SOPS: Final = "0008,1199"
_FAILED_SOPS: Final = "0008,1198"
_CLASS: Final = "0008,1150"
_INSTANCE: Final = "0008,1155"
_REASON: Final = "0008,1197"


def write_request(transaction: str, instances: Iterable[SopPair], syntax: str) -> bytes:
    """Action Information."""
    referenced = [_item(it) for it in instances]
    return write_identifier({_TRANSACTION_UID: transaction, _REFERENCED_SOPS: referenced}, syntax)


def read_request(data: bytes, syntax: str) -> tuple[str, tuple[SopPair, ...]]:
    """The transaction, and the instances that it is about.

    Raises:
        NotDicom: it cannot be read.
        BadParameter: it lacks the transaction, or has no instances.
    """
    found = read_identifier(data, syntax)
    instances = tuple(_pair(it) for it in _items(found, _REFERENCED_SOPS))
    if not instances:
        raise BadParameter("The request names no instances.")
    return _transaction(found), instances


def write_report(
    transaction: str,
    committed: Iterable[SopPair],
    failures: Iterable[UncommittedInstance],
    syntax: str,
) -> bytes:
    """Event Information; a sequence that would be empty is left out."""
    report: dict[str, Any] = {_TRANSACTION_UID: transaction}
    if kept := [_item(it) for it in committed]:
        report[_REFERENCED_SOPS] = kept
    if failed := [{**_item(it.instance), _REASON: str(it.reason)} for it in failures]:
        report[_FAILED_SOPS] = failed
    return write_identifier(report, syntax)


def read_report(
    data: bytes, syntax: str
) -> tuple[str, tuple[SopPair, ...], tuple[UncommittedInstance, ...]]:
    """The transaction, the instances that are committed, and those that are not.

    Raises:
        NotDicom: it cannot be read.
        BadParameter: it lacks the transaction.
    """
    found = read_identifier(data, syntax)
    failures = tuple(
        UncommittedInstance(instance=_pair(it), reason=_reason(it))
        for it in _items(found, _FAILED_SOPS)
    )
    committed = tuple(_pair(it) for it in _items(found, _REFERENCED_SOPS))
    return _transaction(found), committed, failures


def _items(found: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    items = found.get(tag)
    return items if isinstance(items, list) else []


def _transaction(found: Mapping[str, Any]) -> str:
    uid = str(found.get(_TRANSACTION_UID) or "").strip()
    if not uid:
        raise BadParameter("The TransactionUID is missing.")
    return uid


def _item(instance: SopPair) -> dict[str, Any]:
    return {_CLASS: instance.sop_class, _INSTANCE: instance.sop_instance}


def _pair(item: Mapping[str, Any]) -> SopPair:
    return SopPair(
        sop_class=str(item.get(_CLASS) or "").strip(),
        sop_instance=str(item.get(_INSTANCE) or "").strip(),
    )


def _reason(item: Mapping[str, Any]) -> int:
    text = str(item.get(_REASON) or "").strip()
    return int(text) if text.isascii() and text.isdigit() else PROCESSING_FAILURE
