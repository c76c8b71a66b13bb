"""Storage commitment: what others said that they keep."""

from typing import Any

from aiohttp import web

from repertory.actors.messages.attachments import RemoveReleased
from repertory.actors.messages.commitment import (
    CommitmentReport,
    DescribeCommitment,
    RequestCommitment,
)
from repertory.actors.messages.finding import DescribeMany
from repertory.actors.messages.instances import SopPair
from repertory.actors.messages.modalities import DescribeModality
from repertory.actors.messages.resources import LookupIdentifier
from repertory.errors import BadRequest, Uncommitted, UnknownResource
from repertory.http.answers import answer
from repertory.http.bridge import SETTINGS, ask
from repertory.http.finding import Fields
from repertory.http.jobs import Submission, run
from repertory.http.modalities import read_body, timeout_of
from repertory.http.routing import Routes
from repertory.model import Level, Metadata, ResourceId

routes = Routes()

_SOP_INSTANCE_UID = "0008,0018"

# Orthanc's words for the reasons of PS3.3 C.14.1.1.
_REASONS = {
    0x0000: ("Success", "Success"),
    0x0110: ("ProcessingFailure", "A general failure in processing the operation"),
    0x0112: ("NoSuchObjectInstance", "One or more of the elements was not available"),
    0x0119: ("ClassInstanceConflict", "The instance is of another SOP class"),
    0x0122: ("ReferencedSOPClassNotSupported", "The SOP class is not supported"),
    0x0131: ("DuplicateTransactionUID", "The transaction UID is already in use"),
    0x0213: ("ResourceLimitation", "The SCP lacks resources to store the instance"),
}


@routes.post("/modalities/{id}/storage-commitment")
async def request_commitment(request: web.Request) -> web.Response:
    """Ask a modality to commit itself to keep instances; `{ID, Path}` says where its report is.

    The body is an array of identifiers, or an object:

    - `Resources`: identifiers of resources of any level.
    - `DicomInstances`: arrays `[SOPClassUID, SOPInstanceUID]`, or objects of these two.
    - `LocalAet`, `Timeout`: how to call.

    Raises:
        UnknownResource: one of the resources is not there.
    """
    name = request.match_info["id"]
    await ask(request, DescribeModality(name=name))
    body = await read_body(request)
    if isinstance(body, str):
        body = [body]
    if isinstance(body, list):
        body = {"Resources": body}
    if not isinstance(body, dict):
        raise BadRequest("The body must be an array, or an object.")
    fields = Fields(body)
    instances = await instances_of(request, fields.texts("Resources"))
    instances += [_named(it) for it in fields.get("DicomInstances", list[Any]())]
    if not instances:
        raise BadRequest("The field Resources or DicomInstances must name an instance.")
    transaction = await ask(
        request,
        RequestCommitment(
            target=name,
            instances=tuple(dict.fromkeys(instances)),
            local_aet=fields.get("LocalAet", ""),
            timeout=timeout_of(fields),
        ),
    )
    return answer({"ID": transaction, "Path": f"/storage-commitment/{transaction}"})


async def instances_of(request: web.Request, ids: tuple[str, ...]) -> list[SopPair]:
    """The SOP classes and instances of resources.

    Raises:
        UnknownResource: one of them is not there.
    """
    wanted = tuple(dict.fromkeys(map(ResourceId, ids)))
    named = await ask(request, DescribeMany(ids=wanted))
    if len(named) < len(wanted):
        raise UnknownResource
    found = await ask(request, DescribeMany(ids=wanted, at=Level.INSTANCE))
    return [
        SopPair(
            sop_class=it.metadata.get(Metadata.SOP_CLASS_UID, ""),
            sop_instance=it.main_tags.get(_SOP_INSTANCE_UID, ""),
        )
        for it in found
    ]


def _named(named: Any) -> SopPair:
    if isinstance(named, dict):
        named = [named.get("SOPClassUID"), named.get("SOPInstanceUID")]
    if not isinstance(named, list) or [type(it) for it in named] != [str, str] or not all(named):
        raise BadRequest(
            "The field DicomInstances must hold pairs of SOPClassUID and SOPInstanceUID."
        )
    return SopPair(sop_class=named[0], sop_instance=named[1])


async def _report(request: web.Request) -> CommitmentReport:
    return await ask(request, DescribeCommitment(transaction=request.match_info["id"]))


@routes.get("/storage-commitment/{id}")
async def describe_commitment(request: web.Request) -> web.Response:
    """Tell what a modality commits itself to: `{Status, RemoteAET, Success, Failures}`.

    `Status` is Pending until its report has come, then Success or Failure.
    """
    report = await _report(request)
    view: dict[str, Any] = {"RemoteAET": report.remote_aet, "Status": report.status}
    if report.status != "Pending":
        view["Success"] = [_view(it) for it in report.committed]
        view["Failures"] = [
            {**_view(it.instance), **_reason_view(it.reason)} for it in report.failures
        ]
    return answer(view)


def _view(instance: SopPair) -> dict[str, str]:
    return {"SOPClassUID": instance.sop_class, "SOPInstanceUID": instance.sop_instance}


def _reason_view(reason: int) -> dict[str, Any]:
    status, description = _REASONS.get(reason, ("Unknown", "Unknown failure reason"))
    # FailureReason is what older versions of Orthanc call it.
    return {"Code": reason, "FailureReason": reason, "Status": status, "Description": description}


@routes.post("/storage-commitment/{id}/remove")
async def remove_committed(request: web.Request) -> web.Response:
    """Delete the instances that a modality has committed itself to keep, if these are all.

    Raises:
        Uncommitted: its report has not come, or tells of failures.
    """
    report = await _report(request)
    if report.status != "Success":
        raise Uncommitted
    targets = []
    for it in report.committed:
        found = await ask(request, LookupIdentifier(identifier=it.sop_instance))
        targets += [
            {"Level": each.level.word, "ID": each.id}
            for each in found
            if each.level is Level.INSTANCE
        ]
    parameters = {"Resources": targets}
    await run(request, "BulkDelete", parameters, Submission(Fields({})), fleeting=True)
    if not request.app[SETTINGS].delayed_deletion.enable:
        await ask(request, RemoveReleased())
    return answer({})
