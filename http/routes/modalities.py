"""Other application entities: who they are, whether they are there, what is sent and moved."""

from typing import Any

from aiohttp import web

from repertory.actors.messages.modalities import (
    DeleteModality,
    DescribeModality,
    EchoModality,
    ListModalities,
    QueryModality,
    QueryWorklists,
    SetModality,
)
from repertory.errors import BadRequest, UnknownItem
from repertory.http.answers import answer, done
from repertory.http.bridge import SETTINGS, ask
from repertory.http.finding import Fields, level_of, read_fields
from repertory.http.jobs import Submission, run, submit
from repertory.http.modalities import (
    call_of,
    modality_of,
    read_body,
    read_optional_fields,
    strings_of,
    timeout_of,
)
from repertory.http.routing import TREE, Routes
from repertory.http.sending import read_sending, what_to_send
from repertory.jobs import Object
from repertory.modalities import written
from repertory.model import TagForm

routes = Routes()


def _name(request: web.Request) -> str:
    return request.match_info["id"]


@routes.get("/modalities")
async def list_modalities(request: web.Request) -> web.Response:
    """List the names of the modalities.

    - `expand`: an object of their configurations by name instead.
    """
    found = await ask(request, ListModalities())
    if "expand" in request.query:
        return answer({name: written(it) for name, it in found.items()})
    return answer(sorted(found))


@routes.get("/modalities/{id}", bare=(UnknownItem,))
async def list_modality_operations(request: web.Request) -> web.Response:
    """List what can be asked of a modality."""
    await ask(request, DescribeModality(name=_name(request)))
    return answer(request.app[TREE].names_below(request.path))


@routes.get("/modalities/{id}/configuration")
async def describe_modality(request: web.Request) -> web.Response:
    """Describe a modality as it is configured."""
    return answer(written(await ask(request, DescribeModality(name=_name(request)))))


@routes.put("/modalities/{id}")
async def set_modality(request: web.Request) -> web.Response:
    """Enter a modality, or change it: until the archive stops, or for good.

    It is kept for good with DicomModalitiesInDatabase.

    The body is an array `[AET, Host, Port, Manufacturer?]`, or an object with `AET`, `Host`,
    `Port` and whatever is to differ from the default of `Manufacturer`, `AllowEcho`, `AllowFind`,
    `AllowFindWorklist`, `AllowGet`, `AllowMove`, `AllowStore`, `UseDicomTls`, `LocalAet`,
    `Timeout`, `RetrieveMethod`.
    """
    modality = modality_of(await read_body(request))
    await ask(request, SetModality(name=_name(request), modality=modality))
    return done()


@routes.delete("/modalities/{id}")
async def delete_modality(request: web.Request) -> web.Response:
    """Forget a modality; without DicomModalitiesInDatabase, one of the configuration comes back."""
    await ask(request, DeleteModality(name=_name(request)))
    return done()


@routes.post("/modalities/{id}/echo")
async def echo_modality(request: web.Request) -> web.Response:
    """Ask a modality whether it is there (C-ECHO).

    - `Timeout`: seconds to wait for it.
    - `LocalAet`: the title to call by.
    - `CheckFind`: whether it must answer a query, too (C-FIND of a study that nobody has);
      otherwise as `DicomEchoChecksFind` says.
    """
    fields = await read_optional_fields(request)
    await ask(request, _echo(request, _name(request), fields))
    return answer({})


@routes.post("/tools/dicom-echo")
async def echo(request: web.Request) -> web.Response:
    """Ask somebody whether they are there (C-ECHO) who need not be a modality of ours.

    - `AET`, `Host`, `Port`: required; `Manufacturer`, `UseDicomTls`, `LocalAet`, `Timeout`.
    - `CheckFind`: as above.
    """
    body = await read_body(request)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    await ask(request, _echo(request, modality_of(body), Fields(body)))
    return answer({})


def _echo(request: web.Request, target: Any, fields: Fields) -> EchoModality:
    return EchoModality(
        target=target,
        local_aet=fields.get("LocalAet", ""),
        timeout=timeout_of(fields),
        check_find=fields.get("CheckFind", request.app[SETTINGS].dicom_echo_checks_find),
    )


@routes.post("/modalities/{id}/store")
async def send_to_modality(request: web.Request) -> web.Response:
    """Send resources of any level to a modality (C-STORE), by a job.

    The body is an identifier, an array of them, or an object:

    - `Resources`: identifiers; required.
    - `LocalAet`, `CalledAet`, `Host`, `Port`, `Timeout`: how to call, where it differs.
    - `MoveOriginatorAet`, `MoveOriginatorID`: who asked for it by C-MOVE.
    - `StorageCommitment`: whether to ask the modality afterwards to commit itself to keep them.
    - `Permissive`: whether to go on after an instance that could not be sent.
    - `Retries`: how often it is tried again where the modality cannot be reached.
    - `Synchronous`, `Asynchronous`: whether the answer waits for the job (it does).
    - `Priority`, `UserData`: of the job.

    Raises:
        UnknownResource: one of them is not there.
    """
    fields = await read_sending(request)
    how = Submission(fields)
    parameters = {
        "Modality": _name(request),
        **call_of(request, fields, synchronous=how.synchronous),
        **await _entry(request, fields),
        "MoveOriginatorAet": fields.get("MoveOriginatorAet", ""),
        "MoveOriginatorID": fields.get("MoveOriginatorID", 0),
        "Permissive": fields.get("Permissive", default=False),
        "StorageCommitment": fields.get("StorageCommitment", default=False),
        **await what_to_send(request, fields),
    }
    if not how.synchronous:
        return await submit(request, "DicomModalityStore", parameters, how)
    return answer((await run(request, "DicomModalityStore", parameters, how)).content)


async def _entry(request: web.Request, fields: Fields) -> Object:
    """The modality by another address, where the body has one."""
    entry = written(await ask(request, DescribeModality(name=_name(request))))
    changes = {"AET": "CalledAet", "Host": "Host", "Port": "Port"}
    changed = {name: fields.value(field) for name, field in changes.items() if field in fields}
    if not changed:
        return {}
    return {"Entry": written(modality_of({**entry, **changed}))}


@routes.post("/modalities/{id}/move")
async def move_from_modality(request: web.Request) -> web.Response:
    """Let a modality send what it has to somebody (C-MOVE), by a job.

    - `Level`: Patient, Study, Series or Instance; required.
    - `Resources`: an array of objects of tags, each of which names one; required.
    - `TargetAet`: to whom; this archive if it is not given.
    - `LocalAet`, `Timeout`: how to call.
    - `Retries`: how often it is tried again where the modality cannot be reached.
    - `Synchronous`, `Asynchronous`, `Priority`, `UserData`: of the job.
    """
    return await _retrieve(request, "DicomMoveScu")


@routes.post("/modalities/{id}/get")
async def get_from_modality(request: web.Request) -> web.Response:
    """Let a modality send us what it has, over the association that asks (C-GET), by a job.

    - `Level`: Patient, Study, Series or Instance; required.
    - `Resources`: an array of objects of tags, each of which names one; required.
    - `LocalAet`, `Timeout`: how to call.
    - `Retries`: how often it is tried again where the modality cannot be reached.
    - `Synchronous`, `Asynchronous`, `Priority`, `UserData`: of the job.
    """
    return await _retrieve(request, "DicomGetScu")


async def _retrieve(request: web.Request, job: str) -> web.Response:
    fields = await read_fields(request)
    how = Submission(fields)
    await ask(request, DescribeModality(name=_name(request)))
    parameters = {
        "Modality": _name(request),
        "Level": level_of(fields.need("Level", str)).word,
        "Resources": fields.need("Resources", list),
        "TargetAet": fields.get("TargetAet", ""),
        **call_of(request, fields, synchronous=how.synchronous),
    }
    if not how.synchronous:
        return await submit(request, job, parameters, how)
    return answer((await run(request, job, parameters, how)).content)


@routes.post("/modalities/{id}/query")
async def query_modality(request: web.Request) -> web.Response:
    """Search at a modality (C-FIND); the answers are kept, `{ID, Path}` says where.

    - `Level`: Patient, Study, Series or Instance; required.
    - `Query`: tags, each with what its value must match; "" asks for it alone.
    - `Normalize`: whether tags are left out that are no main DICOM tags of the level or of those
      above it (they are): many modalities refuse a query with keys that they do not expect.
    - `LocalAet`, `Timeout`: how to call.
    """
    fields = await read_fields(request)
    name = await ask(
        request,
        QueryModality(
            modality=_name(request),
            level=level_of(fields.need("Level", str)),
            keys=strings_of(fields.get("Query", dict[str, Any]()), "Query"),
            normalize=fields.get("Normalize", default=True),
            local_aet=fields.get("LocalAet", ""),
            timeout=timeout_of(fields),
        ),
    )
    return answer({"ID": name, "Path": f"/queries/{name}"})


@routes.post("/modalities/{id}/find-worklist")
async def query_worklists(request: web.Request) -> web.Response:
    """Ask a modality what is scheduled (C-FIND of worklists); an array of worklists.

    - `Query`: tags, each with what its value must match; sequences are arrays of one such object.
      Without this field, the whole body is the query.
    - `Full`, `Short`: the form of the tags.
    - `LocalAet`, `Timeout`: how to call.
    """
    body = await read_body(request)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    fields = Fields(body if "Query" in body else {"Query": body})
    full, short = fields.get("Full", default=False), fields.get("Short", default=False)
    found = await ask(
        request,
        QueryWorklists(
            target=_name(request),
            keys=fields.need("Query", dict),
            form=TagForm.FULL if full else TagForm.SHORT if short else TagForm.SIMPLIFIED,
            local_aet=fields.get("LocalAet", ""),
            timeout=timeout_of(fields),
        ),
    )
    return answer(list(found))
