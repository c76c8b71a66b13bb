"""What Orthanc's clients look for among its plugins, and finds built in here."""

from aiohttp import web

from repertory.actors.messages.deletion import (
    DescribeDeletionQueue,
    FlushReleased,
    PauseRemovals,
    ResumeRemovals,
)
from repertory.actors.messages.places import ListPlaces
from repertory.actors.messages.system import DescribeIndex
from repertory.conf.settings import Settings
from repertory.errors import UnknownResource
from repertory.http.answers import answer, headers_for, ready_answer
from repertory.http.bridge import SETTINGS, ask
from repertory.http.deletion_views import deletion_queue
from repertory.http.routing import Routes
from repertory.http.views import Object
from repertory.version import VERSION

routes = Routes()


def _plugins(settings: Settings) -> dict[str, Object]:
    found: dict[str, Object] = {}
    if settings.delayed_deletion.enable:
        found["delayed-deletion"] = {
            "Description": "Removes the files of deleted resources after the request.",
            "ExtendsOrthancExplorer": False,
            "ID": "delayed-deletion",
            "Version": VERSION,
        }
    if settings.housekeeper.enable and not settings.read_only:
        found["housekeeper"] = {
            "Description": "Puts the archive in order after its configuration has changed.",
            "ExtendsOrthancExplorer": False,
            "ID": "housekeeper",
            "Version": VERSION,
        }
    return found


@routes.get("/plugins")
async def list_plugins(request: web.Request) -> web.Response:
    """List what Orthanc has as plugins, as far as it is there and switched on."""
    return answer(["explorer.js", *_plugins(request.app[SETTINGS])])


@routes.get("/plugins/explorer.js")
async def extend_explorer(_: web.Request) -> web.Response:
    """Give the JavaScript by which plugins extend Orthanc Explorer: none."""
    return web.Response(body=b"", headers=headers_for("application/javascript"))


@routes.get("/plugins/{id}", bare=(UnknownResource,))
async def describe_plugin(request: web.Request) -> web.Response:
    """Describe one of `/plugins`."""
    plugin = _plugins(request.app[SETTINGS]).get(request.match_info["id"])
    if plugin is None:
        raise UnknownResource
    return answer(plugin)


async def describe_delayed_deletion(request: web.Request) -> web.Response:
    """Tell how many files of deleted resources are still to be removed from the disk.

    `FilesPendingDeletion` and `DatabaseServerIdentifier` are Orthanc's. Besides: how many bytes
    these files have, for how long the oldest has waited, how many are removed per second and how
    long that will take (null where nobody can tell), whether removals are `Paused` or
    `HeldByBackup`, how many files could not be removed yet, and for the first hundred of those how
    often that was tried, when it will be tried again, and the `LastError`. `UnreachableStorages`
    are those whose files wait as a whole, `Since` when and why, until they answer.
    """
    _require(request)
    return await _status(request)


async def pause_delayed_deletion(request: web.Request) -> web.Response:
    """Remove no more files until it is resumed, over restarts too; answers the status."""
    _require(request)
    await ask(request, PauseRemovals())
    return await _status(request)


async def resume_delayed_deletion(request: web.Request) -> web.Response:
    """Go on removing files; answers the status."""
    _require(request)
    await ask(request, ResumeRemovals())
    return await _status(request)


async def flush_delayed_deletion(request: web.Request) -> web.Response:
    """Remove what waits now without pauses between the files; answers the status, at once.

    What could not be removed before is tried again. While removals are paused it goes all the
    same, and the pause lasts for what comes later.
    """
    _require(request)
    await ask(request, FlushReleased())
    return await _status(request)


async def _status(request: web.Request) -> web.Response:
    state = await ask(request, DescribeDeletionQueue())
    index = await ask(request, DescribeIndex())
    # Their names are asked for where they are told.
    places = await ask(request, ListPlaces()) if state.absent else ()
    names = {place.number: place.name for place in places}
    return ready_answer(deletion_queue(index.identifier, state, names))


def _require(request: web.Request) -> None:
    if not request.app[SETTINGS].delayed_deletion.enable:
        raise UnknownResource


# Orthanc answers at the first address only; its older documentation names the second.
for _base in ("/plugins/delayed-deletion", "/delayed-deletion"):
    routes.get(f"{_base}/status")(describe_delayed_deletion)
    routes.post(f"{_base}/pause")(pause_delayed_deletion)
    routes.post(f"{_base}/resume")(resume_delayed_deletion)
    routes.post(f"{_base}/flush")(flush_delayed_deletion)
