"""The words for others who speak DICOM: modalities, workstations, archives."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

Object = dict[str, Any]


class Service(Enum):
    """What one application entity may ask of another; the value is how Orthanc calls it."""

    ECHO = "Echo"
    FIND = "Find"
    FIND_WORKLIST = "FindWorklist"
    GET = "Get"
    MOVE = "Move"
    STORE = "Store"
    N_ACTION = "NAction"
    EVENT_REPORT = "EventReport"


@dataclass(frozen=True, slots=True)
class Modality:
    """Another application entity: how to reach it, and what it may do here.

    ``timeout`` 0 and ``local_aet`` "" are the archive's own. ``transcoding`` says whether it is
    sent instances in other transfer syntaxes than they are stored in.
    """

    aet: str
    host: str
    port: int
    manufacturer: str = "Generic"
    denied: frozenset[Service] = frozenset()
    use_tls: bool = False
    local_aet: str = ""
    timeout: int = 0
    retrieve_method: str = "SystemDefault"
    transcoding: bool = True

    def allows(self, service: Service) -> bool:
        """Whether it may ask for a service."""
        return service not in self.denied


def read_modality(entry: Any) -> Modality:
    """A modality as Orthanc writes it: ``[AET, Host, Port, Manufacturer?]`` or an object.

    Raises:
        ValueError: it is none; says why, as a sentence.
    """
    if isinstance(entry, list | tuple):
        if len(entry) not in (3, 4):
            raise ValueError("A modality is [AET, Host, Port] or [AET, Host, Port, Manufacturer].")
        entry = dict(zip(("AET", "Host", "Port", "Manufacturer"), entry, strict=False))
    if not isinstance(entry, dict):
        raise ValueError("A modality is an array or an object.")  # noqa: TRY004 - what it says
    return Modality(
        aet=_title(entry.get("AET"), "AET"),
        host=_text(entry.get("Host"), "Host"),
        port=_port(entry.get("Port")),
        manufacturer=_text(entry.get("Manufacturer", "Generic"), "Manufacturer"),
        denied=frozenset(it for it in Service if not _is_allowed(entry, it)),
        use_tls=_flag(entry, "UseDicomTls", False),
        local_aet=_title(entry["LocalAet"], "LocalAet") if entry.get("LocalAet") else "",
        timeout=_seconds(entry.get("Timeout", 0)),
        retrieve_method=_method(entry.get("RetrieveMethod", "SystemDefault")),
        transcoding=_flag(entry, "AllowTranscoding", True),
    )


def written(modality: Modality) -> Object:
    """A modality as the REST API shows it."""
    return {
        "AET": modality.aet,
        "AllowTranscoding": modality.transcoding,
        "Host": modality.host,
        "LocalAet": modality.local_aet,
        "Manufacturer": modality.manufacturer,
        "Port": modality.port,
        "RetrieveMethod": modality.retrieve_method,
        "Timeout": modality.timeout,
        "UseDicomTls": modality.use_tls,
        **{f"Allow{it.value}": modality.allows(it) for it in Service},
    }


_METHODS = ("SystemDefault", "C-MOVE", "C-GET")


def _is_allowed(entry: Mapping[str, Any], service: Service) -> bool:
    of_commitment = service in (Service.N_ACTION, Service.EVENT_REPORT)
    default = _flag(entry, "AllowStorageCommitment", True) if of_commitment else True
    return _flag(entry, f"Allow{service.value}", default)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"The {name} of a modality must be a text.")
    return value.strip()


def _title(value: Any, name: str) -> str:
    text = _text(value, name)
    if len(text) > 16 or not text.isascii() or not text.isprintable() or "\\" in text:
        raise ValueError(f"The {name} of a modality must have 1 to 16 letters of ASCII.")
    return text


def _port(value: Any) -> int:
    try:
        number = int(value) if isinstance(value, int | str) else 0
    except ValueError:
        number = 0
    if isinstance(value, bool) or not 1 <= number <= 65535:
        raise ValueError("The Port of a modality must be between 1 and 65535.")
    return number


def _seconds(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("The Timeout of a modality must be a number of seconds.")
    return value


def _method(value: Any) -> str:
    if value not in _METHODS:
        raise ValueError(f"The RetrieveMethod of a modality must be one of {', '.join(_METHODS)}.")
    return str(value)


def _flag(entry: Mapping[str, Any], name: str, default: bool) -> bool:
    value = entry.get(name, default)
    if not isinstance(value, bool):
        raise ValueError(f"The {name} of a modality must be true or false.")  # noqa: TRY004
    return value
