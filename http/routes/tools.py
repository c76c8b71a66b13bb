"""Tools: time, identifiers, look-up, logging, stopping."""

import uuid
from datetime import UTC, datetime

from aiohttp import web

from repertory.actors.messages.resources import LookupIdentifier
from repertory.errors import BadParameter, Forbidden, UnknownItem
from repertory.http import views
from repertory.http.answers import answer, done, ready_answer, text_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import CONTROL, Control, ask, settled
from repertory.http.routing import TREE, Routes, split
from repertory.model import Level

routes = Routes()

LOG_LEVELS = ("default", "verbose", "trace")

_TIME_FORMAT = "%Y%m%dT%H%M%S"
_LEVEL_WORDS = frozenset(level.word.lower() for level in Level)


@routes.get("/tools")
async def list_tools(request: web.Request) -> web.Response:
    """List the tools."""
    return answer(request.app[TREE].names_below("/tools"))


@routes.get("/tools/now")
async def tell_time(_: web.Request) -> web.Response:
    """Tell the time, UTC, as `YYYYMMDDTHHMMSS`."""
    return text_answer(datetime.now(UTC).strftime(_TIME_FORMAT))


@routes.get("/tools/now-local")
async def tell_local_time(_: web.Request) -> web.Response:
    """Tell the server's local time as `YYYYMMDDTHHMMSS`."""
    return text_answer(datetime.now().strftime(_TIME_FORMAT))


@routes.get("/tools/generate-uid", bare=(UnknownItem,))
async def generate_uid(request: web.Request) -> web.Response:
    """Make a DICOM identifier that nobody else uses (PS3.5 section B.2).

    - `level`: `patient`, `study`, `series` or `instance`; required.
    """
    level = request.query.get("level", "").lower()
    if level not in _LEVEL_WORDS:
        raise UnknownItem
    return text_answer(f"2.25.{uuid.uuid4().int}")


@routes.post("/tools/lookup")
async def look_up(request: web.Request) -> web.Response:
    """Find the resources that have a DICOM identifier.

    The body is the whole text of a PatientID, StudyInstanceUID, SeriesInstanceUID or
    SOPInstanceUID; the answer an array of `{ID, Path, Type}`.
    """
    identifier = await read_text(request)
    found = await ask(request, LookupIdentifier(identifier=identifier))
    return answer([views.reference(it) for it in found])


def _control(request: web.Request) -> Control:
    control = request.app[CONTROL]
    if control is None:
        raise Forbidden("The archive is part of another program, which alone controls it.")
    return control


@routes.post("/tools/shutdown")
async def shut_down(request: web.Request) -> web.Response:
    """Stop the archive; requests that were made before are answered."""
    _control(request).shutdown()
    return ready_answer({})


@routes.post("/tools/reset")
async def reset(request: web.Request) -> web.Response:
    """Stop the archive, and start it anew from its configuration."""
    _control(request).reset()
    return ready_answer({})


async def tell_log_level(request: web.Request) -> web.Response:
    """Tell how much the archive, or one part of it, logs: `default`, `verbose` or `trace`."""
    control = request.app[CONTROL]
    if control is None:
        return text_answer("default")
    return text_answer(await settled(control.log_level(_category(request))))


async def set_log_level(request: web.Request) -> web.Response:
    """Log more or less from now on: the body is `default`, `verbose` or `trace`."""
    level = (await read_text(request)).strip()
    if level not in LOG_LEVELS:
        raise BadParameter(f"A log level is one of {', '.join(LOG_LEVELS)}.")
    await settled(_control(request).set_log_level(_category(request), level))
    return done()


_CATEGORY_OF = {"log-level": ""} | {
    f"log-level-{part}": part
    for part in ("generic", "plugins", "http", "sqlite", "dicom", "jobs", "lua")
}

for _tool in _CATEGORY_OF:
    routes.get(f"/tools/{_tool}")(tell_log_level)
    routes.put(f"/tools/{_tool}")(set_log_level)


def _category(request: web.Request) -> str:
    return _CATEGORY_OF[split(request.path)[-1]]
