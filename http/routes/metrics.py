"""Metrics, for Prometheus and whoever reads its format."""

from aiohttp import hdrs, web

from repertory.actors.messages.changes import DescribeLastChange
from repertory.actors.messages.dicom import DescribeDicomServer
from repertory.actors.messages.jobs import ListJobs
from repertory.actors.messages.rest_api import CallRestApi
from repertory.actors.messages.system import DescribeTotals
from repertory.errors import BadBody, UnknownResource
from repertory.http.answers import done, text_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import BOARD, SETTINGS, ask
from repertory.http.metrics import CONTENT_TYPE, known_lines, own_lines
from repertory.http.routing import Routes
from repertory.meters import Meters
from repertory.model import OriginKind

routes = Routes()

PATIENCE = 0.25
"""Seconds that a scrape waits for mailboxes."""

_WORDS = {"0": False, "false": False, "1": True, "true": True}


def _are_elsewhere(request: web.Request) -> bool:
    """Whether this is a front-end: the main process has the sums."""
    meters = request.app[BOARD].meters
    return meters is not None and meters.are_told_elsewhere


async def _ask_elsewhere(request: web.Request) -> web.Response:
    body = (await read_text(request)).encode()
    question = CallRestApi(
        method=request.method, uri=request.path_qs, body=body, origin=OriginKind.REST_API
    )
    found = await ask(request, question)
    return web.Response(status=found.status, headers=found.headers, body=found.body)


def _meters(request: web.Request) -> Meters:
    meters = request.app[BOARD].meters
    if meters is None:
        raise UnknownResource
    return meters


async def _associations_left(request: web.Request) -> int | None:
    settings = request.app[SETTINGS]
    if not settings.dicom_server_enabled:
        return None
    found = await ask(request, DescribeDicomServer())
    return max(0, settings.dicom_maximum_associations - found.associations)


@routes.get("/tools/metrics")
async def tell_metrics(request: web.Request) -> web.Response:
    """Tell whether metrics are collected: `1` or `0`."""
    if _are_elsewhere(request):
        return await _ask_elsewhere(request)
    return text_answer(str(int(_meters(request).is_on)))


@routes.put("/tools/metrics")
async def switch_metrics(request: web.Request) -> web.Response:
    """Collect metrics from now on, or no more: the body is `1` or `0`."""
    if _are_elsewhere(request):
        return await _ask_elsewhere(request)
    wanted = _WORDS.get((await read_text(request)).strip().lower())
    if wanted is None:
        raise BadBody("Boolean value expected")
    _meters(request).is_on = wanted
    return done()


@routes.get("/tools/metrics-prometheus")
async def read_metrics(request: web.Request) -> web.Response:
    """Give all metrics in the text format of Prometheus; nothing where they are not collected.

    Those of Orthanc have its names. Ours are the latencies of requests by route and of messages by
    type, the depth and the age of each actor's mailbox, and what the process uses. Where front-ends
    serve, what they answer is in the latencies within a second; mailboxes and what the process uses
    are the main process's.
    """
    if _are_elsewhere(request):
        return await _ask_elsewhere(request)
    meters, board = _meters(request), request.app[BOARD]
    lines: list[str] = []
    if meters.is_on:
        totals = await ask(request, DescribeTotals())
        page = await ask(request, DescribeLastChange())
        jobs = [job.state for job in await ask(request, ListJobs())]
        left = await _associations_left(request)
        lines += known_lines(
            meters, totals, page.last, jobs, board.clock.now(), associations_left=left
        )
        lines += own_lines(meters, await board.mail(patience=PATIENCE))
        lines.append("")
    return web.Response(body="\n".join(lines).encode(), headers={hdrs.CONTENT_TYPE: CONTENT_TYPE})
