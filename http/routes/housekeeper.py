"""Housekeeping: how far it is, what it would do, and making it pause, run or hurry."""

import json

from aiohttp import web

from repertory.actors.messages.base import Question
from repertory.actors.messages.housekeeping import (
    DescribeHousekeeping,
    PauseHousekeeping,
    PlanHousekeeping,
    PutStudyFirst,
    ResumeHousekeeping,
    RunHousekeeping,
)
from repertory.conf.settings import Settings
from repertory.errors import BadJson
from repertory.housekeeping import HousekeepingStatus
from repertory.http import params
from repertory.http.answers import answer
from repertory.http.bodies import read_text
from repertory.http.bridge import ask
from repertory.http.housekeeping_views import housekeeping_plan, housekeeping_status
from repertory.http.routing import Route, Routes

routes = Routes()


def is_switched_on(route: Route, settings: Settings) -> bool:
    """Whether somebody answers a route: there may be no housekeeper."""
    keeps_house = settings.housekeeper.enable and not settings.read_only
    return keeps_house or route not in routes


async def describe_housekeeping(request: web.Request) -> web.Response:
    """Tell how far housekeeping is.

    The first six fields are those of Orthanc's plugin; `LastProcessedChange` and
    `LastChangeToProcess` count in numbers of studies' rows, and are -1 where no pass runs. Beside
    them: the `State` in a word, studies done and left, the rate and when the pass will end, when
    the schedule opens next, and the studies that failed, with the reasons.
    """
    return await _status(request, DescribeHousekeeping())


# Orthanc answers at both addresses.
routes.get("/housekeeper/status")(describe_housekeeping)
routes.get("/plugins/housekeeper/status")(describe_housekeeping)


@routes.get("/housekeeper/plan")
async def plan_housekeeping(request: web.Request) -> web.Response:
    """Tell which triggers fire and why, and how much a pass does, or would do if it began now.

    The index is looked through for it: studies, instances and bytes are those with which there is
    something to do, or is left to do while a pass runs.
    """
    return answer(housekeeping_plan(await ask(request, PlanHousekeeping())))


@routes.post("/housekeeper/pause")
async def pause_housekeeping(request: web.Request) -> web.Response:
    """Do no more, over restarts too, until `resume` or `run`; the answer is the status."""
    return await _status(request, PauseHousekeeping())


@routes.post("/housekeeper/resume")
async def resume_housekeeping(request: web.Request) -> web.Response:
    """End a pause; the answer is the status."""
    return await _status(request, ResumeHousekeeping())


@routes.post("/housekeeper/run")
async def run_housekeeping(request: web.Request) -> web.Response:
    """Work now, whatever the schedule says, until the pass is done; it ends a pause, too.

    The body is empty or an object; the answer is the status.

    - `Force`: begin a pass over the whole archive.
    - `ReconstructFiles`: with `Force`, also store files anew that have not the form of new ones.
    """
    options = _switches(await read_text(request), "Force", "ReconstructFiles")
    force, rewrite = options.get("Force", False), options.get("ReconstructFiles", False)
    if rewrite and not force:
        raise BadJson("ReconstructFiles can only be said with Force.")
    return await _status(request, RunHousekeeping(force=force, rewrite_files=rewrite))


@routes.post("/housekeeper/studies/{id}/first")
async def put_study_first(request: web.Request) -> web.Response:
    """Reconstruct this study before all others; the answer is the status."""
    return await _status(request, PutStudyFirst(id=params.resource_id(request)))


async def _status(request: web.Request, question: Question[HousekeepingStatus]) -> web.Response:
    return answer(housekeeping_status(await ask(request, question)))


def _switches(text: str, *names: str) -> dict[str, bool]:
    try:
        options = json.loads(text or "{}")
    except ValueError:
        raise BadJson("The body is no JSON.") from None
    if not isinstance(options, dict):
        raise BadJson("The body is no JSON object.")
    for name, value in options.items():
        if name not in names or not isinstance(value, bool):
            raise BadJson(f"Only {' and '.join(names)} can be said, and are true or false.")
    return options
