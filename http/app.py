"""The REST API as an aiohttp application, to be served alone or below a host's own."""

from functools import partial

from aiohttp import web

from repertory.actors.switchboard import Switchboard
from repertory.conf.settings import Settings
from repertory.http.bridge import BOARD, CONTROL, SETTINGS, Control
from repertory.http.dispatch import PATTERN, Dispatcher
from repertory.http.doorbell import DOORBELL, Doorbell
from repertory.http.filtering import RequestFilter
from repertory.http.names import VOCABULARY, Vocabulary
from repertory.http.read_only import is_there
from repertory.http.routes import ALL, housekeeper, tiering
from repertory.http.routes.changes_stream import PAGES, Pages
from repertory.http.routing import TREE, RouteTree

DISPATCHER = web.AppKey("dispatcher", Dispatcher)


def make_app(
    board: Switchboard,
    settings: Settings,
    *,
    control: Control | None = None,
    guarded: bool = True,
) -> web.Application:
    """Make the application.

    Args:
        board: where its questions go.
        settings: how it behaves.
        control: what it may do to the archive's process; without it, stopping and logging are
            the business of the program that embeds the application, and asking for them is
            forbidden.
        guarded: whether users must say who they are, and scripts may keep them out; only who
            asks from within need not, and cannot be.

    Raises:
        CannotStart: the settings contradict each other.
    """
    tree = RouteTree(
        route
        for routes in ALL
        for route in routes
        if is_there(route, read_only=settings.read_only)
        and housekeeper.is_switched_on(route, settings)
        and tiering.is_switched_on(route, settings)
    )
    request_filter = RequestFilter(board) if guarded else None
    dispatcher = Dispatcher(
        tree,
        settings,
        guarded=guarded,
        request_filter=request_filter,
        board=board,
    )
    if guarded and board.meters is not None:
        board.meters.active_requests = lambda: len(dispatcher.busy)
    app = web.Application(client_max_size=0)  # bodies are measured where they are read
    app[BOARD] = board
    app[SETTINGS] = settings
    app[CONTROL] = control
    app[TREE] = tree
    app[VOCABULARY] = Vocabulary(settings)
    app[PAGES] = Pages()
    bell = app[DOORBELL] = Doorbell(board)
    app.on_shutdown.append(partial(_end_visits, bell))
    app[DISPATCHER] = dispatcher
    app.router.add_route("*", PATTERN, dispatcher.handle, expect_handler=_expect)
    return app


async def _end_visits(bell: Doorbell, _: web.Application) -> None:
    bell.close()


async def _expect(_: web.Request) -> None:
    """Refuse nothing: clients send an empty Expect.

    One that waits for 100 gets it when its body is read, so that none is sent only to be refused.
    """
