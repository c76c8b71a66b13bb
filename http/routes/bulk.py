"""What is done to many resources at once."""

from aiohttp import web

from repertory.actors.messages.attachments import RemoveReleased
from repertory.http.answers import done
from repertory.http.bridge import SETTINGS, ask
from repertory.http.finding import read_fields
from repertory.http.jobs import Submission, run, submit
from repertory.http.routing import Routes

routes = Routes()

LONGEST_LIST = 32 << 20
"""Bytes of a body: some 600,000 identifiers."""


@routes.post("/tools/bulk-delete")
async def delete_resources(request: web.Request) -> web.Response:
    """Delete many resources of any level; those that are not there are passed over.

    The answer is empty. With `Asynchronous` it is `{ID, Path}` of a job that does the same.

    - `Resources`: an array of identifiers, or of objects `{Level, ID}`; required.
    - `Synchronous`, `Asynchronous`: whether the answer waits until all are deleted (it does).
    - `Priority`, `UserData`: of the job.
    """
    fields = await read_fields(request, limit=LONGEST_LIST)
    parameters = {"Resources": fields.need("Resources", list)}
    how = Submission(fields)
    if not how.synchronous:
        return await submit(request, "BulkDelete", parameters, how)
    await run(request, "BulkDelete", parameters, how, fleeting=True)
    if not request.app[SETTINGS].delayed_deletion.enable:
        await ask(request, RemoveReleased())
    return done()
