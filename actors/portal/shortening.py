"""The two letters that every stored file takes, in fewer bytes and with less work.

Pickle writes the class of each part, and the names of all its fields by a detour through Python.
These two are taken apart into plain values, and put together again at the other end.
"""

import copyreg
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from repertory.actors.messages.instances import RecordInstance
from repertory.model import (
    Attachment,
    Compression,
    Identity,
    Level,
    Origin,
    OriginKind,
    ResourceIds,
    StoreReceipt,
    StoreStatus,
    Summary,
)

_IDS = ("patient", "study", "series", "instance")
_IDENTITY = ("patient_id", "study_instance_uid", "series_instance_uid", "sop_instance_uid")
_SUMMARY = (
    "transfer_syntax",
    "sop_class_uid",
    "pixel_data_offset",
    "pixel_data_vr",
    "index_in_series",
    "expected_instances",
    "main_sequences",
)
_ORIGIN = ("remote_ip", "remote_aet", "called_aet", "http_username")

_of_instance = attrgetter(
    *(f"ids.{name}" for name in _IDS),
    *(f"summary.identity.{name}" for name in _IDENTITY),
    *(f"summary.{name}" for name in _SUMMARY),
    "origin.kind._value_",
    *(f"origin.{name}" for name in _ORIGIN),
    "release_duplicate",
    "is_arriving",
)
_of_attachment = attrgetter(
    "uuid",
    "content_type",
    "uncompressed_size",
    "uncompressed_md5",
    "compressed_size",
    "compressed_md5",
    "compression._value_",
    "location",
    "revision",
    "damage",
)
_FORM = 6
"""Where among them the compression is."""
_of_receipt = attrgetter(
    *(f"ids.{name}" for name in _IDS),
    "status._value_",
    "activity",
    "recycled",
    "overwritten",
    "stored",
    "repaired",
    "emptied_trash",
)
_LEVELS = {level.value: level for level in Level}
_KINDS = {kind.value: kind for kind in OriginKind}
_STATUSES = {status.value: status for status in StoreStatus}
_COMPRESSIONS = {form.value: form for form in Compression}


def _shorten_instance(message: RecordInstance) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    tags = {level.value: found for level, found in message.summary.main_tags.items()}
    file = None if message.attachment is None else _of_attachment(message.attachment)
    return _instance, (tags, file, *_of_instance(message))


def _instance(
    tags: dict[int, dict[str, str]], file: tuple[Any, ...] | None, *values: Any
) -> RecordInstance:
    ids, identity, summary, origin, message = (
        values[:4],
        values[4:8],
        values[8:15],
        values[15:20],
        values[20:],
    )
    main_tags = {_LEVELS[level]: found for level, found in tags.items()}
    return RecordInstance(
        ids=ResourceIds(*ids),
        summary=Summary(Identity(*identity), main_tags, *summary),
        attachment=None if file is None else _attachment(file),
        origin=Origin(_KINDS[origin[0]], *origin[1:]),
        release_duplicate=message[0],
        is_arriving=message[1],
    )


def _attachment(values: tuple[Any, ...]) -> Attachment:
    whole = [*values]
    whole[_FORM] = _COMPRESSIONS[values[_FORM]]
    return Attachment(*whole)


def _shorten_receipt(receipt: StoreReceipt) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    return _receipt, _of_receipt(receipt)


def _receipt(*values: Any) -> StoreReceipt:
    return StoreReceipt(ResourceIds(*values[:4]), _STATUSES[values[4]], *values[5:])


SHORTENED: dict[type, Callable[[Any], Any]] = {
    **copyreg.dispatch_table,
    RecordInstance: _shorten_instance,
    StoreReceipt: _shorten_receipt,
}
"""What ``pickle`` asks how to take something apart (``Pickler.dispatch_table``)."""
