"""Whether the archive lives, and can do its work: for whoever starts, stops and balances it."""

import asyncio
from http import HTTPStatus
from typing import TypeVar

from aiohttp import web

from repertory.actors.messages.base import Query
from repertory.actors.messages.health import ProbeStorages
from repertory.actors.messages.places import ListPlaces
from repertory.errors import NoReplyInTime, RepertoryError
from repertory.http.answers import answer
from repertory.http.auth import is_anonymous
from repertory.http.bridge import BOARD
from repertory.http.routing import Routes
from repertory.http.views import Object

routes = Routes()

R = TypeVar("R")

LIVE, READY = "/health/live", "/health/ready"

PATIENCE = 5.0
"""Seconds within which everything has to have answered."""


@routes.get(LIVE)
async def tell_life(request: web.Request) -> web.Response:
    """Tell whether the process can go on: 200, or 503 once it has to be started anew.

    Nothing is asked, so an archive whose disk hangs lives. Whoever may come from where they are
    may ask without a password.
    """
    lives = request.app[BOARD].dead is None
    return _answer({"Status": "Live" if lives else "Dead"}, is_good=lives)


@routes.get(READY)
async def tell_readiness(request: web.Request) -> web.Response:
    """Tell whether the archive can do its work: 200, or 503 with what cannot.

    The index has to answer, and every storage to write: a disk a small file, an object store an
    empty object, which are removed at once. That takes 5 seconds at most; an answer about storages
    may be as many seconds old. Whoever may come from where they are may ask without a password,
    and is told the `Status` alone.
    """
    checks = await _checks(request)
    is_good = all(check["Status"] == "OK" for check in checks)
    told: Object = {"Status": "Ready" if is_good else "NotReady"}
    if not is_anonymous.get():
        told["Checks"] = checks
    return _answer(told, is_good=is_good)


async def _checks(request: web.Request) -> list[Object]:
    of_index, of_storages = _ask(request, ListPlaces()), _ask(request, ProbeStorages())
    found = await asyncio.gather(of_index, of_storages)
    (places, no_index), (storages, no_storage) = found
    if places is None:
        return [_check("Index", no_index)]
    if storages is None:
        return [_check("Index"), _check("Storage", no_storage)]
    names = {place.number: place.name for place in places}
    return [
        _check("Index"),
        *(
            {**_check("Storage", it.trouble), "Storage": names.get(it.location, "")}
            for it in storages
        ),
    ]


async def _ask(request: web.Request, question: Query[R]) -> tuple[R | None, str]:
    """An answer, or in a sentence why there is none."""
    try:
        return await request.app[BOARD].ask_async(question, timeout=PATIENCE), ""
    except NoReplyInTime:
        return None, f"It did not answer in {PATIENCE:g} seconds."
    except RepertoryError as error:
        return None, str(error)


def _check(name: str, trouble: str = "") -> Object:
    return {"Name": name, "Status": "Failed" if trouble else "OK", "Reason": trouble}


def _answer(told: Object, *, is_good: bool) -> web.Response:
    response = answer(told)
    if not is_good:
        response.set_status(HTTPStatus.SERVICE_UNAVAILABLE)
    response.headers["Cache-Control"] = "no-store"
    return response
