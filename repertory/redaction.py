"""What logs must not show: secrets and patient data.

The last step before an event is written. It knows keys, not texts: a value whose key is
sensitive is replaced, at any depth; files and objects of libraries are never written out.
"""

import dataclasses
import datetime as dt
import enum
import functools
import os
import uuid
from collections.abc import Mapping
from typing import Any

from structlog.typing import EventDict, WrappedLogger

HIDDEN = "***"

_FRAGMENTS = (
    "accession",
    "accesskey",
    "accountkey",
    "authorization",
    "birth",
    "connectionstring",
    "cookie",
    "credential",
    "instanceuid",
    "issuerof",
    "masterkey",
    "password",
    "passwd",
    "pincode",
    "physician",
    "privatekey",
    "registereduser",
    "secret",
    "token",
)
_NAMES = frozenset({"body", "content", "dicom", "ds", "maintags", "tags"})
_HARMLESS = frozenset({"patient", "patients", "countpatients"})

_PLAIN = (str, int, float, bool, type(None))
_TOLD = (os.PathLike, uuid.UUID, dt.date, dt.time, dt.timedelta)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide the values of sensitive keys; a processor of structlog."""
    for key, value in event.items():
        event[key] = HIDDEN if is_sensitive(key) else _shown(value)
    return event


@functools.lru_cache(maxsize=1024)
def is_sensitive(key: str) -> bool:
    """Whether a value under this key may be a secret, or tell something of a patient.

    Spelling does not matter: ``PatientName``, ``patient_name`` and ``other-patient-ids`` are.
    The identifiers of Orthanc's resources (``patient``, ``study``) are not: they are sums.
    """
    plain = "".join(character for character in key.lower() if character.isalnum())
    if plain in _HARMLESS:
        return False
    return plain in _NAMES or "patient" in plain or any(part in plain for part in _FRAGMENTS)


def _shown(value: Any) -> Any:
    """A value as JSON may show it."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Mapping):
        return {
            str(key): HIDDEN if is_sensitive(str(key)) else _shown(item)
            for key, item in value.items()
        }
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return _shown({field.name: getattr(value, field.name) for field in fields})
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if isinstance(value, type):
        return value.__name__
    if isinstance(value, _TOLD):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return f"<{type(value).__name__}>"
