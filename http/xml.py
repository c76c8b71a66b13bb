"""JSON answers as XML, for clients that ask for ``application/xml``."""

from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
from aiohttp import hdrs, web

from repertory.http.answers import headers_for

XML_TYPE = "application/xml; charset=utf-8"


def prefers_xml(accept: str) -> bool:
    """Whether the first type of an Accept header is XML; browsers name it, but later on."""
    return "xml" in accept and accept.partition(",")[0].partition(";")[0].strip().lower() in (
        "application/xml",
        "text/xml",
    )


def converted(response: web.StreamResponse) -> web.StreamResponse:
    """The response with its JSON written as XML; any other response as it is."""
    if (
        not isinstance(response, web.Response)
        or not isinstance(response.body, bytes)
        or not response.headers.get(hdrs.CONTENT_TYPE, "").startswith("application/json")
    ):
        return response
    return web.Response(
        status=response.status,
        body=to_xml(orjson.loads(response.body)),
        headers=headers_for(XML_TYPE),
    )


def to_xml(value: Any) -> bytes:
    """Write ``value`` below ``<root>``: members by their names, elements of arrays as ``<item>``.

    A name that is no XML name, such as ``0010,0020``, becomes ``<item name="0010,0020">``, where
    Orthanc writes what no parser reads.
    """
    lines = ['<?xml version="1.0" encoding="utf-8"?>']
    _write("root", value, "", lines)
    return ("\n".join(lines) + "\n").encode()


def _write(name: str, value: Any, indent: str, lines: list[str]) -> None:
    tag, attribute = name, ""
    if not (name.isidentifier() and name.isascii()):
        tag, attribute = "item", f" name={quoteattr(_legal(name))}"
    below: list[tuple[str, Any]]
    if isinstance(value, dict):
        below = list(value.items())
    elif isinstance(value, list):
        below = [("item", element) for element in value]
    else:
        lines.append(f"{indent}<{tag}{attribute}>{_text(value)}</{tag}>")
        return
    if not below:
        lines.append(f"{indent}<{tag}{attribute} />")
        return
    lines.append(f"{indent}<{tag}{attribute}>")
    for inner_name, inner in below:
        _write(inner_name, inner, indent + "  ", lines)
    lines.append(f"{indent}</{tag}>")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return escape(_legal(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def _legal(text: str) -> str:
    """The text without the control characters that XML 1.0 forbids (section 2.2)."""
    return "".join(c for c in text if c >= " " or c in "\t\n\r")
