"""Other application entities: who they are, whether they are there, what is sent and moved."""

from typing import Any

from aiohttp import web

from repertory.actors.messages.finding import DescribeMany
from repertory.actors.messages.modalities import (
    DeleteModality,
    DescribeModality,
    EchoModality,
    ListModalities,
    QueryModality,
    SetModality,
)
from repertory.errors import BadRequest, UnknownResource
from repertory.http.answers import answer, done
from repertory.http.bridge import ask
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
from repertory.http.routing import Routes
from repertory.jobs import Object
from repertory.modalities import written
from repertory.model import Level, ResourceId

routes = Routes()

_OPERATIONS = ["configuration", "echo", "move", "query", "store"]


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


@routes.get("/modalities/{id}")
async def list_modality_operations(request: web.Request) -> web.Response:
    """List what can be asked of a modality."""
    await ask(request, DescribeModality(name=_name(request)))
    return answer(_OPERATIONS)


@routes.get("/modalities/{id}/configuration")
async def describe_modality(request: web.Request) -> web.Response:
    """Describe a modality as it is configured."""
    return answer(written(await ask(request, DescribeModality(name=_name(request)))))


@routes.put("/modalities/{id}")
async def set_modality(request: web.Request) -> web.Response:
    """Enter a modality, or change it, until the archive stops.

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
    """Forget a modality; one of the configuration is there again at the next start."""
    await ask(request, DeleteModality(name=_name(request)))
    return done()


@routes.post("/modalities/{id}/echo")
async def echo_modality(request: web.Request) -> web.Response:
    """Ask a modality whether it is there (C-ECHO).

    - `Timeout`: seconds to wait for it.
    - `LocalAet`: the title to call by.
    """
    fields = await read_optional_fields(request)
    await ask(request, _echo(_name(request), fields))
    return answer({})


@routes.post("/tools/dicom-echo")
async def echo(request: web.Request) -> web.Response:
    """Ask somebody whether they are there (C-ECHO) who need not be a modality of ours.

    - `AET`, `Host`, `Port`: required; `Manufacturer`, `UseDicomTls`, `LocalAet`, `Timeout`.
    """
    body = await read_body(request)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object.")
    await ask(request, _echo(modality_of(body), Fields(body)))
    return answer({})


def _echo(target: Any, fields: Fields) -> EchoModality:
    return EchoModality(
        target=target, local_aet=fields.get("LocalAet", ""), timeout=timeout_of(fields)
    )


@routes.post("/modalities/{id}/store")
async def send_to_modality(request: web.Request) -> web.Response:
    """Send resources of any level to a modality (C-STORE), by a job.

    The body is an identifier, an array of them, or an object:

    - `Resources`: identifiers; required.
    - `LocalAet`, `CalledAet`, `Host`, `Port`, `Timeout`: how to call, where it differs.
    - `MoveOriginatorAet`, `MoveOriginatorID`: who asked for it by C-MOVE.
    - `Permissive`: whether to go on after an instance that could not be sent.
    - `Synchronous`, `Asynchronous`: whether the answer waits for the job (it does).
    - `Priority`, `UserData`: of the job.

    Raises:
        UnknownResource: one of them is not there.
    """
    body = await read_body(request)
    if isinstance(body, str):
        body = {"Resources": [body]}
    elif isinstance(body, list):
        body = {"Resources": body}
    if not isinstance(body, dict):
        raise BadRequest("The body must be an identifier, an array, or an object.")
    fields = Fields(body)
    how = Submission(fields)
    wanted = tuple(dict.fromkeys(map(ResourceId, fields.texts("Resources"))))
    parameters = {
        "Modality": _name(request),
        **call_of(fields),
        **await _entry(request, fields),
        "MoveOriginatorAet": fields.get("MoveOriginatorAet", ""),
        "MoveOriginatorID": fields.get("MoveOriginatorID", 0),
        "Permissive": fields.get("Permissive", default=False),
        "ParentResources": list(wanted),
    }
    found = await ask(request, DescribeMany(ids=wanted))
    if len(found) < len(wanted):
        raise UnknownResource
    instances = await ask(request, DescribeMany(ids=wanted, at=Level.INSTANCE))
    parameters["Instances"] = [it.id for it in instances]
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
    - `Synchronous`, `Asynchronous`, `Priority`, `UserData`: of the job.
    """
    fields = await read_fields(request)
    how = Submission(fields)
    await ask(request, DescribeModality(name=_name(request)))
    parameters = {
        "Modality": _name(request),
        "Level": level_of(fields.need("Level", str)).word,
        "Resources": fields.need("Resources", list),
        "TargetAet": fields.get("TargetAet", ""),
        **call_of(fields),
    }
    if not how.synchronous:
        return await submit(request, "DicomMoveScu", parameters, how)
    return answer((await run(request, "DicomMoveScu", parameters, how)).content)


@routes.post("/modalities/{id}/query")
async def query_modality(request: web.Request) -> web.Response:
    """Search at a modality (C-FIND); the answers are kept, `{ID, Path}` says where.

    - `Level`: Patient, Study, Series or Instance; required.
    - `Query`: tags, each with what its value must match; "" asks for it alone.
    - `LocalAet`, `Timeout`: how to call.
    """
    fields = await read_fields(request)
    name = await ask(
        request,
        QueryModality(
            modality=_name(request),
            level=level_of(fields.need("Level", str)),
            keys=strings_of(fields.get("Query", dict[str, Any]()), "Query"),
            local_aet=fields.get("LocalAet", ""),
            timeout=timeout_of(fields),
        ),
    )
    return answer({"ID": name, "Path": f"/queries/{name}"})
