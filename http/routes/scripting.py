"""Scripts of users."""

from aiohttp import web

from repertory.actors.messages.scripting import ExecuteScript
from repertory.errors import Forbidden
from repertory.http.answers import text_answer
from repertory.http.bodies import read_text
from repertory.http.bridge import SETTINGS, ask
from repertory.http.routing import Routes

routes = Routes()


@routes.post("/tools/execute-script", bare=(Forbidden,))
async def execute_script(request: web.Request) -> web.Response:
    """Run a Lua script, the body, and answer what it prints.

    Functions and variables that it defines stay, callbacks among them. Forbidden unless
    `ExecuteLuaEnabled`.
    """
    if not request.app[SETTINGS].execute_lua_enabled:
        raise Forbidden
    return text_answer(await ask(request, ExecuteScript(text=await read_text(request))))
