"""Patients that recycling spares."""

from aiohttp import web

from repertory.actors.messages.resources import DescribeProtection, SetProtection
from repertory.errors import NotDicom
from repertory.http.answers import done, text_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import ask
from repertory.http.routing import Routes
from repertory.model import ResourceId

routes = Routes()

_SAID = {"0": False, "false": False, "1": True, "true": True}


def _patient(request: web.Request) -> ResourceId:
    # Not checked: whatever is no patient is answered by 400 here, as in Orthanc.
    return ResourceId(request.match_info["id"])


@routes.get("/patients/{id}/protected")
async def describe_protection(request: web.Request) -> web.Response:
    """Tell whether a patient is spared when the archive is full: `0` or `1`."""
    protected = await ask(request, DescribeProtection(id=_patient(request)))
    return text_answer("1" if protected else "0")


@routes.put("/patients/{id}/protected")
async def set_protection(request: web.Request) -> web.Response:
    """Protect a patient, or end it: the body is `1`, `true`, `0` or `false`."""
    protected = _SAID.get((await read_text(request)).strip().lower())
    if protected is None:
        raise NotDicom("Boolean value expected")
    await ask(request, SetProtection(id=_patient(request), protected=protected))
    return done()
