"""Whether files and index agree: checking, and mending what can be mended."""

import json
from typing import Any

from aiohttp import web

from repertory.actors.messages.integrity import AwaitCheck, BeginCheck, DescribeIntegrity
from repertory.errors import BadJson, NoReplyInTime
from repertory.http import reports
from repertory.http.answers import answer
from repertory.http.bodies import read_text
from repertory.http.bridge import BOARD, ask
from repertory.http.routing import Routes

routes = Routes()

PATIENCE = 60.0
"""Seconds that a request waits for a check that it did not have to ask for."""


@routes.get("/integrity")
async def describe_integrity(request: web.Request) -> web.Response:
    """Tell whether files and index agree, as the last check found, and how far a running one is.

    The answer is `{Running, Report}`, with `Phase`, `Done` and `Total` while a check runs. If none
    was made since the start, one is made, without checksums, and waited for up to a minute.
    `Report` lists what is `Damaged` (`Lost`, `WrongSize`, `Corrupted` or `Unreadable`, by resource
    and UUID), the `Orphans`, files that no resource owns, and the `Counters` that are wrong.
    """
    state = await ask(request, DescribeIntegrity())
    if state.report is None and not state.is_running:
        await ask(request, BeginCheck())
        try:
            state = await request.app[BOARD].ask_async(AwaitCheck(), timeout=PATIENCE)
        except NoReplyInTime:
            state = await ask(request, DescribeIntegrity())
    return answer(reports.integrity_state(state))


@routes.post("/integrity/check")
async def check(request: web.Request) -> web.Response:
    """Begin a check; uploads, queries and deletions go on meanwhile.

    The body may be `{"Checksums": true}`, to read every file and compare its MD5 sum, and
    `{"Synchronous": true}`, to be answered when it is done. The answer is that of `/integrity`.
    """
    return await _begin(request, repair=False)


@routes.post("/integrity/repair")
async def repair(request: web.Request) -> web.Response:
    """Begin a check that mends what can be mended; nothing is ever removed.

    Damaged files are marked: `Damage` then tells of it wherever the file is described. Orphans are
    moved to the folder `lost-and-found` of the storage area, laid out like the area itself.
    Counters are corrected. The body is that of `/integrity/check`. To mend a damaged file, upload
    its instance again.
    """
    return await _begin(request, repair=True)


async def _begin(request: web.Request, *, repair: bool) -> web.Response:
    options = _options(await read_text(request))
    state = await ask(request, BeginCheck(checksums=options.get("Checksums", False), repair=repair))
    if options.get("Synchronous", False):
        state = await ask(request, AwaitCheck())
    return answer(reports.integrity_state(state))


def _options(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text or "{}")
    except ValueError:
        raise BadJson("The body is no JSON.") from None
    if not isinstance(options, dict):
        raise BadJson("The body is no JSON object.")
    for name, value in options.items():
        if name not in ("Checksums", "Synchronous") or not isinstance(value, bool):
            raise BadJson("Only Checksums and Synchronous can be said, and are true or false.")
    return options
