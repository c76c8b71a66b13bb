"""Webhooks: who is told of what happens, how far each has got, and what was refused."""

import json
from typing import Any

from aiohttp import web

from repertory.actors.messages.delivery import (
    DescribeTarget,
    DescribeTargets,
    PauseTarget,
    ReplayDeadLetters,
    ReplayEvents,
    ResumeTarget,
)
from repertory.actors.messages.following import DropDeadLetters, ListDeadLetters
from repertory.errors import BadJson, BadParameter, UnknownItem
from repertory.http import params
from repertory.http.answers import answer
from repertory.http.bodies import read_text
from repertory.http.bridge import ask
from repertory.http.event_views import dead_letter, target_state
from repertory.http.routing import Routes

routes = Routes()


@routes.get("/webhooks")
async def list_webhooks(request: web.Request) -> web.Response:
    """Tell what each webhook does.

    `State` is `Idle`, `Delivering`, `Retrying` or `Paused`. `Position` is the number up to which
    all was delivered, or put aside; `Lag` is how many numbers the log has after it. `Failures`
    counts the attempts that failed since the last that did not.
    """
    states = await ask(request, DescribeTargets())
    return answer([target_state(state) for state in states])


@routes.get("/webhooks/{name}")
async def describe_webhook(request: web.Request) -> web.Response:
    """Tell what one webhook does."""
    return answer(target_state(await ask(request, DescribeTarget(name=_name(request)))))


@routes.post("/webhooks/{name}/pause")
async def pause_webhook(request: web.Request) -> web.Response:
    """Tell a webhook nothing until it is resumed, over restarts too; it misses nothing."""
    return answer(target_state(await ask(request, PauseTarget(name=_name(request)))))


@routes.post("/webhooks/{name}/resume")
async def resume_webhook(request: web.Request) -> web.Response:
    """Go on with a webhook that is paused; one that waits for its next attempt tries at once."""
    return answer(target_state(await ask(request, ResumeTarget(name=_name(request)))))


@routes.post("/webhooks/{name}/replay")
async def replay_events(request: web.Request) -> web.Response:
    """Tell a webhook again what came after a number, as far as the log still has it.

    The body is `{"Since": 1234}`. A number beyond the position passes over what lies between.
    """
    since = _object(await read_text(request), "Since").get("Since")
    if isinstance(since, bool) or not isinstance(since, int):
        raise BadJson("Since must be a whole number.")
    question = ReplayEvents(name=_name(request), since=since)
    return answer(target_state(await ask(request, question)))


@routes.get("/webhooks/{name}/dead-letters")
async def list_dead_letters(request: web.Request) -> web.Response:
    """List the events that a webhook refused until the archive gave up.

    - `since`: begin after this `Number`.
    - `limit`: at most so many, 100 if it is not given.
    """
    name = (await ask(request, DescribeTarget(name=_name(request)))).name
    limit = params.whole_number(request, "limit")
    question = ListDeadLetters(
        name=name,
        since=params.whole_number(request, "since") or 0,
        limit=100 if limit is None else limit,
    )
    return answer([dead_letter(letter) for letter in await ask(request, question)])


@routes.post("/webhooks/{name}/dead-letters/replay")
async def replay_dead_letters(request: web.Request) -> web.Response:
    """Deliver dead letters once more, before all else; those that arrive are forgotten.

    The body may name some: `{"Numbers": [3, 4]}`. The answer is how many will be tried; the first
    that fails ends it, and the others stay.
    """
    numbers = _object(await read_text(request), "Numbers").get("Numbers")
    if numbers is not None and (
        not isinstance(numbers, list)
        or any(isinstance(one, bool) or not isinstance(one, int) for one in numbers)
    ):
        raise BadJson("Numbers must be a list of whole numbers.")
    count = await ask(
        request,
        ReplayDeadLetters(name=_name(request), numbers=None if numbers is None else tuple(numbers)),
    )
    return answer({"Replayed": count})


@routes.delete("/webhooks/{name}/dead-letters")
async def drop_dead_letters(request: web.Request) -> web.Response:
    """Forget all dead letters of a webhook."""
    name = (await ask(request, DescribeTarget(name=_name(request)))).name
    return answer({"Dropped": await ask(request, DropDeadLetters(name=name))})


@routes.delete("/webhooks/{name}/dead-letters/{number}")
async def drop_dead_letter(request: web.Request) -> web.Response:
    """Forget one dead letter."""
    name = (await ask(request, DescribeTarget(name=_name(request)))).name
    text = request.match_info["number"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadParameter("Dead letters have numbers.")
    dropped = await ask(request, DropDeadLetters(name=name, numbers=(int(text),)))
    if not dropped:
        raise UnknownItem("There is no such dead letter.")
    return answer({"Dropped": dropped})


def _name(request: web.Request) -> str:
    return request.match_info["name"]


def _object(text: str, *known: str) -> dict[str, Any]:
    try:
        members = json.loads(text or "{}")
    except ValueError:
        raise BadJson("The body is no JSON.") from None
    if not isinstance(members, dict) or set(members) - set(known):
        raise BadJson(f"The body is no JSON object of {', '.join(known)}.")
    return members
