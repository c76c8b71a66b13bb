"""What a client wants of several formats (RFC 9110 section 12.5.1)."""

from collections.abc import Sequence
from typing import TypeVar

from aiohttp import hdrs, web

from repertory.errors import UnknownItem

T = TypeVar("T")


def choose(request: web.Request, offered: Sequence[tuple[str, T]]) -> T:
    """The format that the header Accept likes best of those that are offered, by media type.

    Of several that it likes as much, the first that is offered.

    Raises:
        UnknownItem: it likes none of them.
    """
    header = ",".join(request.headers.getall(hdrs.ACCEPT, [])) or "*/*"
    wanted = [_read(part) for part in header.split(",") if part.strip()]
    best, chosen = 0.0, None
    for media_type, format_ in offered:
        liking = _liking(media_type, wanted)
        if liking > best:
            best, chosen = liking, format_
    if chosen is None:
        raise UnknownItem("None of the formats that the header Accept names can be had.")
    return chosen


def _read(part: str) -> tuple[str, float]:
    media_type, *parameters = (it.strip() for it in part.lower().split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_type, min(max(float(value), 0.0), 1.0)
            except ValueError:
                return media_type, 0.0
    return media_type, 1.0


def _liking(media_type: str, wanted: Sequence[tuple[str, float]]) -> float:
    """How much it is wanted, 0 to 1: what names it best counts."""
    for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        found = [quality for it, quality in wanted if it == pattern]
        if found:
            return max(found)
    return 0.0
