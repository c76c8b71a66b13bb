"""Which callback of the scripts a change calls, and with what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from repertory.model import Change, ChangeType, Origin, OriginKind

INITIALIZE = "Initialize"
FINALIZE = "Finalize"
HEART_BEAT = "OnHeartBeat"
INSTANCE_FILTER = "ReceivedInstanceFilter"
REQUEST_FILTER = "IncomingHttpRequestFilter"
FILTERS = (INSTANCE_FILTER, REQUEST_FILTER)


@dataclass(frozen=True, slots=True)
class Callback:
    """A function to be called for a change: its name, and what must be read to call it.

    ``words`` makes its arguments from what was read, in the order of ``reads``.
    """

    name: str
    id: str
    reads: tuple[str, ...] = ()
    words: Callable[..., tuple[Any, ...]] = lambda: ()


def callback_for(change: Change) -> Callback | None:
    """What scripts may want to hear of a change; ``None`` where Orthanc tells them nothing."""
    path = f"/{change.level.plural}/{change.id}"
    word = change.level.word
    match change.type:
        case ChangeType.NEW_INSTANCE:
            reads = (f"{path}/simplified-tags", f"{path}/metadata?expand")
            return Callback("OnStoredInstance", change.id, reads, _stored)
        case ChangeType.STABLE_PATIENT | ChangeType.STABLE_STUDY | ChangeType.STABLE_SERIES:
            return Callback(f"OnStable{word}", change.id, (path, f"{path}/metadata?expand"), _tags)
        case ChangeType.UPDATED_ATTACHMENT | ChangeType.UPDATED_METADATA:
            return Callback(f"OnUpdated{word}", change.id)
        case ChangeType.DELETED:
            return Callback(f"OnDeleted{word}", change.id)
    return None


def origin_words(origin: Origin) -> dict[str, str]:
    """Where an instance comes from, as scripts see it."""
    words = {"RequestOrigin": origin.kind.value}
    match origin.kind:
        case OriginKind.REST_API:
            words |= {"RemoteIp": origin.remote_ip, "Username": origin.http_username}
        case OriginKind.DICOM_PROTOCOL:
            words |= {"RemoteIp": origin.remote_ip, "RemoteAet": origin.remote_aet}
            words |= {"CalledAet": origin.called_aet}
    return words


def _tags(resource: Mapping[str, Any], metadata: Mapping[str, str]) -> tuple[Any, ...]:
    return resource["MainDicomTags"], metadata


def _stored(tags: Mapping[str, Any], metadata: Mapping[str, str]) -> tuple[Any, ...]:
    origin = Origin(
        kind=OriginKind(metadata.get("Origin", "Unknown")),
        remote_ip=metadata.get("RemoteIP", ""),
        remote_aet=metadata.get("RemoteAET", ""),
        called_aet=metadata.get("CalledAET", ""),
        http_username=metadata.get("HttpUsername", ""),
    )
    return tags, metadata, origin_words(origin)
