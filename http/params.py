"""What a request says in its path and query."""

import re

from aiohttp import web

from repertory.errors import BadParameter, UnknownResource
from repertory.model import ChangeType, ResourceId, TagForm

_RESOURCE_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")
_CHANGE_TYPES = {change_type.word: change_type for change_type in ChangeType}
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}")


def resource_id(request: web.Request) -> ResourceId:
    """The identifier in the path.

    Raises:
        UnknownResource: it has not the form of one.
    """
    text = request.match_info["id"]
    if _RESOURCE_ID.fullmatch(text) is None:
        raise UnknownResource
    return ResourceId(text)


def flag(request: web.Request, name: str) -> bool:
    """Whether the query has a flag: its name, alone or with a value other than ``false``, ``0``."""
    return switch(request, name, default=False)


def switch(request: web.Request, name: str, *, default: bool) -> bool:
    """A flag that may be on where the query does not name it."""
    value = request.query.get(name)
    return default if value is None else value.lower() not in ("false", "0")


def whole_number(request: web.Request, name: str) -> int | None:
    """A number of the query; ``None`` where there is none, or none that can be read."""
    value = request.query.get(name, "").strip()
    return int(value) if _WHOLE_NUMBER.fullmatch(value) else None


def transcoding(request: web.Request) -> tuple[str, int | None]:
    """The transfer syntax that is wanted, "" for the one that a file has; and the quality.

    Raises:
        BadParameter: the quality is no number from 1 to 100.
    """
    text = request.query.get("lossy-quality", "").strip()
    if not text:
        return request.query.get("transcode", "").strip(), None
    quality = int(text) if _WHOLE_NUMBER.fullmatch(text) else 0
    if not 1 <= quality <= 100:
        raise BadParameter("The quality must be from 1 to 100.")
    return request.query.get("transcode", "").strip(), quality


def tag_form(request: web.Request, default: TagForm) -> TagForm:
    """The format of tags that the query asks for."""
    if not request.query_string:
        return default
    if flag(request, "full"):
        return TagForm.FULL
    if flag(request, "short"):
        return TagForm.SHORT
    return TagForm.SIMPLIFIED if flag(request, "simplify") else default


def words(request: web.Request, *names: str, separator: str = ";") -> tuple[str, ...]:
    """The words of a list in the query, under the first of ``names`` that it has."""
    for name in names:
        value = request.query.get(name)
        if value is not None:
            return tuple(word.strip() for word in value.split(separator) if word.strip())
    return ()


def change_types(request: web.Request) -> frozenset[ChangeType]:
    """The types of change that the query asks for; empty: all.

    Raises:
        BadParameter: there is no such type.
    """
    named = words(request, "type")
    if any(word not in _CHANGE_TYPES for word in named):
        raise BadParameter("Unknown type of change.")
    return frozenset(_CHANGE_TYPES[word] for word in named)
