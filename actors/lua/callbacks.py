"""Which callback of the scripts an event calls, and with what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from repertory.actors.messages.scripting import (
    INCOMING_REQUEST,
    QUERY_FILTERS,
    RECEIVED_INSTANCE,
)
from repertory.events import ArchiveEvent
from repertory.model import ChangeType, Origin, OriginKind

INITIALIZE = "Initialize"
FINALIZE = "Finalize"
HEART_BEAT = "OnHeartBeat"
FILTERS = (RECEIVED_INSTANCE, INCOMING_REQUEST, *QUERY_FILTERS)


@dataclass(frozen=True, slots=True)
class Callback:
    """A function to be called for an event: its name, and what must be read to call it.

    ``words`` makes its arguments from what was read, in the order of ``reads``.
    """

    name: str
    id: str
    reads: tuple[str, ...] = ()
    words: Callable[..., tuple[Any, ...]] = lambda: ()


def callback_for(event: ArchiveEvent) -> Callback | None:
    """What scripts may want to hear of an event; ``None`` where Orthanc tells them nothing."""
    path = f"/{event.level.plural}/{event.id}"
    word = event.level.word
    match event.type:
        case ChangeType.NEW_INSTANCE:
            reads = (f"{path}/simplified-tags", f"{path}/metadata?expand")
            return Callback("OnStoredInstance", event.id, reads, _stored)
        case ChangeType.STABLE_PATIENT | ChangeType.STABLE_STUDY | ChangeType.STABLE_SERIES:
            return Callback(f"OnStable{word}", event.id, (path, f"{path}/metadata?expand"), _tags)
        case ChangeType.UPDATED_ATTACHMENT | ChangeType.UPDATED_METADATA:
            return Callback(f"OnUpdated{word}", event.id)
        case ChangeType.DELETED:
            return Callback(f"OnDeleted{word}", event.id)
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


def query_of(value: Any) -> dict[str, Any] | None:
    """The query that a filter answered, tags by number; ``None`` where it is none.

    What was empty in Lua has lost whether it was an array or an object.
    """
    if value == []:
        return {}
    if not isinstance(value, dict):
        return None
    query: dict[str, Any] = {}
    for tag, it in value.items():
        if isinstance(it, list):
            items = [query_of(item) for item in it]
            query[tag] = [item for item in items if item is not None]
        elif isinstance(it, dict):
            return None
        else:
            query[tag] = "" if it is None else str(it)
    return query
