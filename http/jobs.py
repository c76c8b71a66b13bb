"""Jobs on the wire: Orthanc's objects, and the fields that all submissions have in common."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from repertory.actors.messages.base import Question
from repertory.actors.messages.jobs import RunJob, SubmitJob
from repertory.errors import BadRequest, NoReplyInTime, error_named
from repertory.http.answers import answer
from repertory.http.bridge import BOARD, ask
from repertory.http.doorbell import DOORBELL
from repertory.http.errors import row_of
from repertory.http.finding import Fields
from repertory.jobs import JobDescription, JobState, Object, Value

PATIENCE = 7 * 24 * 3600.0
"""Seconds that a client may wait for a job."""

_LAST_MOMENT = 1.0
"""Seconds that a job gets to end for those who wait for it, once the archive stops."""

_DEEPEST = 32
"""Levels of what users give to a job: deeper JSON could be read, but not written again."""

_ROUNDING = 1e-9
"""Or 29 of 100 would be 28 per cent."""

_PRIORITIES = range(-(1 << 31), 1 << 31)


class Submission:
    """What the body of a request says of how its job is to be done.

    - ``Synchronous``, or its contrary ``Asynchronous``: whether the answer waits for the job.
    - ``Priority``: jobs of a higher one begin first (0).
    - ``UserData``: whatever is to be shown with the job.

    Raises:
        BadRequest: one of them has a wrong type or form, or the first two contradict each other.
    """

    def __init__(self, fields: Fields, *, synchronous: bool = True) -> None:
        self.synchronous = fields.get("Synchronous", synchronous)
        if "Asynchronous" in fields:
            asynchronous = fields.get("Asynchronous", default=False)
            if "Synchronous" in fields and self.synchronous == asynchronous:
                raise BadRequest("The fields Synchronous and Asynchronous contradict each other.")
            self.synchronous = not asynchronous
        self.priority = fields.get("Priority", 0)
        if self.priority not in _PRIORITIES:
            raise BadRequest("The field Priority must be a number of 32 bits.")
        self.user_data: Value = fields.value("UserData")
        if _is_deeper(self.user_data, _DEEPEST):
            raise BadRequest(
                f"The field UserData must not be nested deeper than {_DEEPEST} levels."
            )


async def submit(
    request: web.Request, type_: str, parameters: Object, how: Submission
) -> web.Response:
    """Submit a job, and answer where it is to be found."""
    id_ = await ask(
        request,
        SubmitJob(
            type=type_, parameters=parameters, priority=how.priority, user_data=how.user_data
        ),
    )
    return answer({"ID": id_, "Path": f"/jobs/{id_}"})


async def run(
    request: web.Request,
    type_: str,
    parameters: Object,
    how: Submission,
    *,
    fleeting: bool = False,
) -> JobDescription:
    """Submit a job, and wait for its success.

    Raises:
        RepertoryError: what the job failed by.
        NoReplyInTime: the archive stops; the job goes on when it starts again.
    """
    question = RunJob(
        type=type_,
        parameters=parameters,
        priority=how.priority,
        user_data=how.user_data,
        fleeting=fleeting,
    )
    job = await _wait(request, question)
    if job.record.error is not None:
        raise error_named(job.record.error.kind, job.record.error.details)
    return job


async def _wait(request: web.Request, question: Question[JobDescription]) -> JobDescription:
    """Wait for an answer that may take days, but no longer than the server runs."""
    asking = asyncio.ensure_future(request.app[BOARD].ask_async(question, timeout=PATIENCE))
    with request.app[DOORBELL].enter() as visitor:
        either: set[asyncio.Future[Any]] = {asking, visitor.ended}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not asking.done():
        await asyncio.wait({asking}, timeout=_LAST_MOMENT)
    if not asking.done():
        asking.cancel()
        raise NoReplyInTime("The archive is stopping; the job goes on when it starts again.")
    return asking.result()


def job_view(job: JobDescription) -> dict[str, Any]:
    """Orthanc's object for a job. ``FailedItemsCount`` is ours."""
    record = job.record
    row = None
    if job.state is JobState.FAILURE and record.error is not None:
        row = row_of(error_named(record.error.kind, record.error.details))
    view: dict[str, Any] = {
        "ID": record.id,
        "Type": record.type,
        "State": job.state.value,
        "Priority": record.priority,
        "Progress": int(record.progress * 100 + _ROUNDING),
        "ErrorCode": row.code if row else 0,
        "ErrorDescription": row.text if row else "Success",
        "ErrorDetails": record.error.details if row and record.error else "",
        "CreationTime": _moment(record.created_at),
        "Timestamp": _moment(job.now),
        "EffectiveRuntime": round(job.runtime, 3),
        "Content": job.content,
        "FailedItemsCount": record.failure_count,
    }
    if record.completed_at is not None:
        view["CompletionTime"] = _moment(record.completed_at)
    if job.arrives_at is not None:
        view["EstimatedTimeOfArrival"] = _moment(job.arrives_at)
    if record.user_data is not None:
        view["UserData"] = record.user_data
    return view


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether a JSON value has more than so many levels of arrays and objects."""
    layer = [value]
    for _ in range(levels + 1):
        layer = [
            item
            for each in layer
            if isinstance(each, list | dict)
            for item in (each.values() if isinstance(each, dict) else each)
        ]
        if not layer:
            return False
    return True


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%S.%f")
