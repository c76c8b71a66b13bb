"""What Orthanc's clients look for among its plugins, and finds built in here."""

from aiohttp import web

from repertory.actors.messages.attachments import CountReleased
from repertory.actors.messages.system import DescribeIndex
from repertory.conf.settings import Settings
from repertory.errors import UnknownResource
from repertory.http.answers import answer, headers_for, ready_answer
from repertory.http.bridge import SETTINGS, ask
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
    """Tell how many files of deleted resources are still to be removed from the disk."""
    if not request.app[SETTINGS].delayed_deletion.enable:
        raise UnknownResource
    pending = await ask(request, CountReleased())
    index = await ask(request, DescribeIndex())
    return ready_answer(
        {"DatabaseServerIdentifier": index.identifier, "FilesPendingDeletion": pending}
    )


# Orthanc answers at the first address only; its older documentation names the second.
routes.get("/plugins/delayed-deletion/status")(describe_delayed_deletion)
routes.get("/delayed-deletion/status")(describe_delayed_deletion)
