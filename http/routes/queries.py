"""What other application entities answered to our queries."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from repertory.actors.messages.modalities import (
    DeleteQuery,
    DescribeModality,
    DescribeQuery,
    KeptQuery,
    ListQueries,
    QueryModality,
)
from repertory.errors import BadParameter, BadRequest, UnknownResource
from repertory.http import params
from repertory.http.answers import answer, done, text_answer
from repertory.http.bridge import SETTINGS, ask
from repertory.http.finding import Fields
from repertory.http.jobs import Submission, run, submit
from repertory.http.modalities import (
    call_of,
    read_body,
    read_optional_fields,
    strings_of,
    timeout_of,
)
from repertory.http.routing import TREE, Routes
from repertory.model import Level, TagForm

routes = Routes()

_JOBS = {"C-MOVE": "DicomMoveScu", "C-GET": "DicomGetScu"}
_DEFAULT = "SystemDefault"
_UNIQUE_KEYS = {
    "PatientID": "0010,0020",
    "StudyInstanceUID": "0020,000d",
    "SeriesInstanceUID": "0020,000e",
    "SOPInstanceUID": "0008,0018",
}
_KNOWN_BY = {
    Level.PATIENT: ("PatientID",),
    Level.STUDY: ("StudyInstanceUID",),
    Level.SERIES: ("StudyInstanceUID", "SeriesInstanceUID"),
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
    return answer(request.app[TREE].names_below(request.path))


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
    return answer(request.app[TREE].names_below(request.path))


@routes.get("/queries/{id}/answers/{index}/content")
async def describe_answer(request: web.Request) -> web.Response:
    """Show an answer.

    - `simplify`, `short`: the form of the tags.
    """
    query = await _query(request, params.tag_form(request, TagForm.FULL))
    return answer(_answer_of(request, query))


@routes.post("/queries/{id}/answers/{index}/retrieve")
async def retrieve_answer(request: web.Request) -> web.Response:
    """Let the modality send what one answer is about (C-MOVE or C-GET), by a job.

    The body is the title of who is to receive it, or an object:

    - `TargetAet`: that title; this archive if it is not given.
    - `RetrieveMethod`: C-MOVE, C-GET or SystemDefault; otherwise that of the modality, or
      `DicomDefaultRetrieveMethod`. By C-GET all comes to this archive.
    - `Timeout`: seconds to wait for an answer.
    - `Retries`: how often it is tried again where the modality cannot be reached.
    - `Synchronous`, `Asynchronous`, `Priority`, `UserData`: of the job.
    """
    query = await _query(request, TagForm.SHORT)
    return await _retrieve(request, query, [_answer_of(request, query)])


@routes.post("/queries/{id}/retrieve")
async def retrieve_answers(request: web.Request) -> web.Response:
    """Let the modality send what all answers are about; as for one."""
    query = await _query(request, TagForm.SHORT)
    return await _retrieve(request, query, list(query.answers))


@routes.post("/queries/{id}/answers/{index}/query-studies")
async def query_studies_of_answer(request: web.Request) -> web.Response:
    """Search for the studies of what one answer is about; `{ID, Path}` of the new query.

    - `Query`: tags, each with what its value must match, besides.
    - `Timeout`: seconds to wait for an answer.
    """
    return await _query_below(request, Level.STUDY)


@routes.post("/queries/{id}/answers/{index}/query-series")
async def query_series_of_answer(request: web.Request) -> web.Response:
    """Search for the series of what one answer is about; as for studies."""
    return await _query_below(request, Level.SERIES)


@routes.post("/queries/{id}/answers/{index}/query-instances")
async def query_instances_of_answer(request: web.Request) -> web.Response:
    """Search for the instances of what one answer is about; as for studies."""
    return await _query_below(request, Level.INSTANCE)


async def _query_below(request: web.Request, level: Level) -> web.Response:
    query = await _query(request, TagForm.SHORT)
    found = _answer_of(request, query)
    if level <= query.level:
        raise UnknownResource
    # What the level of the answer, and those above it, are known by. Studies are known without
    # their patient: below them PatientID is no unique key (PS3.4 C.6.2.1).
    names = _KNOWN_BY[query.level]
    above = {name: found.get(_UNIQUE_KEYS[name]) or "" for name in names}
    if not above[names[-1]]:
        raise BadParameter("The answer does not say what it is about.")
    fields = await read_optional_fields(request)
    name = await ask(
        request,
        QueryModality(
            modality=query.modality,
            level=level,
            keys={**strings_of(fields.get("Query", dict[str, Any]()), "Query"), **above},
            local_aet=fields.get("LocalAet", "") or query.local_aet,
            timeout=timeout_of(fields),
        ),
    )
    return answer({"ID": name, "Path": f"/queries/{name}"})


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
    call = call_of(request, fields, synchronous=how.synchronous)
    job = _JOBS[await _method(request, fields, query.modality)]
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
        return await submit(request, job, parameters, how)
    return answer((await run(request, job, parameters, how)).content)


async def _method(request: web.Request, fields: Fields, name: str) -> str:
    """By what to retrieve: the request says it, the modality, or the configuration.

    Raises:
        BadParameter: the request says something else.
    """
    method = fields.get("RetrieveMethod", _DEFAULT)
    if method not in (*_JOBS, _DEFAULT):
        raise BadParameter("The field RetrieveMethod must be C-MOVE, C-GET or SystemDefault.")
    if method == _DEFAULT:
        method = (await ask(request, DescribeModality(name=name))).retrieve_method
    return request.app[SETTINGS].dicom_default_retrieve_method if method == _DEFAULT else method
