"""Resources that are stable because somebody says so."""

from aiohttp import web

from repertory.actors.messages.stability import DeclareStable, DeclareUnstable
from repertory.http import params
from repertory.http.answers import answer
from repertory.http.bridge import ask
from repertory.http.routing import Routes
from repertory.model import Level

routes = Routes()

_LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES)


@routes.post("/{level}/{id}/stable", levels=_LEVELS)
async def declare_stable(request: web.Request, level: Level) -> web.Response:
    """Declare a patient, study or series stable now, without waiting for `StableAge`.

    The change is logged, unless the resource is stable already (`Changed` is false). What is
    above and below it is left as it is. The body is not read.
    """
    id_ = params.resource_id(request)
    changed = await ask(request, DeclareStable(level=level, id=id_))
    return answer({"Changed": changed, "ID": id_, "IsStable": True, "Type": level.word})


@routes.post("/{level}/{id}/unstable", levels=_LEVELS)
async def declare_unstable(request: web.Request, level: Level) -> web.Response:
    """Let the time in which a patient, study or series has to be quiet begin anew.

    It becomes stable once more when that time has passed. `Changed` tells whether it was stable.
    """
    id_ = params.resource_id(request)
    changed = await ask(request, DeclareUnstable(level=level, id=id_))
    return answer({"Changed": changed, "ID": id_, "IsStable": False, "Type": level.word})
