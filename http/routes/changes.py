"""The log of changes."""

from aiohttp import web

from repertory.actors.messages.changes import ClearChanges, DescribeLastChange, ListChanges
from repertory.http import params, views
from repertory.http.answers import answer, done
from repertory.http.bridge import ask
from repertory.http.routing import Routes
from repertory.model import ChangePage

routes = Routes()


@routes.get("/changes")
async def list_changes(request: web.Request) -> web.Response:
    """List what happened to resources, in order, from the oldest change that is known.

    `Last` in the answer is the `since` of the next question; `Done` says that there is none.

    - `since`: begin after this number.
    - `to`: end with this number; without `since`, give the last ones up to it.
    - `limit`: at most so many, 100 if it is not given.
    - `type`: only these types, joined by `;`: `NewInstance`, `StableStudy` and so on.
    - `last`: only the newest change.
    - `deletions`: list deletions, too, as changes of type `Deleted`; one for each resource that
      is gone.
    """
    types = params.change_types(request)
    deletions = params.flag(request, "deletions")
    limit = params.whole_number(request, "limit")
    if "last" in request.query:
        return answer(
            views.change_page(await ask(request, DescribeLastChange(deletions=deletions)))
        )
    if limit == 0:
        newest = await ask(request, DescribeLastChange(deletions=deletions))
        nothing = ChangePage(changes=(), done=False, last=newest.last, first=None)
        return answer(views.change_page(nothing))
    question = ListChanges(
        since=params.whole_number(request, "since"),
        to=params.whole_number(request, "to"),
        limit=100 if limit is None else limit,
        types=types,
        deletions=deletions,
    )
    return answer(views.change_page(await ask(request, question)))


@routes.delete("/changes")
async def clear_changes(request: web.Request) -> web.Response:
    """Empty the log of changes; the numbers of later changes go on from where they were."""
    await ask(request, ClearChanges())
    return done()
