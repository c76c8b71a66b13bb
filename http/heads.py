"""Heads of requests that are looked at, and of answers that are written, without aiohttp."""

import re
from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web
from aiohttp.helpers import rfc822_formatted_time

from repertory.http.answers import JSON_TYPE, STANDARD_HEADERS
from repertory.http.xml import prefers_xml

HARMLESS = frozenset(
    {"host", "user-agent", "accept-encoding", "accept-language", "cache-control", "pragma"}
    | {"referer", "cookie", "dnt", "accept", "connection", "authorization"}
)
"""Headers that change nothing of these answers, whatever they say or for what is looked at."""

STANDARD_LINES = b"".join(f"{name}: {it}\r\n".encode() for name, it in STANDARD_HEADERS.items())
"""What every answer carries."""

_HEADER = re.compile(r"([A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?[ \t]*")
_JSON_HEAD = b"HTTP/1.1 200 OK\r\n" + STANDARD_LINES + f"Content-Type: {JSON_TYPE}\r\n".encode()


def look_at(block: bytes, allowed: Collection[str]) -> dict[str, str] | None:
    """The headers of a block, which the empty line after them ends, by their names in lower case.

    ``None`` if there are others than those that are ``allowed``, if one is there twice or not
    plainly written, or if they ask for anything but JSON on a connection that is kept.
    """
    if not block.isascii():
        return None
    *lines, last, end = block.decode().split("\r\n")
    found = [_HEADER.fullmatch(line) for line in lines]
    headers = [(it[1].lower(), it[2] or "") for it in found if it is not None]
    given = dict(headers)
    harmless = (
        not last
        and not end
        and len(headers) == len(given) == len(lines)
        and "host" in given
        and all(name in allowed for name in given)
        and not prefers_xml(given.get("accept", ""))
        and given.get("connection", "keep-alive").lower() == "keep-alive"
    )
    return given if harmless else None


def ending(size: int) -> bytes:
    """The last headers of an answer."""
    return f"Content-Length: {size}\r\nDate: {rfc822_formatted_time()}\r\n\r\n".encode()


def json_answer(body: bytes) -> bytes:
    """A whole answer of JSON, status 200."""
    return _JSON_HEAD + ending(len(body)) + body


def written(response: web.Response) -> bytes:
    """A response as aiohttp would send it on a connection that is kept."""
    body = response.body if isinstance(response.body, bytes) else b""
    lines = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\r\n".join([*lines, ""]).encode() + ending(len(body)) + body
