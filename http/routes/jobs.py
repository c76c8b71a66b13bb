"""Jobs: list, describe, pause, resume, cancel, do again, forget."""

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from repertory.actors.messages.attachments import ReadFile
from repertory.actors.messages.base import Command
from repertory.actors.messages.job_outputs import DeleteJobOutput, DescribeJobOutput
from repertory.actors.messages.jobs import (
    CancelJob,
    DeleteJob,
    DescribeJob,
    ListJobFailures,
    ListJobs,
    PauseJob,
    ResubmitJob,
    ResumeJob,
)
from repertory.errors import BadParameter, BadRequest, UnknownResource
from repertory.http import params
from repertory.http.answers import answer, done, headers_for, ready_answer
from repertory.http.bridge import ask
from repertory.http.downloads import disposition, send_file
from repertory.http.jobs import job_view
from repertory.http.routing import Routes
from repertory.jobs import JobId, JobState

routes = Routes()

Q = TypeVar("Q", DescribeJobOutput, DeleteJobOutput)

_STATES = {state.value: state for state in JobState}


def _job(request: web.Request) -> JobId:
    return JobId(request.match_info["id"])


def _output(request: web.Request, question: Callable[..., Q]) -> Q:
    """What is said of the output that the path names."""
    return question(id=_job(request), key=request.match_info["key"])


@routes.get("/jobs")
async def list_jobs(request: web.Request) -> web.Response:
    """List the identifiers of the jobs, sorted.

    - `expand`: describe each job instead.
    - `state`: only jobs in one of these states, joined by `;`.
    - `type`: only jobs of one of these types, joined by `;`.
    - `since`, `limit`: skip so many, list so many (0: all the rest), in the order of submission.
    """
    words = params.words(request, "state")
    if any(word not in _STATES for word in words):
        raise BadParameter(f"A state is one of {', '.join(_STATES)}.")
    since = params.whole_number(request, "since")
    limit = params.whole_number(request, "limit")
    found = await ask(
        request,
        ListJobs(
            states=frozenset(_STATES[word] for word in words),
            types=frozenset(params.words(request, "type")),
            since=since or 0,
            limit=limit or 0,
        ),
    )
    if since is None and limit is None:
        found = tuple(sorted(found, key=lambda job: job.record.id))
    if params.flag(request, "expand"):
        return answer([job_view(job) for job in found])
    return answer([job.record.id for job in found])


@routes.get("/jobs/{id}", bare=(UnknownResource,))
async def describe_job(request: web.Request) -> web.Response:
    """Describe a job: its state, its progress, when it may be done, and why it failed.

    `FailedItemsCount` tells how many things it could not do although it went on.
    """
    return answer(job_view(await ask(request, DescribeJob(id=_job(request)))))


@routes.delete("/jobs/{id}")
async def delete_job(request: web.Request) -> web.Response:
    """Forget a job that is over."""
    await ask(request, DeleteJob(id=_job(request)))
    return done()


@routes.get("/jobs/{id}/failures", bare=(UnknownResource,))
async def list_job_failures(request: web.Request) -> web.Response:
    """List what a job could not do although it went on: an array of `{Item, Reason}`.

    - `since`, `limit`: skip so many, list so many (0: all the rest).
    """
    job = await ask(request, DescribeJob(id=_job(request)))
    question = ListJobFailures(
        id=job.record.id,
        since=params.whole_number(request, "since") or 0,
        limit=params.whole_number(request, "limit") or 0,
    )
    failures = await ask(request, question)
    return answer([{"Item": it.item, "Reason": it.reason} for it in failures])


@routes.get("/jobs/{id}/{key}")
async def read_job_output(request: web.Request) -> web.StreamResponse:
    """Give a file that a job made, or a range of it: `archive` for those that make archives."""
    output = await ask(request, _output(request, DescribeJobOutput))
    it = output.attachment
    headers = headers_for(
        output.media_type, etag=f'"{it.uuid}"', content_disposition=disposition(output.filename)
    )
    return await send_file(
        request,
        headers,
        it.uncompressed_size,
        lambda start, length: ReadFile(attachment=it, start=start, length=length),
        uuid=it.uuid,
    )


@routes.delete("/jobs/{id}/{key}")
async def delete_job_output(request: web.Request) -> web.Response:
    """Remove a file that a job made; the job stays."""
    await ask(request, _output(request, DeleteJobOutput))
    return done()


async def _order(request: web.Request, command: Callable[..., Command[None]]) -> web.Response:
    await ask(request, command(id=_job(request)))
    return ready_answer({})


@routes.post("/jobs/{id}/cancel", bare=(BadRequest,))
async def cancel_job(request: web.Request) -> web.Response:
    """Let a job fail between two steps; one that is over stays as it is."""
    return await _order(request, CancelJob)


@routes.post("/jobs/{id}/pause", bare=(BadRequest,))
async def pause_job(request: web.Request) -> web.Response:
    """Begin no further step of a job; one that is over stays as it is."""
    return await _order(request, PauseJob)


@routes.post("/jobs/{id}/resume", bare=(BadRequest,))
async def resume_job(request: web.Request) -> web.Response:
    """Go on with a paused job."""
    return await _order(request, ResumeJob)


@routes.post("/jobs/{id}/resubmit", bare=(BadRequest,))
async def resubmit_job(request: web.Request) -> web.Response:
    """Do a job that failed once more, from its beginning."""
    return await _order(request, ResubmitJob)
