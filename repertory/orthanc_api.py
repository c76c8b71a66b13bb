"""The module ``orthanc`` of Orthanc's Python plugin, as far as scripts need it here.

Names and numbers are Orthanc's. What is not here is refused by name when a script asks for it, so
that a script never half works.
"""

# ruff: noqa: N802 - the names are Orthanc's

import json
from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

from repertory import script
from repertory.actors.messages.resources import LookupIdentifier
from repertory.actors.messages.scripting import (
    INCOMING_REQUEST,
    INCOMING_STORE,
    RECEIVED_INSTANCE,
    FilterInstance,
    FilterRequest,
)
from repertory.actors.messages.system import DescribeIndex
from repertory.events import ArchiveEvent, InstanceStored
from repertory.model import ChangeType as Change
from repertory.model import Level, OriginKind, TagForm
from repertory.scripting import STARTED
from repertory.storage import dicom

C = TypeVar("C", bound=Callable[..., Any])


class ChangeType(IntEnum):
    """What a callback of changes is told (``OrthancPluginChangeType``)."""

    COMPLETED_SERIES = 0
    DELETED = 1
    NEW_CHILD_INSTANCE = 2
    NEW_INSTANCE = 3
    NEW_PATIENT = 4
    NEW_SERIES = 5
    NEW_STUDY = 6
    STABLE_PATIENT = 7
    STABLE_SERIES = 8
    STABLE_STUDY = 9
    ORTHANC_STARTED = 10
    ORTHANC_STOPPED = 11
    UPDATED_ATTACHMENT = 12
    UPDATED_METADATA = 13
    UPDATED_PEERS = 14
    UPDATED_MODALITIES = 15
    JOB_SUBMITTED = 16
    JOB_SUCCESS = 17
    JOB_FAILURE = 18


class ResourceType(IntEnum):
    """The level of a resource (``OrthancPluginResourceType``)."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    INSTANCE = 3
    NONE = 4


class InstanceOrigin(IntEnum):
    """How an instance came (``OrthancPluginInstanceOrigin``)."""

    UNKNOWN = 1
    DICOM_PROTOCOL = 2
    REST_API = 3
    PLUGIN = 4
    LUA = 5
    WEB_DAV = 6


class HttpMethod(IntEnum):
    """The method of a request (``OrthancPluginHttpMethod``)."""

    GET = 1
    POST = 2
    PUT = 3
    DELETE = 4


class ReceivedInstanceAction(IntEnum):
    """What becomes of an instance that came (``OrthancPluginReceivedInstanceAction``)."""

    KEEP_AS_IS = 1
    MODIFY = 2
    DISCARD = 3


class OrthancException(Exception):
    """The REST API refused: ``args`` are Orthanc's code and text for it."""


class DicomInstance:
    """An instance that was stored, for callbacks."""

    def __init__(self, id_: str) -> None:
        self._path = f"/instances/{id_}"

    def GetInstanceData(self) -> bytes:
        """The DICOM file."""
        return RestApiGet(f"{self._path}/file")

    def GetInstanceSize(self) -> int:
        """The size of the file in bytes."""
        return int(json.loads(RestApiGet(self._path))["FileSize"])

    def GetInstanceJson(self) -> str:
        """All tags, as a JSON text in Orthanc's full form."""
        return RestApiGet(f"{self._path}/tags").decode()

    def GetInstanceSimplifiedJson(self) -> str:
        """All tags by name, as a JSON text."""
        return RestApiGet(f"{self._path}/simplified-tags").decode()

    def HasInstanceMetadata(self, name: str) -> int:
        """1 if the instance has a metadata of that name, else 0."""
        return int(name in json.loads(RestApiGet(f"{self._path}/metadata")))

    def GetInstanceMetadata(self, name: str) -> str:
        """The value of a metadata."""
        return RestApiGet(f"{self._path}/metadata/{name}").decode()

    def GetInstanceRemoteAet(self) -> str:
        """The title of the modality that sent it, or nothing."""
        metadata = json.loads(RestApiGet(f"{self._path}/metadata?expand"))
        return str(metadata.get("RemoteAET", ""))

    def GetInstanceOrigin(self) -> InstanceOrigin:
        """By which door it came in."""
        kind = OriginKind(json.loads(RestApiGet(f"{self._path}/metadata?expand"))["Origin"])
        return _ORIGINS[kind]


class _ReceivedInstance(DicomInstance):
    """An instance that is not stored yet, for filters; it has no metadata."""

    def __init__(self, asked: FilterInstance) -> None:
        self._asked = asked

    def GetInstanceData(self) -> bytes:
        return self._asked.content

    def GetInstanceSize(self) -> int:
        return len(self._asked.content)

    def GetInstanceJson(self) -> str:
        return json.dumps(dicom.tags(self._asked.content, TagForm.FULL))

    def GetInstanceSimplifiedJson(self) -> str:
        return json.dumps(self._asked.tags)

    def HasInstanceMetadata(self, name: str) -> int:  # noqa: ARG002 - it has none
        return 0

    def GetInstanceMetadata(self, name: str) -> str:
        raise OrthancException(7, f"The instance has no metadata {name} yet")

    def GetInstanceRemoteAet(self) -> str:
        return self._asked.origin.remote_aet

    def GetInstanceOrigin(self) -> InstanceOrigin:
        return _ORIGINS[self._asked.origin.kind]


_ORIGINS = dict(zip(OriginKind, InstanceOrigin, strict=True))
_CHANGES = {
    change: getattr(ChangeType, change.name)
    for change in Change
    if change.name in ChangeType.__members__
}
_LEVELS = {
    Level.PATIENT: ResourceType.PATIENT,
    Level.STUDY: ResourceType.STUDY,
    Level.SERIES: ResourceType.SERIES,
    Level.INSTANCE: ResourceType.INSTANCE,
}


def RegisterOnChangeCallback(callback: Callable[[ChangeType, ResourceType, str], object]) -> None:
    """Call ``callback(changeType, level, resourceId)`` for each change, one after the other."""

    def told(event: ArchiveEvent | str) -> object:
        if isinstance(event, str):
            started = event == STARTED
            change = ChangeType.ORTHANC_STARTED if started else ChangeType.ORTHANC_STOPPED
            return callback(change, ResourceType.NONE, "")
        if event.type not in _CHANGES:
            return None
        return callback(_CHANGES[event.type], _LEVELS[event.level], str(event.id))

    script.on(ArchiveEvent, words=True)(_named(told, callback))


def RegisterOnStoredInstanceCallback(callback: Callable[[DicomInstance, str], object]) -> None:
    """Call ``callback(dicom, instanceId)`` for each instance that was stored."""

    def told(event: InstanceStored) -> object:
        return callback(DicomInstance(str(event.id)), str(event.id))

    script.on(InstanceStored)(_named(told, callback))


def RegisterIncomingHttpRequestFilter(callback: Callable[..., bool]) -> None:
    """Let ``callback(uri, method, ip, headers, get)`` say whether a request is let in."""

    def asked(request: FilterRequest) -> bool:
        return callback(
            request.uri,
            method=HttpMethod[request.method],
            ip=request.ip,
            headers=dict(request.headers),
            get=dict(request.query),
        )

    script.filter(INCOMING_REQUEST)(_named(asked, callback))


def RegisterIncomingCStoreInstanceFilter(callback: Callable[[DicomInstance], int]) -> None:
    """Let ``callback(dicom)`` say by which status a C-STORE is refused; 0 lets it in."""

    def asked(instance: FilterInstance) -> int:
        return callback(_ReceivedInstance(instance))

    script.filter(INCOMING_STORE)(_named(asked, callback))


def RegisterReceivedInstanceCallback(
    callback: Callable[[bytes, InstanceOrigin], tuple[ReceivedInstanceAction, bytes | None]],
) -> None:
    """Let ``callback(dicom, origin)`` say what becomes of an instance: ``(action, file)``."""

    def asked(instance: FilterInstance) -> bool | bytes:
        action, file = callback(instance.content, _ORIGINS[instance.origin.kind])
        if ReceivedInstanceAction(action) is not ReceivedInstanceAction.MODIFY:
            return action == ReceivedInstanceAction.KEEP_AS_IS
        if file is None:
            raise OrthancException(3, "The modified instance is missing")
        return bytes(file)

    script.filter(RECEIVED_INSTANCE)(_named(asked, callback))


def RestApiGet(uri: str) -> bytes:
    """What the REST API answers to GET."""
    return _call("GET", uri)


def RestApiPost(uri: str, body: bytes | str) -> bytes:
    """What the REST API answers to POST."""
    return _call("POST", uri, body)


def RestApiPut(uri: str, body: bytes | str) -> bytes:
    """What the REST API answers to PUT."""
    return _call("PUT", uri, body)


def RestApiDelete(uri: str) -> None:
    """Have the REST API delete something."""
    _call("DELETE", uri)


RestApiGetAfterPlugins = RestApiGet
RestApiPostAfterPlugins = RestApiPost
RestApiPutAfterPlugins = RestApiPut
RestApiDeleteAfterPlugins = RestApiDelete


def GetDicomForInstance(instance_id: str) -> bytes:
    """The DICOM file of an instance."""
    return RestApiGet(f"/instances/{instance_id}/file")


def LookupPatient(identifier: str) -> str | None:
    """The patient with a PatientID."""
    return _lookup(identifier, Level.PATIENT)


def LookupStudy(identifier: str) -> str | None:
    """The study with a StudyInstanceUID."""
    return _lookup(identifier, Level.STUDY)


def LookupSeries(identifier: str) -> str | None:
    """The series with a SeriesInstanceUID."""
    return _lookup(identifier, Level.SERIES)


def LookupInstance(identifier: str) -> str | None:
    """The instance with a SOPInstanceUID."""
    return _lookup(identifier, Level.INSTANCE)


def GetDatabaseServerIdentifier() -> str:
    """What the archive's index is called."""
    return script.archive().ask(DescribeIndex()).identifier


def LogInfo(text: str) -> None:
    """Write a line into the log."""
    script.say(text)


def LogWarning(text: str) -> None:
    """Write a warning into the log."""
    script.say(text, level="warning")


def LogError(text: str) -> None:
    """Write an error into the log."""
    script.say(text, level="error")


def _named(told: C, callback: Callable[..., Any]) -> C:
    """What stands for a callback goes by its name in the log."""
    told.__qualname__ = getattr(callback, "__qualname__", type(callback).__name__)
    return told


def _call(method: str, uri: str, body: bytes | str = b"") -> bytes:
    sent = body.encode() if isinstance(body, str) else body
    answer = script.call(method, uri, sent)
    if answer.status == 200:
        return answer.body
    try:
        told = json.loads(answer.body)
        raise OrthancException(told["OrthancStatus"], told["OrthancError"])
    except (ValueError, KeyError, TypeError):
        code = 17 if answer.status == 404 else -1
        raise OrthancException(code, f"The REST API answered {answer.status}") from None


def _lookup(identifier: str, level: Level) -> str | None:
    found = script.archive().ask(LookupIdentifier(identifier=identifier))
    return next((str(ref.id) for ref in found if ref.level is level), None)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"Repertory's module orthanc has no {name} (yet)")
