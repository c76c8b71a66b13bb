"""Answers in Orthanc's form: its JSON (keys sorted, three spaces), its texts, its empty bodies."""

import asyncio
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring_ascii as quote
from math import isfinite
from typing import Any, TypeVar

from aiohttp import hdrs, web
from multidict import CIMultiDict

from repertory.version import VERSION

T = TypeVar("T")

_SLICE = 250
"""How many elements of an array are written at once: some milliseconds of the event loop."""

STANDARD_HEADERS = CIMultiDict(
    {"X-Content-Type-Options": "nosniff", hdrs.SERVER: f"Repertory/{VERSION}"}
)
"""What every answer carries."""

_MANY, _TOO_MANY = 24, 192
"""How many members an object has whose keys are remembered."""
_MOST_REMEMBERED = 64
_remembered: dict[tuple[str, ...], list[tuple[str, str]]] = {}

JSON_TYPE = "application/json; charset=utf-8"
READY_JSON_TYPE = "application/json"
"""Orthanc's type for bodies that are ready-made, and for all that its plugins answer."""


def headers_for(content_type: str, **more: str) -> "CIMultiDict[str]":
    """The standard headers with a Content-Type; ``content_disposition="…"`` adds that header."""
    headers = STANDARD_HEADERS.copy()
    headers[hdrs.CONTENT_TYPE] = content_type
    for name, value in more.items():
        headers[name.replace("_", "-").title()] = value
    return headers


_JSON_HEADERS = headers_for(JSON_TYPE)
_READY_HEADERS = headers_for(READY_JSON_TYPE)
_TEXT_HEADERS = headers_for("text/plain")


def answer(value: Any) -> web.Response:
    """Answer ``value`` as JSON."""
    return web.Response(body=to_json(value), headers=_JSON_HEADERS)


async def answer_many(things: tuple[T, ...], view: Callable[[T], Any]) -> web.Response:
    """Answer an array of views; between the slices of a long one, others get their turn."""
    if len(things) <= _SLICE:
        return answer([view(thing) for thing in things])
    written = []
    for start in range(0, len(things), _SLICE):
        views = [view(thing) for thing in things[start : start + _SLICE]]
        # The slice without its brackets, the first and the last two characters.
        written.append(to_json(views)[1:-2])
        await asyncio.sleep(0)
    return web.Response(body=b"[" + b",".join(written) + b"\n]", headers=_JSON_HEADERS)


def ready_answer(value: Any) -> web.Response:
    """Answer ``value`` as JSON whose type names no charset."""
    return web.Response(body=to_json(value), headers=_READY_HEADERS)


def text_answer(text: str) -> web.Response:
    """Answer a text."""
    return web.Response(body=text.encode(), headers=_TEXT_HEADERS)


def done() -> web.Response:
    """Say that it is done: Orthanc never answers 204, and pyorthanc needs a Content-Type."""
    return web.Response(body=b"", headers=_TEXT_HEADERS)


def to_json(value: Any) -> bytes:
    """Write ``value`` as Orthanc does.

    Keys are sorted, each element is on a line of its own, an object or array that is a member of
    an object begins on a new line, characters beyond ASCII are escaped.
    """
    # The standard library writes indented JSON in pure Python, one yield for each token. One
    # string for each member, joined, takes 5 us for a study instead of 13 (and orjson cannot
    # be told Orthanc's form).
    return _write(value, "\n").encode("ascii")


def _write(value: Any, newline: str) -> str:
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is dict:
        return _write_object(value, newline) if value else "{}"
    if kind is list or kind is tuple:
        return _write_array(value, newline) if value else "[]"
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return "null"
    if kind is float:
        return repr(value) if isfinite(value) else "null"
    return _write(_plain(value), newline)


def _write_object(members: dict[str, Any], newline: str) -> str:
    inner = newline + "   "
    if _MANY <= len(members) < _TOO_MANY:
        return _write_many(members, newline, inner)
    lines = []
    for key in sorted(members):
        value = members[key]
        kind = type(value)
        if kind is str:
            lines.append(f"{inner}{quote(key)} : {quote(value)}")
        elif value and kind is dict:
            lines.append(f"{inner}{quote(key)} : {inner}{_write_object(value, inner)}")
        else:
            text = _write(value, inner)
            begins_below = inner if text[0] in "{[" and len(text) > 2 else ""
            lines.append(f"{inner}{quote(key)} : {begins_below}{text}")
    return "{" + ",".join(lines) + newline + "}"


def _write_many(members: dict[str, Any], newline: str, inner: str) -> str:
    """The same where there are many: the tags of instances, which are mostly the same ones."""
    keys = (inner, *members)
    beginnings = _remembered.get(keys)
    if beginnings is None:
        beginnings = [(key, f"{inner}{quote(key)} : ") for key in sorted(members)]
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[keys] = beginnings
    lines = []
    for key, begin in beginnings:
        value = members[key]
        if type(value) is str:
            lines.append(begin + quote(value))
        else:
            text = _write(value, inner)
            begins_below = inner if text[0] in "{[" and len(text) > 2 else ""
            lines.append(f"{begin}{begins_below}{text}")
    return "{" + ",".join(lines) + newline + "}"


def _write_array(elements: list[Any] | tuple[Any, ...], newline: str) -> str:
    inner = newline + "   "
    joint = "," + inner
    lines = [quote(e) if type(e) is str else _write(e, inner) for e in elements]
    return f"[{inner}{joint.join(lines)}{newline}]"


def _plain(value: Any) -> Any:
    """A value of a type that JSON has, for one of a class derived from it."""
    if isinstance(value, Mapping):
        return dict(value)
    for kind in _PLAIN_TYPES:
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


_PLAIN_TYPES: tuple[type[Any], ...] = (str, int, float, list, tuple)
