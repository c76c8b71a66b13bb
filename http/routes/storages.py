"""The storages of an archive: what lies in each, and moving it to another one."""

from aiohttp import web

from repertory.actors.messages.places import (
    DescribeWriter,
    FindLevels,
    ListPlaces,
    ListTrashedPlaces,
)
from repertory.conf.settings import Settings
from repertory.conf.storages import storage_names
from repertory.errors import BadBody, BadParameter, UnknownItem, UnknownResource
from repertory.http.answers import answer
from repertory.http.bridge import SETTINGS, ask
from repertory.http.finding import Fields, read_fields
from repertory.http.jobs import Submission, run, submit
from repertory.http.routing import Routes
from repertory.jobs import Object
from repertory.model import ResourceId
from repertory.places import Place, TrashedPlace

routes = Routes()

LONGEST_LIST = 32 << 20
"""Bytes of a body: some 600,000 identifiers."""


@routes.get("/hybrid/status")
async def describe_storages(request: web.Request) -> web.Response:
    """Tell which storages there are, and how many files and bytes of resources lie in each.

    `WriteStorage` is where new files go. `IsConfigured` is false for a storage that the index knows
    of and that the configuration names no more: its files cannot be read. `CountTrashedFiles` and
    `TrashedSize` are what lies there of resources that were deleted and can be restored.
    """
    settings = request.app[SETTINGS]
    places = await ask(request, ListPlaces())
    trashed = {place.name: place for place in await ask(request, ListTrashedPlaces())}
    writes_to = storage_names(settings)[0]
    if len(storage_names(settings)) > 1:
        writes_to = await ask(request, DescribeWriter())
    return answer(
        {
            "Enabled": len(storage_names(settings)) > 1,
            "WriteStorage": writes_to,
            "Storages": {
                place.name: _place(place, trashed.get(place.name), settings)
                for place in places
                if place.files or place.name in trashed or place.name in storage_names(settings)
            },
        }
    )


def _place(place: Place, trashed: TrashedPlace | None, settings: Settings) -> Object:
    return {
        "CountFiles": place.files,
        "DiskSize": str(place.size),
        "DiskSizeMB": place.size >> 20,
        "CountTrashedFiles": trashed.files if trashed is not None else 0,
        "TrashedSize": str(trashed.size if trashed is not None else 0),
        "IsConfigured": place.name in storage_names(settings),
    }


async def move_storage(request: web.Request) -> web.Response:
    """Move all files of resources, and of all below them, to another storage.

    Each file is copied, read back and compared before the archive forgets where it was. What lies
    there already is passed over. The answer is the job's `Content`, or with `Asynchronous` its
    `{ID, Path}`; what could not be moved is listed by `/jobs/{id}/failures`, and stays where it is.
    404 where an identifier is unknown, or where the archive has one storage only.

    - `Resources`: an array of identifiers of whatever level; required, but for `Trash`.
    - `Trash`: whether to move the files of all that is in the trash, too.
    - `TargetStorage`: `file-system`, `object-storage`, or the name of a disk; required.
    - `BusyShare`: per cent of the time that the job works while requests are served; without it,
      `AdvancedStorage.MoveBusyShare`. `BackingOff` in its `Content` tells that it rests for them.
    - `Synchronous`, `Asynchronous`: whether the answer waits until all is moved (it does).
    - `Priority`, `UserData`: of the job.
    """
    settings = request.app[SETTINGS]
    if len(storage_names(settings)) < 2:
        raise UnknownItem("The archive has one storage: there is nowhere to move files to.")
    fields = await read_fields(request, limit=LONGEST_LIST, refusal=BadBody)
    target = _target(fields, settings)
    how = Submission(fields)
    busy_share = fields.get("BusyShare", settings.advanced_storage.move_busy_share)
    trash = fields.get("Trash", False)
    parameters = {} if trash and "Resources" not in fields else await _resources(request, fields)
    parameters["Trash"] = trash
    parameters["TargetStorage"] = target
    parameters["ThrottleMs"] = settings.advanced_storage.move_throttle_ms
    parameters["BusyShare"] = busy_share
    if not how.synchronous:
        return await submit(request, "MoveStorage", parameters, how)
    job = await run(request, "MoveStorage", parameters, how)
    return answer(job.content)


routes.post("/move-storage")(move_storage)
routes.post("/plugins/advanced-storage/move-storage")(move_storage)


def _target(fields: Fields, settings: Settings) -> str:
    """Where to; the plugin of several disks has another name for it."""
    name = "TargetStorageId" if "TargetStorageId" in fields else "TargetStorage"
    target = fields.need(name, str)
    if target not in storage_names(settings):
        raise BadParameter(f"The field {name} must be one of {', '.join(storage_names(settings))}.")
    return target


async def _resources(request: web.Request, fields: Fields) -> Object:
    """The identifiers by level."""
    fields.need("Resources", list)
    ids = tuple(ResourceId(id_) for id_ in dict.fromkeys(fields.texts("Resources")))
    if not ids:
        raise BadBody("The field Resources names nothing.")
    found = await ask(request, FindLevels(ids=ids))
    parameters: Object = {}
    for id_, ref in zip(ids, found, strict=True):
        if ref is None:
            raise UnknownResource(f"There is no resource {id_[:64]}.")
        parameters.setdefault(ref.level.plural.capitalize(), []).append(id_)
    return parameters
