"""A page for people: what the archive holds, at a glance."""

from pathlib import Path

from aiohttp import hdrs, web

from repertory.http.answers import STANDARD_HEADERS, headers_for
from repertory.http.routing import Routes

routes = Routes()

_PAGE = Path(__file__).parents[1] / "explorer.html"
_PAGE_HEADERS = headers_for(
    "text/html; charset=utf-8",
    content_security_policy=(
        "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline';"
        " style-src 'unsafe-inline'"
    ),
)


@routes.get("/")
async def go_to_explorer(_: web.Request) -> web.Response:
    """Lead to the page for people."""
    headers = STANDARD_HEADERS.copy()
    headers[hdrs.LOCATION] = "app/explorer.html"
    return web.Response(status=307, headers=headers)


@routes.get("/app/explorer.html")
async def show_explorer(_: web.Request) -> web.Response:
    """Show how much the archive holds, and the studies that came last, as a page for people."""
    return web.Response(body=_PAGE.read_bytes(), headers=_PAGE_HEADERS)
