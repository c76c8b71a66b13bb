"""The trash: what was deleted and can be restored."""

from aiohttp import web

from repertory.actors.messages.trash import DescribeTrash, EmptyTrash, ListTrash, RestoreTrash
from repertory.http import params, trash_views
from repertory.http.answers import answer, done
from repertory.http.bridge import ask
from repertory.http.routing import Routes

routes = Routes()


@routes.get("/trash")
async def list_trash(request: web.Request) -> web.Response:
    """List what was deleted and can be restored, the last deleted first.

    `ID` names the entry; `ResourceType` and `ResourceID` are what was deleted. The numbers count
    what went with it, `Size` is in bytes on the disk, dates are UTC. Nothing is kept unless
    `Trash.RetentionDays` says so.

    - `since` and `limit`: skip so many, list so many (0: all the rest).
    """
    since = params.whole_number(request, "since") or 0
    limit = params.whole_number(request, "limit") or 0
    entries = await ask(request, ListTrash(since=since, limit=limit))
    return answer([trash_views.entry(entry) for entry in entries])


@routes.get("/trash/{id}")
async def describe_trash(request: web.Request) -> web.Response:
    """Describe an entry of the trash, with every resource in it.

    It is named by its `ID`, or by the identifier of the resource that was deleted: then the last
    deletion of it is meant.
    """
    content = await ask(request, DescribeTrash(name=request.match_info["id"]))
    return answer(trash_views.content(content))


@routes.post("/trash/{id}/restore")
async def restore_trash(request: web.Request) -> web.Response:
    """Bring back what was deleted, as it was.

    What was uploaded anew in the meantime stays as it is (`Kept` counts such instances), and gets
    the labels, metadata and attachments of users that it lacks.
    """
    receipt = await ask(request, RestoreTrash(name=request.match_info["id"]))
    return answer(trash_views.receipt(receipt))


@routes.delete("/trash/{id}")
async def empty_trash_of_one(request: web.Request) -> web.Response:
    """Give up an entry of the trash: it cannot be restored any more, and its files go."""
    await ask(request, EmptyTrash(name=request.match_info["id"]))
    return done()


@routes.delete("/trash")
async def empty_trash(request: web.Request) -> web.Response:
    """Give up everything in the trash; `Emptied` tells how many entries that were."""
    return answer({"Emptied": await ask(request, EmptyTrash())})
