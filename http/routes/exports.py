"""The log of exports: what was sent to modalities and peers."""

from aiohttp import web

from repertory.actors.messages.exports import ClearExports, DescribeLastExport, ListExports
from repertory.http import item_views, params
from repertory.http.answers import answer, done
from repertory.http.bridge import ask
from repertory.http.routing import Routes

routes = Routes()


@routes.get("/exports")
async def list_exports(request: web.Request) -> web.Response:
    """List what was sent to modalities and peers, if the option LogExportedResources is on.

    - `since`: begin after this number; `Last` in the answer is the next one.
    - `limit`: at most so many, 100 if it is not given, all if it is 0.
    - `last`: only the newest.
    """
    if "last" in request.query:
        return answer(item_views.export_page(await ask(request, DescribeLastExport())))
    limit = params.whole_number(request, "limit")
    question = ListExports(
        since=params.whole_number(request, "since") or 0, limit=100 if limit is None else limit
    )
    return answer(item_views.export_page(await ask(request, question)))


@routes.delete("/exports")
async def clear_exports(request: web.Request) -> web.Response:
    """Empty the log of exports; the numbers of later ones go on from where they were."""
    await ask(request, ClearExports())
    return done()
