"""Reconstructing resources, and compressing files."""

from typing import Any

import orjson
from aiohttp import web

from repertory.actors.messages.attachments import RecompressAttachment
from repertory.actors.messages.base import Question
from repertory.actors.messages.reconstruction import (
    ReconstructArchive,
    ReconstructionReport,
    ReconstructResource,
)
from repertory.errors import NotDicom
from repertory.http import params
from repertory.http.answers import answer, done, ready_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import BOARD, ask
from repertory.http.finding import Fields
from repertory.http.jobs import Submission, submit
from repertory.http.names import vocabulary
from repertory.http.routing import Routes
from repertory.jobs import Object
from repertory.model import Level

routes = Routes()

PATIENCE = 7 * 24 * 3600.0
"""Seconds that a client may wait for a reconstruction: it reads every file."""


@routes.post("/{level}/{id}/reconstruct")
async def reconstruct_resource(request: web.Request, level: Level) -> web.Response:
    """Make what the index says of a resource, all below it and its parents anew from the files.

    The body is empty or an object. What users wrote stays, and nothing becomes unstable.
    Where some instances cannot be read, the others are done all the same, and the answer is
    `{"Reconstructed": number, "Failures": [{ID, Reason}]}`; otherwise it is empty.

    - `ReconstructFiles`: also store files anew that have not the form that new files get
      (`StorageCompression`); the DICOM in them stays as it is.
    - `LimitToThisLevelMainDicomTags`: read one instance, refresh the resource alone.
    - `Asynchronous`, `Priority`, `UserData`: submit a job that does it, and answer `{ID, Path}`.
    """
    id_ = params.resource_id(request)
    options = await _options(request)
    parameters: Object = {
        "Level": level.word,
        "ID": id_,
        "ReconstructFiles": _switch(options, "ReconstructFiles"),
        "LimitToThisLevelMainDicomTags": _switch(options, "LimitToThisLevelMainDicomTags"),
    }
    how = Submission(Fields(options))
    if not how.synchronous:
        return await submit(request, "Reconstruct", parameters, how)
    return await _reconstruct(
        request,
        ReconstructResource(
            level=level,
            id=id_,
            rewrite_files=parameters["ReconstructFiles"],
            this_level_only=parameters["LimitToThisLevelMainDicomTags"],
        ),
    )


@routes.post("/tools/reconstruct")
async def reconstruct_archive(request: web.Request) -> web.Response:
    """Reconstruct the whole archive; the answer comes when all is done.

    - `ReconstructFiles`, `Asynchronous`, `Priority`, `UserData`: as for one resource.
    """
    options = await _options(request)
    rewrite_files = _switch(options, "ReconstructFiles")
    how = Submission(Fields(options))
    if not how.synchronous:
        parameters = {"ReconstructFiles": rewrite_files}
        return await submit(request, "Reconstruct", parameters, how)
    return await _reconstruct(request, ReconstructArchive(rewrite_files=rewrite_files))


@routes.post("/{level}/{id}/attachments/{name}/compress")
async def compress_attachment(request: web.Request, level: Level) -> web.Response:
    """Store the file of an attachment anew, compressed; one that is so already stays."""
    return await _recompress(request, level, compressed=True)


@routes.post("/{level}/{id}/attachments/{name}/uncompress")
async def uncompress_attachment(request: web.Request, level: Level) -> web.Response:
    """Store the file of an attachment anew, as it is; one that is so already stays."""
    return await _recompress(request, level, compressed=False)


async def _recompress(request: web.Request, level: Level, *, compressed: bool) -> web.Response:
    question = RecompressAttachment(
        level=level,
        id=params.resource_id(request),
        content_type=vocabulary(request).attachments.number(request.match_info["name"]),
        compressed=compressed,
    )
    await ask(request, question)
    return ready_answer({})


async def _reconstruct(
    request: web.Request, question: Question[ReconstructionReport]
) -> web.Response:
    report = await request.app[BOARD].ask_async(question, timeout=PATIENCE)
    if not report.failures:
        return done()
    return answer(
        {
            "Failures": [{"ID": it.id, "Reason": it.reason} for it in report.failures],
            "Reconstructed": report.reconstructed,
        }
    )


async def _options(request: web.Request) -> dict[str, Any]:
    """The options in the body; what is no object is passed over, as in Orthanc."""
    try:
        options = orjson.loads(await read_text(request))
    except orjson.JSONDecodeError:
        return {}
    return options if isinstance(options, dict) else {}


def _switch(options: dict[str, Any], name: str) -> bool:
    value = options.get(name, False)
    if not isinstance(value, bool):
        # The error that Orthanc answers.
        raise NotDicom(f"{name} must be true or false.")
    return value
