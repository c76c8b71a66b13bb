"""Tiering: how far it is, what the rules would move, and making them run or pause."""

from aiohttp import web

from repertory.actors.messages.base import Question
from repertory.actors.messages.tiering import (
    DescribeTiering,
    PauseTiering,
    PlanTiering,
    ResumeTiering,
    RunTiering,
)
from repertory.conf.settings import Settings
from repertory.http.answers import answer
from repertory.http.bridge import ask
from repertory.http.routing import Route, Routes
from repertory.http.tiering_views import tiering_plan, tiering_status
from repertory.tiering import TieringStatus

routes = Routes()


def is_switched_on(route: Route, settings: Settings) -> bool:
    """Whether somebody answers a route: there may be no rules."""
    has_rules = settings.tiering.enable and not settings.read_only
    return has_rules or route not in routes


@routes.get("/tiering/status")
async def describe_tiering(request: web.Request) -> web.Response:
    """Tell how far tiering is.

    `State` is `Idle`, `Running`, `Paused` or `WaitingForHours`; `Current` is the pass that runs,
    `LastPass` the last one, each with what every rule has moved, and `Problem` where one gave up.
    `Room` tells how full the disks are that rules make room on. `Recall` tells what came back since
    the start, what waits to (`Pending`) and what did not (`Failed`, `Dropped`), with the last
    reason. `Failures` are the last files that could not be moved.
    """
    return await _status(request, DescribeTiering())


@routes.get("/tiering/plan")
async def plan_tiering(request: web.Request) -> web.Response:
    """Tell how many studies, files and bytes each rule would move if a pass began now.

    Nothing is moved. All studies are looked at, some at a time. What one rule takes from a storage
    is not counted by those after it.
    """
    return answer(tiering_plan(await ask(request, PlanTiering())))


@routes.post("/tiering/run")
async def run_tiering(request: web.Request) -> web.Response:
    """Begin a pass now, whatever the schedule says; it ends a pause, too. Answers the status."""
    return await _status(request, RunTiering())


@routes.post("/tiering/pause")
async def pause_tiering(request: web.Request) -> web.Response:
    """Let the rules move nothing, over restarts too, until `resume` or `run`; answers the status.

    What is read comes back all the same.
    """
    return await _status(request, PauseTiering())


@routes.post("/tiering/resume")
async def resume_tiering(request: web.Request) -> web.Response:
    """End a pause; the answer is the status."""
    return await _status(request, ResumeTiering())


async def _status(request: web.Request, question: Question[TieringStatus]) -> web.Response:
    return answer(tiering_status(await ask(request, question)))
