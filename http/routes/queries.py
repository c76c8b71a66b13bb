"""What other application entities answered to our queries."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repertory.actors.messages.modalities import (
    DeleteQuery,
    DescribeQuery,
    KeptQuery,
    ListQueries,
)
from repertory.errors import BadParameter, BadRequest
from repertory.http import params
from repertory.http.answers import answer, done, text_answer
from repertory.http.bridge import ask
from repertory.http.finding import Fields
from repertory.http.jobs import Submission, run, submit
from repertory.http.modalities import call_of, read_body
from repertory.http.routing import Routes
from repertory.model import TagForm

routes = Routes()

_OPERATIONS = ["answers", "level", "modality", "query", "retrieve"]
_UNIQUE_KEYS = {
    "PatientID": "0010,0020",
    "StudyInstanceUID": "0020,000d",
    "SeriesInstanceUID": "0020,000e",
    "SOPInstanceUID": "0008,0018",
}


async def _query(request: web.Request, form: TagForm = TagForm.FULL) -> KeptQuery:
    return await ask(request, DescribeQuery(id=request.match_info["id"], form=form))


def _answer_of(request: web.Request, query: KeptQuery) -> Mapping[str, Any]:
    index = request.match_info["index"]
    if not index.isascii() or not index.isdigit() or int(index[:9]) >= len(query.answers):
        raise BadParameter("The query has no such answer.")
    return query.answers[int(index)]


@routes.get("/queries")
async def list_queries(request: web.Request) -> web.Response:
    """List the queries that are kept; the oldest are forgotten first (QueryRetrieveSize)."""
    names = await ask(request, ListQueries())
    return answer(list(names))


@routes.get("/queries/{id}")
async def list_query_operations(request: web.Request) -> web.Response:
    """List what can be asked of a query."""
    await _query(request)
    return answer(_OPERATIONS)


@routes.delete("/queries/{id}")
async def delete_query(request: web.Request) -> web.Response:
    """Forget a query."""
    await ask(request, DeleteQuery(id=request.match_info["id"]))
    return done()


@routes.get("/queries/{id}/level")
async def describe_query_level(request: web.Request) -> web.Response:
    """Tell the level of a query."""
    return text_answer((await _query(request)).level.word)


@routes.get("/queries/{id}/modality")
async def describe_query_modality(request: web.Request) -> web.Response:
    """Tell the modality that was asked."""
    return text_answer((await _query(request)).modality)


@routes.get("/queries/{id}/query")
async def describe_query(request: web.Request) -> web.Response:
    """Show what was asked for.

    - `simplify`, `short`: the form of the tags.
    """
    form = params.tag_form(request, TagForm.FULL)
    return answer((await _query(request, form)).query)


@routes.get("/queries/{id}/answers")
async def list_answers(request: web.Request) -> web.Response:
    """List the numbers of the answers.

    - `expand`: the answers themselves.
    - `simplify`, `short`: the form of their tags.
    """
    query = await _query(request, params.tag_form(request, TagForm.FULL))
    if "expand" in request.query:
        return answer(list(query.answers))
    return answer([str(index) for index in range(len(query.answers))])


@routes.get("/queries/{id}/answers/{index}")
async def list_answer_operations(request: web.Request) -> web.Response:
    """List what can be asked of an answer."""
    _answer_of(request, await _query(request))
    return answer(["content", "retrieve"])


@routes.get("/queries/{id}/answers/{index}/content")
async def describe_answer(request: web.Request) -> web.Response:
    """Show an answer.

    - `simplify`, `short`: the form of the tags.
    """
    query = await _query(request, params.tag_form(request, TagForm.FULL))
    return answer(_answer_of(request, query))


@routes.post("/queries/{id}/answers/{index}/retrieve")
async def retrieve_answer(request: web.Request) -> web.Response:
    """Let the modality send what one answer is about (C-MOVE), by a job.

    The body is the title of who is to receive it, or an object:

    - `TargetAet`: that title; this archive if it is not given.
    - `Timeout`: seconds to wait for an answer.
    - `Synchronous`, `Asynchronous`, `Priority`, `UserData`: of the job.
    """
    query = await _query(request, TagForm.SHORT)
    return await _retrieve(request, query, [_answer_of(request, query)])


@routes.post("/queries/{id}/retrieve")
async def retrieve_answers(request: web.Request) -> web.Response:
    """Let the modality send what all answers are about; as for one."""
    query = await _query(request, TagForm.SHORT)
    return await _retrieve(request, query, list(query.answers))


async def _retrieve(
    request: web.Request, query: KeptQuery, answers: list[Mapping[str, Any]]
) -> web.Response:
    body = await read_body(request)
    if body is None or isinstance(body, str):
        body = {"TargetAet": body or ""}
    if not isinstance(body, dict):
        raise BadRequest("The body must be a title, or an object.")
    fields = Fields(body)
    how = Submission(fields)
    call = call_of(fields)
    parameters = {
        "Modality": query.modality,
        "Level": query.level.word,
        "Resources": [
            {name: it[tag] for name, tag in _UNIQUE_KEYS.items() if it.get(tag)} for it in answers
        ],
        "TargetAet": fields.get("TargetAet", ""),
        **call,
        "LocalAet": call["LocalAet"] or query.local_aet,
    }
    if not how.synchronous:
        return await submit(request, "DicomMoveScu", parameters, how)
    return answer((await run(request, "DicomMoveScu", parameters, how)).content)
